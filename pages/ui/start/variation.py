"""The choice of a variation beside the recipe, what it will show, and in which settings the form differs from the recipe."""

from collections.abc import Sequence

import streamlit as st

from llm_core.config import Config
from pages.ui.faults import as_text
from pages.ui.recipes import Recipe
from pages.ui.start.ways_out import said
from pages.ui.state import VARIATION_KEY
from pages.ui.text import _
from pages.ui.variations import Difference, Variation, differences

_MOST = 5


def choose_variation(offered: Sequence[Variation]) -> Variation | None:
    """Draw the choice among those that this recipe offers on this text; None for the recipe as it is."""
    known = {variation.name: variation for variation in offered}
    if st.session_state.get(VARIATION_KEY, "") not in ("", *known):
        st.session_state[VARIATION_KEY] = ""
    name = st.selectbox(
        _("Change one thing"), ["", *known], key=VARIATION_KEY, persist_state="session",
        format_func=lambda name: _(known[name].title) if name else _("Nothing: as it is"),
        help=_("The same recipe with one idea changed. Train both, and lay their curves over each other."),
    )  # fmt: skip
    return known.get(name)


def show_meaning(recipe: Recipe, variation: Variation | None) -> None:
    """What one will see: of a variation at once, of the recipe when it is unfolded."""
    if variation is not None:
        st.caption(_(variation.shows))
    with st.expander(_("What will this show me?"), key="start_shows"):
        st.markdown(_(recipe.shows))


def show_differences(before: Sequence[Config], after: Sequence[Config]) -> None:
    """In which settings the form differs from the recipe, as it stands; nothing where in none."""
    found = differences(before, after)
    if not found:
        return
    shown = " · ".join(_told(each) for each in found[:_MOST])
    if len(found) > _MOST:
        shown = _("{settings} and {count} more", settings=shown, count=len(found) - _MOST)
    st.caption(_("Other than the recipe: {settings}", settings=shown))


def _told(difference: Difference) -> str:
    label = _(difference.part.model_fields[difference.name].title or difference.name)
    before, after = (as_text(said(value)) for value in (difference.before, difference.after))
    return _("{label} {before} → {after}", label=label, before=before, after=after)
