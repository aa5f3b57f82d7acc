"""Attention: what every head of every layer looks at, in any text, at any step of training."""

import streamlit as st

from llm_core.errors import UserError
from pages.ui.attention import bertviz, controls, differences, flow, guide, heads, link, picture, switches
from pages.ui.attention.looking import looking
from pages.ui.attention.shape import shape_of
from pages.ui.faults import refuse
from pages.ui.glossary import meanings
from pages.ui.subject import subject_bar
from pages.ui.text import _

SHOWS = {
    "heads": picture.show, "difference": differences.show, "head_view": bertviz.show, "model_view": bertviz.show,
    "neuron_view": bertviz.show, "flow": flow.show,
}  # fmt: skip

st.title(_("Attention"))
st.markdown(
    _("Each head of a model looks at other tokens in its own way. The stronger the colour, the more of its attention goes there."),
    help=meanings("token", "head", "step"),
)  # fmt: skip

subject = subject_bar()
if subject is None or subject.step is None:
    st.info(_("Here a model will show what it looks at. Train one first: it takes a minute."))
    st.page_link("train.py", label=_("Train a model"))
    st.stop()
link.follow_link()
try:
    shape = shape_of(subject.run)
except UserError as reason:
    controls.no_attention(subject.run, reason)
    st.stop()

now = looking(subject)
controls.text_and_view(shape, SHOWS)
try:
    SHOWS.get(now.view, picture.show)(now, subject)
    switches.show(now, subject)
    heads.show(now, subject)
except UserError as error:
    refuse(error)
guide.look_for(now, subject.run)
link.write_link()
