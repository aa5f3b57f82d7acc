"""Fill in: hide any words of a text from an encoder, and see what it expects in their place."""

import streamlit as st

from pages.ui.fill_mask import controls, guide, link, picture
from pages.ui.fill_mask.looking import beside, looking, unfit
from pages.ui.glossary import meanings
from pages.ui.subject import subject_bar
from pages.ui.text import _

st.title(_("Fill in"))
st.markdown(
    _("An encoder reads a whole text at once and guesses what is hidden in it. Click any word to hide it."),
    help=meanings("encoder", "mask", "token", "probability", "pseudo-perplexity", "step"),
)

subject = subject_bar(unfit=unfit)
if subject is None or subject.step is None:
    st.info(_("Here a model will fill in hidden words. It takes an encoder: train one with a recipe for hidden words, or bring in a BERT."))  # fmt: skip
    st.page_link("train.py", label=_("Train a model"))
    st.stop()
link.follow_link()
there = beside(subject)
now = looking(subject, there)
controls.show(there)
picture.show(now, subject)
guide.look_for(now, subject.run)
link.write_link()
