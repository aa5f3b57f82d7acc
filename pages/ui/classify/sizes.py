"""Accuracy against the number of training texts: would more labels help? Measured by a run that a button starts, and drawn
as it comes: the browser asks the route `./sizes/<race>`, so that what grows costs no script run."""

from collections.abc import Callable, Sequence
from functools import partial

import plotly.graph_objects as go
import streamlit as st
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from llm_core.data.table_writing import as_table
from llm_core.errors import N_, UserError
from llm_core.runs import data_sizes
from llm_core.runs.data_sizes import Point
from llm_core.runs.raced import Race, open_race
from pages.ui import measuring
from pages.ui.charts import Colors, layout
from pages.ui.classify.families import LOOKS, color, title
from pages.ui.classify.scored import Scored
from pages.ui.faults import refuse
from pages.ui.http import NO_STORE, language_of, refusal
from pages.ui.live import ask
from pages.ui.state import CLASSIFY_SIZED_KEY, CLASSIFY_SIZES_FAULT_KEY, store
from pages.ui.text import _, language, number, translate
from pages.ui.who import owner

WORDS = {
    "x": N_("training texts"), "y": N_("accuracy on the test texts (%)"),
    "hover": N_("{family}, from {texts} texts: {accuracy} % right ({low} to {high} %)."),
}  # fmt: skip
"""What the figure says; translated where it is drawn, which is not always in a session."""


def show(scored: Scored, family: str) -> None:
    """Which families to measure, the button, and the curves."""
    if (fault := st.session_state.pop(CLASSIFY_SIZES_FAULT_KEY, None)) is not None:
        refuse(fault)
    race = open_race(store().find(scored.run))
    usual = [name for name in scored.families if name != "majority"]
    st.session_state.setdefault(CLASSIFY_SIZED_KEY, usual)
    st.session_state[CLASSIFY_SIZED_KEY] = [
        name for name in st.session_state[CLASSIFY_SIZED_KEY] if name in scored.families
    ]
    chosen = st.multiselect(
        _("Families to measure"), scored.families, key=CLASSIFY_SIZED_KEY, format_func=title, persist_state="session",
        help=_("Each learns again from a fiftieth to a half of the training texts, as long each time as it took in the race."),
    )  # fmt: skip
    seconds = sum(max(1.0, float(scored.results[name]["seconds"])) for name in chosen) * 5
    measuring.component()(
        key="classify_sizes",
        data={
            "address": f"sizes/{scored.run}", "language": language(), "name": f"terrarium-data-sizes-{scored.run}", "code": python(scored.run, chosen),
            "ready": bool(chosen), "most_seconds": seconds, "labels": labels(),
        },
        on_command_change=lambda: _obey(race, st.session_state["classify_sizes"].get("command")),
    )  # fmt: skip
    st.caption(_("A line that still rises at its end says that more labelled texts would help; a flat one, that they would not. Each point is one drawing of texts: small wiggles mean nothing."))  # fmt: skip


def _obey(race: Race, command: object) -> None:
    """Begin to measure, or stop; what comes from the browser is checked like anything else from outside."""
    name = command.get("command") if isinstance(command, dict) else None
    chosen = [family for family in st.session_state.get(CLASSIFY_SIZED_KEY, ()) if family in race.results]
    try:
        if name == "measure" and chosen:
            data_sizes.start(store(), race, owner(), chosen)
        elif name == "stop":
            for run in data_sizes.find_runs(store(), race.run)[:1]:
                ask(run.id, "stop")
    except UserError as error:
        st.session_state[CLASSIFY_SIZES_FAULT_KEY] = error


def sizes_route(request: Request) -> Response:
    """The curves as they are now, in both looks, unless the browser has just these; and how a measuring stands."""
    code = language_of(request)
    try:
        race = open_race(store().find(request.path_params["run"]))
        runs = data_sizes.find_runs(store(), race.run)
        points = data_sizes.points(race, runs)
    except UserError as error:
        return refusal(error, code)
    words = partial(translate, code=code)
    newest = runs[0] if runs else None
    told = measuring.reply(
        request, newest, points, len(points), partial(figure, points, words), partial(csv, points), code
    )
    return JSONResponse(told, headers=NO_STORE)


def figure(points: Sequence[Point], words: Callable[[str], str], colors: Colors) -> go.Figure:
    """A line with intervals for each family, over the number of texts on a logarithmic axis."""
    made = go.Figure(layout=layout(colors))
    for family in LOOKS:
        line = [point for point in points if point.family == family]
        if not line:
            continue
        look, shade = LOOKS[family], color(family, colors)
        name = words(look.title)
        made.add_scatter(
            x=[point.texts for point in line], y=[100 * point.accuracy for point in line], mode="lines+markers", name=name,
            line={"color": shade, "dash": look.dash, "width": 2}, marker={"symbol": look.symbol, "size": 9, "color": shade},
            error_y={"type": "data", "symmetric": False, "array": [100 * (point.high - point.accuracy) for point in line], "arrayminus": [100 * (point.accuracy - point.low) for point in line], "color": shade, "thickness": 1, "width": 3},
            customdata=[[100 * point.low, 100 * point.high] for point in line],
            hovertemplate=words(WORDS["hover"]).format(family=name, texts="%{x:,}", accuracy="%{y:.1f}", low="%{customdata[0]:.1f}", high="%{customdata[1]:.1f}") + "<extra></extra>",
        )  # fmt: skip
    sizes = sorted({point.texts for point in points})
    made.update_layout(
        margin={"l": 58, "r": 20, "t": 14, "b": 50}, showlegend=True, legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
        xaxis={"type": "log", "tickvals": sizes, "ticktext": [number(size) for size in sizes], "title": {"text": words(WORDS["x"])}, "showgrid": True}, yaxis={"title": {"text": words(WORDS["y"])}},
    )  # fmt: skip
    return made


def csv(points: Sequence[Point]) -> str:
    """The points in exact numbers."""
    return as_table(
        ("family", "texts", "accuracy", "low", "high", "macro_f1"),
        ((p.family, p.texts, p.accuracy, p.low, p.high, p.macro_f1) for p in points),
    )


def labels() -> dict[str, str]:
    """Every word that the component says. Places are filled in the browser."""
    return {
        "picture": _("Accuracy of the families against the number of training texts"),
        "empty": _("Here stands how good each family is when it learns from fewer texts: whether more labels would help."),
        "measure": _("Measure (at most {time})", time="{time}"),
        "running": _("Learning from shares of the training texts: {share} done, at most {time} remaining.", share="{share}", time="{time}"),
        **measuring.labels(),
    }  # fmt: skip


def python(run: str, families: Sequence[str]) -> str:
    """The same for a notebook or a script."""
    return f"""\
from llm_core.evaluate.classification import predict, report
from llm_core.runs.data_sizes_job import share_of
from llm_core.runs.families import families_for
from llm_core.runs.raced import open_race
from llm_core.runs.store import Store
from llm_core.training.classifiers.base import FitOptions, Fitted

store = Store()
race = open_race(store.find({run!r}))
training, test = race.prepared.training, race.prepared.test
families = families_for(race.settings, store)
for share in (0.02, 0.05, 0.1, 0.25, 0.5):
    part = share_of(training, share, race.settings.seed)
    for name in {list(families)!r}:
        seconds = max(1.0, race.results[name]["seconds"])
        for record in families[name].fit(part, seconds=seconds, seed=race.settings.seed, options=FitOptions()):
            if isinstance(record, Fitted):
                predicted = predict(record.classifier.probabilities(test.texts))
                print(name, len(part), report(test.labels, predicted, len(test.names)).accuracy)
"""
