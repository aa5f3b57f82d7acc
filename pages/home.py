"""Home: what this is, the bundled model writing, the doors to the rest, and the runs under way."""

import streamlit as st

from pages.ui.home import doors, hero, runs_under_way
from pages.ui.text import _

st.title("Terrarium")
st.markdown(_("Grow small language models under glass: train one in your browser, watch it learn, then open it up."))

hero()

doors(
    ("corpus.py", _("Corpus"), _("See what a model reads: a small world told in two languages, in which every word is known.")),
    ("train.py", _("Train"), _("Choose a text, press one button, and watch noise turn into words. Stop, go on, come back tomorrow.")),
    ("sweep.py", _("Sweep"), _("Train many models of different sizes or learning rates, and see how the loss falls with size.")),
    ("generate.py", _("Generate"), _("Let any model write, at any step of its training, and see how sure it is of every token.")),
    ("attention.py", _("Attention"), _("See what every head of a model looks at, while it learns, and switch one off.")),
    ("inside.py", _("Inside"), _("Open a model up: what each layer would say, which head speaks for a word, and what breaks without it.")),
    ("fill_mask.py", _("Fill in"), _("Hide a word, and see what a model that reads both ways expects in its place.")),
    ("read.py", _("Read"), _("Let a model find persons and places in a text, and answer a question about it.")),
    ("classify.py", _("Classify"), _("Bring a table of texts with labels: in a minute you know whether it can be classified, and why.")),
)  # fmt: skip

st.subheader(_("Under way"))
runs_under_way()
st.page_link("runs.py", label=_("All runs"))
