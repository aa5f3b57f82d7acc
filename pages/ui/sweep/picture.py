"""The sweep that is looked at, drawn in the browser from the route `./sweep/<run>`: none of what moves costs a script run."""

from functools import cache
from typing import Any

import streamlit as st

from llm_core.errors import UserError
from llm_core.runs.run import Run
from pages.ui.live import BROWSER, ask, copy_labels, duration_labels, script
from pages.ui.state import SWEEP_FAULT_KEY
from pages.ui.sweep.code import code_of
from pages.ui.text import _, language

KEY = "sweep_picture"


@cache
def _component() -> Any:
    return st.components.v2.component(
        "terrarium_sweep",
        css=(BROWSER / "sweep.css").read_text(encoding="utf-8"),
        js=script("format", "curve", "polling", "takeaway", "sweep"),
        isolate_styles=False,
    )


def show(run: Run) -> None:
    """Draw it, with its buttons."""
    _component()(
        key=KEY,
        data={"run": run.id, "language": language(), "labels": labels(), "code": code_of(run)},
        on_command_change=_obey,
    )


def _obey() -> None:
    """Pause, stop, or go on. What comes from the browser is checked like anything else from outside."""
    command = st.session_state[KEY].get("command")
    if not isinstance(command, dict) or command.get("command") not in ("pause", "stop", "resume"):
        return
    try:
        ask(str(command.get("run")), str(command["command"]))
    except UserError as error:
        st.session_state[SWEEP_FAULT_KEY] = error


def labels() -> dict[str, Any]:
    """Every word that the script shows, in the language of this session."""
    done = {"done": "{done}", "all": "{all}", "time": "{time}"}
    waits = _("Waits for a worker: one is starting, or all are busy with other runs.")
    preparing, stalled = _("Preparing…"), _("The worker gives no sign of life.")
    so_far = _("{done} of {all} trainings finished.", done="{done}", all="{all}")
    steps = _("{done} of at most {all} steps.", done="{done}", all="{all}")
    return {
        "asking": _("Asking how the sweep stands…"), "pending": _("Telling the worker…"),
        "queued": _("Waits for its turn: place {place} of {waiting}. It begins by itself.", place="{place}", waiting="{waiting}"),
        "offline": _("The server does not answer. The sweep itself goes on; trying again."),
        "sweep": {
            "waiting": waits, "preparing": preparing, "stalled": stalled,
            "running": _("{done} of {all} trainings finished, about {time} remaining.", **done),
            "finished": _("All {all} trainings finished in {time}.", **done), "brought": _("All {all} trainings finished.", all="{all}"),
            "paused": _("Paused.") + " " + so_far, "stopped": _("Stopped.") + " " + so_far, "interrupted": _("Interrupted.") + " " + so_far,
            "failed": so_far,
        },
        "range_test": {
            "waiting": waits, "preparing": preparing, "stalled": stalled,
            "running": _("The learning rate grows: {done} of at most {all} steps.", **done),
            "finished": _("Finished after {done} steps, in {time}.", **done), "brought": _("Finished after {done} steps.", done="{done}"),
            "paused": _("Paused.") + " " + steps, "stopped": _("Stopped.") + " " + steps, "interrupted": _("Interrupted.") + " " + steps,
            "failed": steps,
        },
        "titles": {
            "curves": _("All trainings: the loss over steps. The thick line is the best one; a stronger colour is a larger value, another dash another value of the first setting."),
            "ends": _("How they ended, on held-out text. Click one to open it."),
            "scaling": _("The scaling curve: the best loss of each size, and what it would become."),
            "rates": _("The loss while the learning rate grows from step to step"),
        },
        "chosen": _("{name}: {loss}", name="{name}", loss="{loss}"),
        "no_weights": _("Its weights did not come along; start the sweep on this computer to open its models."),
        "pages": {"train": _("Train"), "attention": _("Attention"), "inside": _("Inside"), "generate": _("Generate")},
        "pause": _("Pause"), "resume": _("Resume"), "stop": _("Stop"),
        "take_away": _("Take it away"), **copy_labels(), **duration_labels(),
    }  # fmt: skip
