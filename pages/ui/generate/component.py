"""The views of the Generate page that are drawn in the browser: one component, each view a script of its own."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import streamlit as st

from pages.ui import charts
from pages.ui.live import BROWSER, copy_labels, script
from pages.ui.text import _, language

_SCRIPTS = (
    "format", "chips", "curve", "takeaway", "drawn_sheet", "saving", "token_chips", "streaming", "generated", "generated_files",
    "distribution", "next_token", "branches", "beams", "two_texts", "many_samples", "generated_views",
)  # fmt: skip


@cache
def _component() -> Any:
    return st.components.v2.component(
        "terrarium_generated", css=(BROWSER / "generated.css").read_text(encoding="utf-8"), js=script(*_SCRIPTS),
        isolate_styles=False,
    )  # fmt: skip


def view(
    name: str,
    *,
    identity: str,
    label: str,
    words: Mapping[str, str],
    code: str,
    file: str,
    on: Mapping[str, Callable[[Any], None]] | None = None,
    **data: Any,
) -> None:
    """Draw the view of that name. `identity` names what is shown: while it stays the same nothing is asked again.

    `label` says to a screen reader what is seen, `words` is every word that it says, `code` is the same in Python,
    `file` the name of what is saved. `on`: what to do, as callbacks, with what the browser says under a name.
    """
    key = f"generate_{name}"
    deeds = dict(on or {})

    def obey(event: str) -> None:
        value = st.session_state[key].get(event)
        if value is not None:
            deeds[event](value)

    _component()(
        key=key,
        data={
            "view": name, "identity": identity, "label": label, "language": language(), "code": code, "file": file,
            "words": {**_shared(), **words}, "labels": {"take_away": _("Take it away"), **copy_labels()},
            "themes": charts.themes(), **data,
        },
        **{f"on_{event}_change": (lambda event=event: obey(event)) for event in deeds},
    )  # fmt: skip


def _shared() -> dict[str, str]:
    return {
        "stop": _("Stop"),
        "starting": _("The model is being loaded…"),
        "waiting": _("Two texts are being written already; this one is next…"),
        "lost": _("The server did not answer. Reload the page to try again."),
        "again": _("Try again"),
        "stopped": _("Stopped."),
        "token": _("{token}, probability {probability}"),
    }
