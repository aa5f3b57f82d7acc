"""The parts of a class that the browser draws by itself: the board with its neighbours, and the bar on every page."""

from functools import cache
from typing import Any, Literal

import streamlit as st

from llm_core.errors import UserError
from pages.ui.faults import refuse
from pages.ui.live import BROWSER, STATES, script
from pages.ui.runs.bench import KINDS
from pages.ui.runs.ways import show_run
from pages.ui.state import CLASS_FAULT_KEY, store
from pages.ui.text import _, language
from pages.ui.who import owner

Part = Literal["door", "runs", "leave"]


@cache
def _board() -> Any:
    return st.components.v2.component(
        "terrarium_board",
        css=(BROWSER / "board.css").read_text(encoding="utf-8"),
        js=script("format", "polling", "takeaway", "board"),
        isolate_styles=False,
    )


@cache
def _shown() -> Any:
    return st.components.v2.component(
        "terrarium_shown",
        css=(BROWSER / "shown.css").read_text(encoding="utf-8"),
        js=script("format", "polling", "shown"),
        isolate_styles=False,
    )


def bar() -> None:
    """What the teacher shows to all, on every page; and for the teacher the button that shows this view."""
    labels = {
        "shows": _("The teacher shows a view."), "open": _("Open"), "put_away": _("Put away"),
        "show": _("Show this view to all"), "shown": _("A view is shown to all."), "stop": _("Stop showing"),
        "offline": _("The server does not answer. Trying again."),
    }  # fmt: skip
    _shown()(key="class_shown", data={"language": language(), "labels": labels})


def door(addresses: list[str], code: str) -> None:
    """Address and code, large enough for the back row."""
    labels = {"address": _("Address"), "code": _("Code"), "copy": _("Copy"), "copied": _("Copied")}
    _place("door", addresses=addresses, code=code, labels=labels)


def leave() -> None:
    """The button that makes this browser a stranger."""
    _place("leave", labels={"leave": _("Leave the class")})


def runs() -> None:
    """Everybody's runs. A click on a name opens the run on the page for its kind."""
    labels = {
        "none": _("Nobody trains yet. What anybody starts on Train shows here, with its curve."),
        "offline": _("The server does not answer. Trying again."),
        "states": {state: _(name) for state, name in STATES.items()},
        "kinds": {kind: _(name) for kind, name in KINDS.items() if kind != "train"},
        "of": _("{a} of {b}", a="{a}", b="{b}"), "loss": _("loss {loss}", loss="{loss}"), "stop": _("Stop"),
        "place": _("place {place} in the queue", place="{place}"), "mine": _("{name} (you)", name="{name}"),
        "student": _("student {tag}", tag="{tag}"), "teacher": _("teacher {tag}", tag="{tag}"),
    }  # fmt: skip
    _place("runs", labels=labels)
    command = st.session_state.get("class_runs", {}).get("command")
    if isinstance(command, dict) and command.get("command") == "open":
        try:
            show_run(store().find(str(command.get("run"))))
        except UserError as error:
            refuse(error)


def _place(part: Part, **data: Any) -> None:
    key = f"class_{part}"
    _board()(key=key, data={"part": part, "language": language(), **data}, on_command_change=lambda: _obey(key))


def _obey(key: str) -> None:
    """Carry out a button of the board. What comes from the browser is checked like anything else from outside."""
    command = st.session_state[key].get("command")
    if not isinstance(command, dict) or command.get("command") != "stop":
        return
    try:
        store().want(store().find(str(command.get("run"))), "stopped", owner=owner())
    except UserError as error:
        st.session_state[CLASS_FAULT_KEY] = error
