"""The controls of the page *Inside*: the text, the view, the part of the model; and the way out where nothing applies."""

import sys
from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager, nullcontext

import streamlit as st

from llm_core.errors import UserError
from pages.ui.attention.looking import PARTS
from pages.ui.attention.shape import Shape
from pages.ui.faults import as_text
from pages.ui.inside.computed import Predicted
from pages.ui.inside.selection import LONGEST_TEXT, Selection, choose_view
from pages.ui.inside.views import VIEWS
from pages.ui.state import INSIDE_PART_KEY, INSIDE_SOURCE_KEY, INSIDE_TEXT_KEY, INSIDE_VIEW_KEY
from pages.ui.subject import bundled, choose
from pages.ui.text import _, explain

_EVERYWHERE = ("ablation", "inputs")
"""Views that every model with attention has."""


def text_and_view(shape: Shape, views: Collection[str]) -> None:
    """The text that the model reads, with its source where it has one; and how to look into it."""
    places = st.columns(2 if shape.has_source else 1)
    if shape.has_source:
        with places[0]:
            st.text_area(
                _("Source"), key=INSIDE_SOURCE_KEY, height=68, max_chars=LONGEST_TEXT, persist_state="session",
                help=_("The text that the encoder reads."),
            )  # fmt: skip
    with places[-1]:
        st.text_area(
            _("Text"), key=INSIDE_TEXT_KEY, height=68, max_chars=LONGEST_TEXT, persist_state="session",
            help=_("Ctrl+Enter, or a click elsewhere, has the model read it."),
        )  # fmt: skip
    st.pills(
        _("View"), list(views), key=INSIDE_VIEW_KEY, required=True, persist_state="session",
        format_func=lambda view: _(VIEWS[view].title), label_visibility="collapsed",
    )  # fmt: skip


def part_choice(selection: Selection, predicted: Predicted, *, cross: bool) -> str:
    """Which part of a model with several is looked at; without `cross` one that has a stream of its own."""
    if not predicted.source_tokens:
        return selection.part
    known = {name: PARTS[name] for name in ("decoder", "encoder", "cross") if cross or name != "cross"}
    if st.session_state.get(INSIDE_PART_KEY) not in known:
        st.session_state[INSIDE_PART_KEY] = "decoder"
    return choice(_("Part of the model"), INSIDE_PART_KEY, known)


def choice(label: str, key: str, known: Mapping[str, str], help_text: str | None = None) -> str:
    """A row of choices of one view; the first is usual."""
    if st.session_state.get(key) not in known:
        st.session_state[key] = next(iter(known))
    return str(
        st.segmented_control(
            label, list(known), key=key, required=True, persist_state="session",
            format_func=lambda name: _(known[name]), help=help_text,
        )
    )  # fmt: skip


def heading(text: str) -> None:
    """What stands over one of several pictures of a view."""
    st.markdown(f"**{as_text(text)}**")


def waiting() -> AbstractContextManager[None]:
    """What is said while the first model of a server is loaded, which takes seconds; later ones are there at once."""
    return nullcontext() if "torch" in sys.modules else st.spinner(_("The model is being loaded…"))


def not_here(reason: UserError, view: str) -> None:
    """Why a view shows nothing of this model, and the nearest thing that there is."""
    st.info(as_text(explain(reason)))
    with st.container(horizontal=True):
        for other in VIEWS:
            if other in _EVERYWHERE and other != view:
                st.button(_(VIEWS[other].title), key=f"inside_go_{other}", on_click=choose_view, args=(other,))
        for run in bundled()[:1]:
            st.button(_("Look at {name}", name=as_text(run.name)), key=f"inside_look_{run.id}", on_click=choose, args=(run,))  # fmt: skip


def about(view: str) -> None:
    """What a view shows, what it does not prove, and where it comes from."""
    panel = VIEWS[view]
    st.markdown(as_text(_(panel.shows)))
    st.caption(f"{as_text(_(panel.does_not_prove))} {as_text(panel.paper)} · `{panel.function}`")
