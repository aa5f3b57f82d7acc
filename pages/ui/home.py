"""The parts of Home. Nothing here needs torch: the samples stand in the history of the bundled run."""

from functools import cache
from typing import Any

import streamlit as st

from llm_core.errors import UserError
from llm_core.runs import history
from llm_core.runs.run import Run
from pages.ui.faults import refuse
from pages.ui.live import STATES, in_line, script
from pages.ui.runs.bench import KINDS
from pages.ui.runs.ways import show_run
from pages.ui.state import store
from pages.ui.subject import bundled
from pages.ui.text import _, language

MOST_SAMPLES = 9
DOORS_IN_A_ROW = 3
MOST_LETTERS = 480  # a whole story, as a rule


@cache
def _writer() -> Any:
    return st.components.v2.component("terrarium_writer", js=script("format", "writer"), isolate_styles=False)


@cache
def _runs() -> Any:
    return st.components.v2.component("terrarium_runs", js=script("format", "runs"), isolate_styles=False)


def hero() -> None:
    """A bundled model writing, from its first steps to its last."""
    recording = next((recording for run in bundled() if (recording := recorded(run))), None)
    if recording is None:
        st.info(_("Here a model will write. Train one: it takes a minute."))
        return
    _writer()(
        key="home_writer",
        data={
            **recording,
            "labels": {
                "at_step": _("What a model writes at step {step}", step="{step}"),
                "at_step_loss": _("What a model writes at step {step} · loss {loss}", step="{step}", loss="{loss}"),
                "step_slider": _("Step"), "play": _("Play"), "pause": _("Pause"),
            },
        },
    )  # fmt: skip


@cache
def recorded(run: Run) -> dict[str, Any] | None:
    """Samples and losses as the run recorded them: a few, spread over its training, the last one among them."""
    rows = history.records(run.folder)
    losses = [
        (row["step"], row["loss"]) for row in rows if row.get("kind") == "evaluation" and row.get("loss") is not None
    ]
    # Of several at a step the first: the same prompt at every step.
    by_step = {row["step"]: row for row in reversed(rows) if row.get("kind") == "sample" and row.get("text")}
    samples = [by_step[step] for step in sorted(by_step)]
    if not samples:
        return None
    places = {round((len(samples) - 1) * (i / (MOST_SAMPLES - 1)) ** 1.6) for i in range(MOST_SAMPLES)}
    return {
        "samples": [
            {
                "step": row["step"], "prompt": row.get("prompt", ""), "text": _shorten(row["text"]),
                "loss": _loss_at(losses, row["step"]),
            }
            for row in (samples[place] for place in sorted(places))
        ],
        "losses": losses[:: max(1, len(losses) // 200)] + losses[-1:],
    }  # fmt: skip


def doors(*ways: tuple[str, str, str]) -> None:
    """Ways into other pages, in rows: the page, its name, and what one does there."""
    for first in range(0, len(ways), DOORS_IN_A_ROW):
        columns = st.columns(DOORS_IN_A_ROW, gap="medium")
        for column, (page, title, sentence) in zip(columns, ways[first : first + DOORS_IN_A_ROW], strict=False):
            with column, st.container(border=True, key=f"door_{page.removesuffix('.py')}"):
                st.page_link(page, label=title, icon=":material/arrow_forward:", icon_position="right")
                st.markdown(sentence)


def runs_under_way() -> None:
    """The live list; a click opens the run on the page for its kind."""
    labels = {
        "none": _("Nothing is being trained now. What you start on Train shows here."),
        "states": {state: _(name) for state, name in STATES.items()}, "place": in_line(),
        "kinds": {kind: _(name) for kind, name in KINDS.items() if kind != "train"},
        "of": _("{a} of {b}", a="{a}", b="{b}"),
        "loss": _("loss {loss}", loss="{loss}"),
    }  # fmt: skip
    opened = _runs()(key="home_runs", data={"labels": labels, "language": language()}, on_open_change=lambda: None).open
    if isinstance(opened, str):
        try:
            show_run(store().find(opened))
        except UserError as error:
            refuse(error)


def _shorten(text: str) -> str:
    text = text.rstrip()
    return text if len(text) <= MOST_LETTERS else text[:MOST_LETTERS].rsplit(" ", 1)[0] + " …"


def _loss_at(losses: list[tuple[int, float]], step: int) -> float | None:
    return next((loss for at, loss in reversed(losses) if at <= step), None)
