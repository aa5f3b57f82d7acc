"""Runs: every run at once, what of them belongs together, how they differ, and where they lie."""

import streamlit as st

from pages.ui.glossary import meanings
from pages.ui.runs.bench import bench
from pages.ui.runs.bringing import bring_a_run
from pages.ui.text import _

st.title(_("Runs"))
st.markdown(
    _("All that was trained, measured or brought in here: choose several, and see their losses over each other and the settings that made the difference."),
    help=meanings("loss", "step", "held-out"),
)  # fmt: skip

bench()
bring_a_run()
