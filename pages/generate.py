"""Generate: let any model write, at any step of its training, and see how sure it was of every token."""

import streamlit as st

from pages.ui import generate
from pages.ui.glossary import meanings
from pages.ui.subject import subject_bar
from pages.ui.text import _
from pages.ui.truth import show_truth
from pages.ui.writing import Writing

st.title(_("Generate"))
st.markdown(
    _("A model writes one token after another. The stronger the colour, the surer it was; click a token to see what else it could have been."),
    help=meanings("token", "probability", "step", "prompt", "temperature", "seed"),
)  # fmt: skip

subject = subject_bar()
if subject is None or subject.step is None:
    st.info(_("Here a model will write. Train one first: it takes a minute."))
    st.page_link("train.py", label=_("Train a model"))
    st.stop()

if generate.only_reads(subject.run):
    st.stop()
generate.follow_link()
prompt = generate.prompt_box(subject.run)
picture, controls = st.columns([4, 1.15], gap="large")
with controls:
    decoding = generate.controls()
writing = Writing(run=subject.run.id, step=subject.step, prompt=prompt, decoding=decoding)
with picture:
    generate.show(writing)
show_truth(writing, subject.run)
generate.write_link(writing, subject.run)
generate.look_for(subject.run)
generate.give(writing)
