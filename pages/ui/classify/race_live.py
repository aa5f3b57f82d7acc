"""The race that is looked at: a lane for each family, drawn in the browser from the route `./race/<run>`.

None of what moves costs a script run; when a race comes to its end the script runs once, for the panels below.
"""

from functools import cache
from typing import Any

import streamlit as st

from llm_core.errors import UserError
from llm_core.runs.owners import may_change
from llm_core.runs.race import WITHOUT, family_of
from llm_core.runs.raced import Race, open_race
from pages.ui.charts import DARK, LIGHT
from pages.ui.classify.families import LOOKS, color, title
from pages.ui.classify.race_chosen import choose_race
from pages.ui.glossary import meaning
from pages.ui.live import BROWSER, ask, duration_labels, script
from pages.ui.state import CLASSIFY_FAULT_KEY
from pages.ui.text import _, language
from pages.ui.who import owner

LANES = "classify_lanes"


@cache
def _component() -> Any:
    return st.components.v2.component(
        "terrarium_race",
        css=(BROWSER / "race.css").read_text(encoding="utf-8"),
        js=script("format", "curve", "polling", "race_feed", "race"),
        isolate_styles=False,
    )


def show() -> Race | None:
    """Draw the race that the person, or the link, has chosen; None where there is none."""
    run = choose_race()
    if run is None:
        st.info(_("Here the families will race, each in a lane of its own. Choose a table and press the button."))
        return None
    _component()(
        key=LANES,
        data={
            "run": run.id, "language": language(), "controls": may_change(run, owner()),
            "looks": {lane: _look(lane) for family in LOOKS for lane in (family, family + WITHOUT)},
            "labels": _labels(),
        },
        on_command_change=_obey,
        on_over_change=lambda: None,
    )  # fmt: skip
    return open_race(run)


def _look(lane: str) -> dict[str, str]:
    """How a lane is called and painted; one without augmentation as its family."""
    family = family_of(lane)
    return {
        "title": title(family), "note": "" if lane == family else _("without augmentation"), "meaning": _(LOOKS[family].meaning),
        "glyph": LOOKS[family].glyph, "light": color(family, LIGHT), "dark": color(family, DARK),
    }  # fmt: skip


def _obey() -> None:
    """Stop a race, or go on with it. What comes from the browser is checked like anything else from outside."""
    command = st.session_state[LANES].get("command")
    if not isinstance(command, dict) or command.get("command") not in ("stop", "resume"):
        return
    try:
        ask(str(command.get("run")), str(command["command"]))
    except UserError as error:
        st.session_state[CLASSIFY_FAULT_KEY] = error


def _labels() -> dict[str, Any]:
    """Every word that the script shows, in the language of this session."""
    over = _("{done} of {all} families finished after {time}.", done="{done}", all="{all}", time="{time}")
    return {
        "lanes": _("The families of the race"),
        "caption": _("The curve is the accuracy on texts held out of the training part; the figures are of the test part, which each family reads once. The bar under an accuracy is its 95 % interval: where bars overlap, the difference may be chance."),
        "columns": {
            "family": (_("Family"), _("a way to learn from labelled texts")),
            "curve": (_("While it learns"), _("accuracy on held-out texts, over seconds; the same scale in all lanes")),
            "accuracy": (_("Accuracy"), meaning("accuracy")),
            "macro_f1": (_("Macro F1"), meaning("macro F1")),
            "time": (_("Time"), _("seconds of learning")),
        },
        "curve": _("{share} right after {time}", share="{share}", time="{time}"),
        "asking": _("Asking how the race stands…"),
        "pending": _("Telling the worker…"),
        "running": _("{done} of {all} families finished, at most {time} remaining", done="{done}", all="{all}", time="{time}"),
        "states": {
            "waiting": _("Waits for a worker: one is starting, or all are busy with other runs."),
            "preparing": _("Reading the table…"),
            "running": "",
            "finished": over,
            "stopped": _("Stopped.") + " " + over,
            "paused": _("Paused.") + " " + over,
            "interrupted": _("Interrupted.") + " " + over,
            "stalled": _("The worker gives no sign of life."),
            "failed": _("The race failed."),
            "diverged": "",
        },
        "lane": {
            "waiting": _("waiting"), "running": _("learning"), "finished": "", "failed": _("failed"), "stopped": _("did not run"), "cut": _("stopped"),
            "learning": _("learning: {share} right", share="{share}"),
        },
        "fold": _("{done} folds scored", done="{done}"),
        "folds": _("{count} folds: {mean} ± {spread}", count="{count}", mean="{mean}", spread="{spread}"),
        "tenths": _("{s} s", s="{s}"),
        "stop": _("Stop"), "resume": _("Resume"),
        "offline": _("The server does not answer. The race itself goes on; trying again."),
        **duration_labels(),
    }  # fmt: skip
