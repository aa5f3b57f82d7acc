"""The results of a race: which family is best and how sure that is, and what stands behind the numbers.

Only the view that is open is computed and drawn.
"""

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from llm_core.errors import N_, UserError
from llm_core.runs.raced import Race
from pages.ui.classify import (
    augmentation,
    calibration,
    confusion,
    curves,
    errors,
    results_link,
    sizes,
    slices,
    standing,
    threshold,
)
from pages.ui.classify.families import title
from pages.ui.classify.results_guide import look_for
from pages.ui.classify.scored import Scored, scored
from pages.ui.faults import refuse
from pages.ui.glossary import meanings
from pages.ui.state import (
    CLASSIFY_CELL_KEY,
    CLASSIFY_CLASS_KEY,
    CLASSIFY_COLUMN_KEY,
    CLASSIFY_FAMILY_KEY,
    CLASSIFY_PART_KEY,
    CLASSIFY_RESULTS_FOR_KEY,
    CLASSIFY_SIZED_KEY,
    CLASSIFY_TYPED_KEY,
    CLASSIFY_VIEW_KEY,
)
from pages.ui.text import _


@dataclass(frozen=True)
class View:
    """A way to look at a race."""

    title: str
    show: Callable[[Scored, str], None]


VIEWS: dict[str, View] = {
    "families": View(N_("Families"), standing.show),
    "augmentation": View(N_("Augmentation"), augmentation.show),
    "confusion": View(N_("Confusions"), confusion.show),
    "curves": View(N_("ROC and PR"), curves.show),
    "calibration": View(N_("Calibration"), calibration.show),
    "threshold": View(N_("Threshold"), threshold.show),
    "sizes": View(N_("Data size"), sizes.show),
    "slices": View(N_("Slices"), slices.show),
    "errors": View(N_("Label errors"), errors.show),
}
_OF_ONE_RACE = (
    CLASSIFY_CELL_KEY, CLASSIFY_CLASS_KEY, CLASSIFY_COLUMN_KEY, CLASSIFY_FAMILY_KEY, CLASSIFY_PART_KEY,
    CLASSIFY_SIZED_KEY, CLASSIFY_TYPED_KEY,
)  # fmt: skip


def show(race: Race) -> None:
    """The section of results, whatever has finished so far."""
    st.subheader(
        _("Results"), help=meanings("accuracy", "macro F1", "interval", "bootstrap", "McNemar"), anchor="results"
    )
    try:
        found = scored(race)
        if found is None:
            st.info(_("Here stands how good each family is, as soon as the first one has finished."))
            return
        _begin(found)
        view, family = _choices(found)
        VIEWS[view].show(found, family)
        results_link.write(found)
        look_for(len(found.names) > 2)
    except UserError as error:
        refuse(error)


def _begin(found: Scored) -> None:
    """Forget what was chosen of another race, and take what the link says."""
    if st.session_state.get(CLASSIFY_RESULTS_FOR_KEY) != found.run:
        for key in _OF_ONE_RACE:
            st.session_state.pop(key, None)
        st.session_state[CLASSIFY_RESULTS_FOR_KEY] = found.run
    results_link.follow(found)


def _choices(found: Scored) -> tuple[str, str]:
    left, right = st.columns([3.2, 1], gap="small", vertical_alignment="bottom")
    with left:
        # Its effect can be shown where something was added to the texts.
        offered = [view for view in VIEWS if view != "augmentation" or found.augmentation != "none"]
        if st.session_state.get(CLASSIFY_VIEW_KEY) not in offered:
            st.session_state[CLASSIFY_VIEW_KEY] = offered[0]
        view = st.segmented_control(
            _("View"), offered, key=CLASSIFY_VIEW_KEY, required=True, label_visibility="collapsed",
            format_func=lambda view: _(VIEWS[view].title), persist_state="session",
        )  # fmt: skip
    with right:
        if st.session_state.get(CLASSIFY_FAMILY_KEY) not in found.families:
            st.session_state[CLASSIFY_FAMILY_KEY] = found.ranked[0]
        family = st.selectbox(
            _("Family"), found.ranked, key=CLASSIFY_FAMILY_KEY, format_func=title, persist_state="session"
        )
    return view or next(iter(VIEWS)), family
