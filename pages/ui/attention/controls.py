"""The controls of the Attention page: the text, the part of the model, and the way to look at it."""

from collections.abc import Collection

import streamlit as st

from llm_core.errors import UserError
from llm_core.runs.run import Run
from pages.ui.attention.looking import LONGEST_TEXT, PARTS, VIEWS
from pages.ui.attention.shape import Shape, shape_of
from pages.ui.faults import as_text
from pages.ui.state import ATTENTION_PART_KEY, ATTENTION_SOURCE_KEY, ATTENTION_TEXT_KEY, ATTENTION_VIEW_KEY
from pages.ui.subject import bundled, choose, name_of
from pages.ui.text import _, explain


def text_and_view(shape: Shape, views: Collection[str]) -> None:
    """The text that the model reads, with its source where it has one; beside it how to look at it, and at which part."""
    places = st.columns([2, 2, 2] if shape.has_source else [3, 2], vertical_alignment="bottom")
    if shape.has_source:
        with places[0]:
            st.text_area(
                _("Source"), key=ATTENTION_SOURCE_KEY, height=68, max_chars=LONGEST_TEXT, persist_state="session",
                help=_("The text that the encoder reads."),
            )  # fmt: skip
    with places[-2]:
        st.text_area(
            _("Text"), key=ATTENTION_TEXT_KEY, height=68, max_chars=LONGEST_TEXT, persist_state="session",
            help=_("Ctrl+Enter, or a click elsewhere, shows what the model looks at in it."),
        )  # fmt: skip
    with places[-1]:
        if len(shape.parts) > 1:
            st.pills(
                _("Part of the model"), list(shape.parts), key=ATTENTION_PART_KEY, required=True, persist_state="session",
                format_func=lambda part: _(PARTS[part]), label_visibility="collapsed",
                help=_("The encoder reads the source, the decoder the text; with the cross-attention the decoder looks at the source."),
            )  # fmt: skip
        st.pills(
            _("View"), list(views), key=ATTENTION_VIEW_KEY, required=True, persist_state="session",
            format_func=lambda view: _(VIEWS[view]), label_visibility="collapsed",
        )  # fmt: skip


def no_attention(run: Run, reason: UserError) -> None:
    """Why there is nothing to see in this model, and the nearest thing that there is."""
    st.info(as_text(explain(reason)))
    with st.container(horizontal=True):
        for other in bundled():
            if _has_attention(other):
                st.button(_("Look at {name}", name=as_text(name_of(other))), key=f"attention_look_{other.id}", on_click=choose, args=(other,))  # fmt: skip
                break
        st.page_link("generate.py", label=_("See what this model writes, and how sure it is"))


def _has_attention(run: Run) -> bool:
    try:
        shape_of(run)
    except UserError:
        return False
    return True
