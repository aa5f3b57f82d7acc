"""What every component that moves by itself shares: its scripts, words of its own, and the commands it may send.

None of what moves costs a script run. Commands (pause, resume, stop, one step) come back through the component and are
carried out here.
"""

from pathlib import Path

from llm_core.errors import N_
from pages.ui.state import store
from pages.ui.text import _
from pages.ui.who import owner

BROWSER = Path(__file__).resolve().parents[2] / "assets" / "browser"

STATES = {
    "waiting": N_("about to start"),
    "preparing": N_("preparing the text"),
    "running": N_("training"),
    "paused": N_("paused"),
    "stopped": N_("stopped"),
    "finished": N_("finished"),
    "interrupted": N_("interrupted"),
    "diverged": N_("diverged"),
    "failed": N_("failed"),
    "stalled": N_("no sign of life"),
}
"""What each state of a run is called on screen."""


def script(*names: str) -> str:
    """Browser modules as one: Streamlit takes a component's script as a single text."""
    return "\n".join((BROWSER / f"{name}.js").read_text(encoding="utf-8") for name in names)


def ask(reference: str, command: str) -> None:
    """Pause, resume, stop a run, or take one step. Raises UserError when it is not there or not ours."""
    run = store().find(reference)
    if command == "pause":
        store().want(run, "paused", owner=owner())
    elif command == "stop":
        store().want(run, "stopped", owner=owner())
    elif command in ("resume", "step"):
        until = run.status().step + 1 if command == "step" else None
        store().want(run, "running", until_step=until, owner=owner())
        store().start(run, owner())


def in_line() -> str:
    """How the browser says the place of a run in the queue, which is filled there."""
    return _("waiting for its turn, place {place}", place="{place}")


def copy_labels() -> dict[str, str]:
    """What the button that copies the link says."""
    return {
        "link": _("Copy link"), "copied": _("Copied"), "not_copied": _("Not copied: copy it from the address bar"),
    }  # fmt: skip


def duration_labels() -> dict[str, str]:
    """How the browser says a time; places are filled there."""
    return {
        "seconds": _("{s} s", s="{s}"), "minutes": _("{m} min {s} s", m="{m}", s="{s}"), "hours": _("{h} h {m} min", h="{h}", m="{m}"),
    }  # fmt: skip
