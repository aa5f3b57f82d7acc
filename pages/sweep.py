"""Sweep: the same training with other settings, side by side; and a range test of the learning rate."""

import streamlit as st

from pages.ui.glossary import meanings
from pages.ui.state import warm_up
from pages.ui.sweep import chosen, form, guide, picture
from pages.ui.text import _

st.title(_("Sweep"))
st.markdown(
    _("The same model is trained again and again, each time with another learning rate, width, depth or text size: which settings are best, and what would more of them bring?"),
    help=meanings("loss", "held-out", "learning rate", "parameters", "nat", "entropy floor"),
)  # fmt: skip

stage, side = st.columns([2.15, 1], gap="large")
with stage:
    run = chosen.choose_sweep()
    if run is None:
        st.info(_("Here the curves of all trainings will grow side by side. Choose what changes and press the button."))
        warm_up()
    else:
        picture.show(run)
        guide.show(run)
with side, st.container(key="sweep_form"):
    form.show()
