"""What to look for in the results of a race, with buttons that set the view to show it."""

import streamlit as st

from pages.ui.panels import what_to_look_for
from pages.ui.state import CLASSIFY_VIEW_KEY
from pages.ui.text import _


def look_for(several_classes: bool) -> None:
    """A few sentences; a threshold is only spoken of where there are two classes."""
    lines = [
        (_("Two families whose intervals overlap may be equally good: a winner is named only where the same texts say so."), {"families": _("Compare the families")}),
        (_("Which classes are taken for each other, and in which texts? Often the texts show that it is the labels that are unclear."), {"confusion": _("See the confusions"), "errors": _("Read likely label errors")}),
        (_("A family can be right often and still be far too sure of itself."), {"calibration": _("See how sure it is")}),
        (_("Would more labelled texts help, or is the curve flat already?"), {"sizes": _("Measure the data size")}),
    ]  # fmt: skip
    if not several_classes:
        lines.append((_("Missing a text and raising a false alarm seldom cost the same: the threshold trades one for the other."), {"threshold": _("Move the threshold")}))  # fmt: skip
    what_to_look_for("classify_results_guide", lines, _see)


def _see(view: str) -> None:
    st.session_state[CLASSIFY_VIEW_KEY] = view
