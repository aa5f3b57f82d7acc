"""The live component: what a run says while it trains, drawn in the browser from the route `./live/<run>`.

A page places its parts: each is one class in one of the scripts below, which enters itself into `PARTS` under its name.
All of them share one feed in the browser, and none of what moves costs a script run.
"""

from functools import cache
from typing import Any, Literal

import streamlit as st

from llm_core.errors import UserError
from llm_core.runs.owners import may_change
from llm_core.runs.run import Run
from pages.ui import charts
from pages.ui.live import BROWSER, ask, script
from pages.ui.state import FAULT_KEY
from pages.ui.text import language
from pages.ui.train import branch_form, diagnosis
from pages.ui.train.labels import labels
from pages.ui.who import owner

SCRIPTS = (
    "format", "address", "curve", "loss_axes", "feed", "loss_figure", "around_picture", "picture", "skills", "takeaway", "closing",
    "chips", "drawn_sheet", "saving", "bench", "samples", "measures", "layers",
    "easy_tokens", "token_chips", "text_figures", "text_losses", "opened", "diagnosis", "live",
)  # fmt: skip
"""In this order: the last one answers Streamlit. A new part is a script of its own before it, and a name in `Part`."""

Part = Literal["picture", "diagnosis", "skills", "bench", "guide", "takeaway"]
Panel = Literal["samples", "text", "layers", "opened", "measures"]
PANELS: tuple[Panel, ...] = ("samples", "text", "layers", "opened", "measures")
"""The tabs of the part `bench`, in their order: each is a class in one of the scripts, which enters itself into `PANELS`."""


@cache
def _component() -> Any:
    return st.components.v2.component(
        "terrarium_live",
        css=(BROWSER / "train.css").read_text(encoding="utf-8"),
        js=script(*SCRIPTS),
        isolate_styles=False,
    )


def live(part: Part, run: Run, *, replay: bool = False, **data: Any) -> None:
    """Place one part for a run. `replay`: draw a run that is over from its start, once, when it first appears."""
    key = f"live_{part}"
    _component()(
        key=key,
        data={
            "part": part, "run": run.id, "language": language(), "labels": labels(run), "themes": charts.themes(),
            "controls": may_change(run, owner()), "branches": branch_form.branches(run), "replay": replay, **data,
        },
        on_command_change=lambda: _obey(key),
    )  # fmt: skip


def _obey(key: str) -> None:
    """Carry out a button of the picture. What comes from the browser is checked like anything else from outside."""
    command = st.session_state[key].get("command")
    if not isinstance(command, dict):
        return
    try:
        if command.get("command") == diagnosis.COMMAND:
            diagnosis.start_better(str(command.get("run")))
        elif command.get("command") == "branch":
            branch_form.open_for(str(command.get("run")), command.get("step"))
        else:
            ask(str(command.get("run")), str(command.get("command")))
    except UserError as error:
        st.session_state[FAULT_KEY] = error
