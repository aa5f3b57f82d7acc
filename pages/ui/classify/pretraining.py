"""What pre-training is worth: few labels, and a test whose words of praise and blame were never labelled.

The figures come with the program; a button has them measured again by a worker. What the newest measuring has found is drawn
as it comes: the browser asks the route `./pretraining`, so that what grows costs no script run.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import plotly.graph_objects as go
import streamlit as st
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from llm_core.data.table_writing import as_table
from llm_core.errors import N_, UserError
from llm_core.runs import pretraining
from llm_core.runs.pretrained import PretrainingConfig
from llm_core.runs.pretraining import Measured
from llm_core.runs.run import Run
from llm_core.runs.store import BUNDLED_MODELS
from pages.ui import measuring
from pages.ui.charts import Colors, layout
from pages.ui.classify.families import LOOKS
from pages.ui.faults import refuse
from pages.ui.glossary import meanings
from pages.ui.http import NO_STORE, language_of
from pages.ui.live import ask
from pages.ui.state import CLASSIFY_PRETRAINING_FAULT_KEY, store
from pages.ui.text import _, language, number, translate
from pages.ui.who import owner

FIGURES = BUNDLED_MODELS / "cloze-en-zh" / "pretraining.json"
KEY = "classify_pretraining"
STARTS = {
    "pretrained": (N_("pre-trained, fine-tuned"), "encoder_finetuned"),
    "random": (N_("same network from random weights"), "transformer"),
    "tfidf": (N_("TF-IDF + logistic regression"), "tfidf_logistic_regression"),
}
"""What is compared: how it is called, and the family whose colour and shape it has."""
LANGUAGES = {"en": N_("English"), "zh": N_("Chinese")}
_WORDS = {
    "words": N_("Of the words of praise and blame in the test, {share} stood in none of the labelled reviews."),
    "against": N_("{language}: {pretrained} ± {pretrained_spread} against {random} ± {random_spread} from random weights; the best that anyone could reach is {ceiling}."),
    "spread": N_("Mean and standard deviation of {seeds} runs, each with other labelled reviews and other random numbers; every run is a small mark."),
    "best": N_("best possible"), "axis": N_("accuracy on the test"),
}  # fmt: skip
"""What the figure and the sentence under it say; translated where they are made, which is not in a session."""

Words = Callable[[str], str]


def show() -> None:
    """The section: the question, the button, and what is known."""
    st.subheader(_("What pre-training is worth"), anchor="pretraining", help=meanings("pre-training", "fine-tuning"))
    if (fault := st.session_state.pop(CLASSIFY_PRETRAINING_FAULT_KEY, None)) is not None:
        refuse(fault)
    usual = PretrainingConfig()
    st.markdown(
        _(
            "Each learns from {labelled} labelled reviews and is tested on {tested} others, with other words of praise and blame: who knows these words knows them from texts without labels.",
            labelled=number(usual.labelled), tested=number(usual.tested),
        )
    )  # fmt: skip
    measuring.component()(
        key=KEY,
        data={
            "address": "pretraining", "language": language(), "name": "terrarium-pretraining", "code": python(), "ready": True,
            "most_seconds": 0, "least_width": 560, "labels": labels(),
        },
        on_command_change=lambda: _obey(st.session_state[KEY].get("command")),
    )  # fmt: skip


def _obey(command: object) -> None:
    """Begin to measure, or stop; what comes from the browser is checked like anything else from outside."""
    name = command.get("command") if isinstance(command, dict) else None
    try:
        if name == "measure":
            pretraining.begin(store(), owner(), _("What pre-training is worth"))
        elif name == "stop":
            for run in pretraining.find_runs(store())[:1]:
                ask(run.id, "stop")
    except UserError as error:
        st.session_state[CLASSIFY_PRETRAINING_FAULT_KEY] = error


def labels() -> dict[str, str]:
    """Every word that the component says. Places are filled in the browser."""
    return {
        "picture": _("Accuracy on words that were never labelled, by language and beginning"),
        "empty": _("Here stands how much better a pre-trained network does than the same one from random weights."),
        "measure": _("Measure it on this computer (some minutes)"),
        "running": _("Learning from few labels, again and again: {share} done, at most {time} remaining.", share="{share}", time="{time}"),
        **measuring.labels(),
    }  # fmt: skip


def known() -> tuple[Run | None, Measured | None]:
    """The newest measuring, and the figures to show: those of the newest that has come to some, else those that came with
    the program."""
    runs = pretraining.find_runs(store())
    found = next((figures for run in runs if (figures := pretraining.of_run(run)) is not None), None)
    return (runs[0] if runs else None), found or pretraining.of_file(FIGURES)


def pretraining_route(request: Request) -> Response:
    """The figure as it is now, in both looks, unless the browser has just this; and how a measuring stands."""
    code = language_of(request)
    words = partial(translate, code=code)
    run, found = known()
    if found is None:
        found = Measured(0, 0, 0, {}, {}, {})
    told = measuring.reply(request, run, found, found.trials, partial(figure, found, words), partial(csv, found), code)
    told["height"] = height(found)
    told["sentence"] = sentence(found, words)
    return JSONResponse(told, headers=NO_STORE)


def height(found: Measured) -> int:
    """Pixels: a row for every bar."""
    return 120 + 46 * sum(len(starts) for starts in found.accuracies.values())


def sentence(found: Measured, words: Words) -> str:
    """How much of the test was never labelled; mean and spread, language by language, as far as they are known."""
    parts = []
    for name, starts in found.accuracies.items():
        if not {"pretrained", "random"} <= set(starts):
            continue
        kept, random = np.array(starts["pretrained"]), np.array(starts["random"])
        parts.append(
            words(_WORDS["against"]).format(
                language=words(LANGUAGES[name]), pretrained=_share(kept.mean()), random=_share(random.mean()),
                pretrained_spread=_share(_deviation(kept)), random_spread=_share(_deviation(random)), ceiling=_share(found.ceiling[name]),
            )
        )  # fmt: skip
    if not parts:
        return ""
    unlabelled = words(_WORDS["words"]).format(share=f"{100 * min(found.never_labelled.values()):.3g} %")
    return " ".join([unlabelled, *parts, words(_WORDS["spread"]).format(seeds=number(found.seeds))])


def figure(found: Measured, words: Words, colors: Colors) -> go.Figure:
    """A bar of the mean for every start, its standard deviation, and a mark for every run; a line for the best possible."""
    made = go.Figure(layout=layout(colors))
    rows = [(name, start) for name, starts in found.accuracies.items() for start in STARTS if start in starts]
    places = list(range(len(rows)))[::-1]
    for place, (name, start) in zip(places, rows, strict=True):
        accuracies = np.array(found.accuracies[name][start])
        label, family = STARTS[start]
        look = LOOKS[family]
        shade = colors.categories[look.colour]
        told = (
            f"{words(LANGUAGES[name])}, {words(label)}: {_share(accuracies.mean())} ± {_share(_deviation(accuracies))}"
        )
        made.add_bar(
            y=[place], x=[accuracies.mean()], orientation="h", marker_color=shade, opacity=0.35, width=0.62,
            error_x={"type": "data", "array": [_deviation(accuracies)], "color": colors.text, "thickness": 1.4, "width": 5},
            hovertemplate=f"{told}<extra></extra>",
        )  # fmt: skip
        made.add_scatter(
            y=[place] * len(accuracies), x=accuracies, mode="markers", marker={"symbol": look.symbol, "size": 7, "color": shade},
            hovertemplate="%{x:.1%}<extra></extra>",
        )  # fmt: skip
        made.add_annotation(
            y=place, x=1, xref="paper", xanchor="left", xshift=8, showarrow=False, text=_share(accuracies.mean()), font_color=shade,
        )  # fmt: skip
    for name, ceiling in found.ceiling.items():
        own = [place for place, (one, _start) in zip(places, rows, strict=True) if one == name]
        made.add_shape(
            type="line", x0=ceiling, x1=ceiling, y0=min(own) - 0.45, y1=max(own) + 0.45, line={"color": colors.floor, "dash": "dash", "width": 1.4},
        )  # fmt: skip
        made.add_annotation(x=ceiling, y=max(own) + 0.45, yanchor="bottom", showarrow=False, text=words(_WORDS["best"]), font_color=colors.floor)  # fmt: skip
    several = len(found.accuracies) > 1
    made.update_yaxes(
        tickmode="array", tickvals=places, showgrid=False, range=[-0.7, len(rows) - 0.1],
        ticktext=[f"{words(LANGUAGES[name])}: {words(STARTS[start][0])}" if several else words(STARTS[start][0]) for name, start in rows],
    )  # fmt: skip
    made.update_xaxes(range=[0, 1], tickformat=".0%", title_text=words(_WORDS["axis"]), showgrid=True)
    made.update_layout(margin={"l": 270, "r": 70, "t": 24}, bargap=0.3)
    return made


def csv(found: Measured) -> str:
    """Every run as a row."""
    return as_table(
        ("language", "start", "seed", "accuracy"),
        (
            (name, start, seed, accuracy)
            for name, starts in found.accuracies.items()
            for start, accuracies in starts.items()
            for seed, accuracy in enumerate(accuracies)
        ),
    )


def python() -> str:
    """The same for a notebook."""
    return """\
from llm_core.transfer.held_out_words import families, trials

for trial in trials(families(), languages=["en"], seeds=range(5)):
    print(trial.start, trial.seed, round(trial.accuracy, 3))
"""


def _share(value: float) -> str:
    return f"{100 * value:.1f} %"


def _deviation(found: "np.ndarray[Any, Any]") -> float:
    return float(found.std(ddof=1)) if len(found) > 1 else 0.0
