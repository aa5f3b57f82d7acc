"""The nearest settings that work, each a button that sets it, under the sentence that says what does not."""

from collections.abc import Callable

import streamlit as st

from llm_core.config import RunConfig
from llm_core.data.corpora import CORPORA
from llm_core.errors import Setting, UserError
from pages.ui import forms
from pages.ui.recipes import recipes
from pages.ui.state import CORPUS_CHOSEN_KEY, CORPUS_KEY, RECIPE_KEY
from pages.ui.text import _, number
from pages.ui.variations import has, holder

RECIPE = "recipe"
CORPUS = "data.corpus"
Works = Callable[[str, Setting], bool]


def offer(fault: UserError, recipe: RunConfig, works: Works, take_recipe: Callable[[], None]) -> None:
    """Draw the buttons. `works` tells whether a setting alone puts everything right; where none does, all are offered that
    put this one fault right. `take_recipe` is called when another recipe was chosen."""
    ways = [
        (path, value) for path, values in fault.suggestions.items() for value in values if _known(recipe, path, value)
    ]
    ways = [way for way in ways if works(*way)] or ways
    if not ways:
        return
    st.caption(_("Nearest that work:"))
    with st.container(horizontal=True, key="start_ways", gap="small"):
        for path, value in ways:
            st.button(
                named(recipe, path, value), key=f"start_way_{path}_{value}", on_click=_take,
                args=(recipe, path, value, take_recipe),
            )  # fmt: skip


def named(recipe: RunConfig, path: str, value: Setting) -> str:
    """A setting and its value in words."""
    if path == RECIPE:
        return _("{label}: {value}", label=_("Recipe"), value=_(recipes()[str(value)].title))
    part, name = type(holder(recipe, path)), path.partition(".")[2]
    label = _(part.model_fields[name].title or name)
    if path == CORPUS:
        return _("{label}: {value}", label=label, value=_(CORPORA[str(value)].title))
    return _("{label}: {value}", label=label, value=said(value))


def said(value: Setting) -> str:
    """A value as the form shows it."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, str):
        return _(forms.CHOICES.get(value, value))
    return number(value) if isinstance(value, int) else f"{value:g}"


def _known(recipe: RunConfig, path: str, value: Setting) -> bool:
    if path == RECIPE:
        return value in recipes()
    if path == CORPUS:
        return value in CORPORA
    section = path.partition(".")[0]
    return section in type(recipe).model_fields and has(recipe, path)


def _take(recipe: RunConfig, path: str, value: Setting, take_recipe: Callable[[], None]) -> None:
    if path == RECIPE:
        st.session_state[RECIPE_KEY] = value
        take_recipe()
    elif path == CORPUS:
        st.session_state[CORPUS_KEY] = value
        st.session_state[CORPUS_CHOSEN_KEY] = True
    else:
        st.session_state[forms.form_key(type(holder(recipe, path)), path.partition(".")[2])] = value
