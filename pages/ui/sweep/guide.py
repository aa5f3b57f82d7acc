"""What to look for in a sweep."""

import streamlit as st

from llm_core.runs.run import Run
from llm_core.runs.sweep import open_sweep
from pages.ui.state import store
from pages.ui.sweep.chosen import take
from pages.ui.text import _


def show(run: Run) -> None:
    """One or two sentences; where another sweep that came along shows it, a button that opens it."""
    st.subheader(_("What to look for"))
    if run.kind == "range_test":
        st.markdown(_("On the left the rate is too small to change anything, then the loss falls, and on the right the updates overshoot and it runs away. A good learning rate lies where it falls most steeply, well before its lowest point."))  # fmt: skip
        _button("sweep", _("See a sweep over learning rates"))
        return
    names = [axis.setting for axis in open_sweep(run).axes]
    if "training.learning_rate" in names:
        st.markdown(_("Too low a learning rate is a curve that has not come down yet, too high a one that comes down and stays up. Between them is a valley; in the map, see whether it moves as the other setting grows."))  # fmt: skip
    if any(name != "training.learning_rate" for name in names):
        st.markdown(_("Each doubling of the size brings less than the one before: the fitted curve flattens towards what no size gets below. Where the grammar that wrote the text is known, that can be held against its entropy."))  # fmt: skip
    _button("range_test", _("See a range test"))


def _button(kind: str, label: str) -> None:
    """Opens what came along of this kind."""
    found = next((run for run in store().bundled_sweeps() if run.kind == kind), None)
    if found is not None:
        st.button(label, key=f"sweep_see_{kind}", type="tertiary", on_click=take, args=(found,))
