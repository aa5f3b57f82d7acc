"""Class: everybody's runs at a glance, who one is here, and for the teacher what holds for all."""

import streamlit as st

from llm_core.runs.owners import is_teacher
from pages.ui.classroom import components, panels
from pages.ui.classroom.standing import classroom
from pages.ui.state import warm_up
from pages.ui.text import _
from pages.ui.who import owner

teacher = is_teacher(owner())
class_ = classroom()

st.title(_("Classroom"))
st.markdown(_("Everybody's runs as they learn. All see all; only who started a run and the teacher can stop it."))
panels.fault()
if teacher:
    panels.door(class_)
board, side = st.columns([2.6, 1], gap="large")
with side:
    panels.myself(class_)
    if teacher:
        panels.steering(class_)
    panels.leaving()
with board:
    components.runs()
warm_up()
