"""Read: have the entities in any text marked, a question about it answered, or its class named, and see how sure the model
is."""

import streamlit as st

from llm_core.errors import UserError
from pages.ui.faults import refuse
from pages.ui.glossary import meanings
from pages.ui.read import answered, controls, figures, guide, labelled, link, tagged
from pages.ui.read.looking import looking, unfit
from pages.ui.subject import subject_bar
from pages.ui.text import _

SHOWS = {"tag": tagged.show, "answer": answered.show, "classify": labelled.show}

st.title(_("Read"))
st.markdown(
    _(
        "A model that has learnt one task reads a text: it marks who and where, points at the answer to a question, or says which class it is."
    ),
    help=meanings("encoder", "entity", "probability", "token", "step"),
)

link.follow_link()
task = controls.task()
subject = subject_bar(unfit=unfit(task))
if subject is None or subject.step is None:
    st.info(_("Here a model will read. It takes one that was trained for this task: that takes a minute or two."))
    st.page_link("train.py", label=_("Train one"), query_params={"recipe": task})
    link.write_link()
    st.stop()
now = looking(subject)
controls.show(subject)
try:
    SHOWS[task](now, subject)
except UserError as error:
    refuse(error)
figures.show(subject.run, subject.step)
guide.look_for(now, subject.run)
st.page_link("train.py", label=_("Train one yourself"), query_params={"recipe": task})
link.write_link()
