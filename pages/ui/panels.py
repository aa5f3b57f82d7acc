"""The foot of a page: what to look for, with buttons that set the view, and what can be taken away."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import streamlit as st

from pages.ui.live import copy_labels, script
from pages.ui.text import _


@cache
def _component() -> Any:
    return st.components.v2.component(
        "terrarium_panels", js=script("format", "takeaway", "panels"), isolate_styles=False
    )


def what_to_look_for(key: str, lines: Sequence[tuple[str, Mapping[str, str]]], on_view: Callable[[str], None]) -> None:
    """Sentences, each with buttons (view to label). `on_view` gets the view whose button was pressed, as a callback."""
    st.subheader(_("What to look for"))
    known = {view for _text, buttons in lines for view in buttons}

    def obey() -> None:
        view = st.session_state[key].get("view")
        if view in known:
            on_view(view)

    data = {
        "lines": [
            {"text": text, "buttons": [{"view": view, "label": label} for view, label in buttons.items()]}
            for text, buttons in lines
        ]
    }
    _component()(key=key, data=data, on_view_change=obey)


def take_away(key: str, *, files: Mapping[str, tuple[str, str]], code: str) -> None:
    """A quiet row: files (label to address and file name), the same as Python, and the link."""
    _component()(
        key=key,
        data={
            "title": _("Take it away"),
            "files": [{"label": label, "href": href, "name": name} for label, (href, name) in files.items()],
            "code": code,
            "labels": copy_labels(),
        },
    )
