"""Home: what this is, the bundled model writing, the doors to the rest, and the runs under way."""

import streamlit as st

from pages.ui.home import door, hero, runs_under_way
from pages.ui.text import _

st.title("Terrarium")
st.markdown(_("Grow small language models under glass: train one in your browser, watch it learn, then open it up."))

hero()

left, middle, right = st.columns(3, gap="medium")
with left:
    door(
        "corpus.py", _("Corpus"),
        _("See what a model reads: a small world told in two languages, in which every word is known."),
    )  # fmt: skip
with middle:
    door(
        "train.py", _("Train"),
        _("Choose a text, press one button, and watch noise turn into words. Stop, go on, come back tomorrow."),
    )  # fmt: skip
with right:
    door(
        "generate.py", _("Generate"),
        _("Let any model write, at any step of its training, and see how sure it is of every token."),
    )  # fmt: skip

st.subheader(_("Under way"))
runs_under_way()
