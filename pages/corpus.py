"""Corpus: what a model reads. One text with its truth, then the whole in figures, in counts, in tokens."""

import streamlit as st

from llm_core.errors import UserError
from pages.ui.corpus import counts, link, merging, reading, story, texts, tokenizers, vectors, washing
from pages.ui.faults import refuse
from pages.ui.glossary import meanings
from pages.ui.state import CORPUS_LOOKED_KEY
from pages.ui.text import _
from pages.ui.text_source import choose_text

st.title(_("Corpus"))
st.markdown(
    _("What a model reads before it writes: a text, with what is known about every word of it."),
    help=meanings("corpus", "derivation", "token", "seed"),
)

link.follow_link()
picture, controls = st.columns([3.4, 1.25], gap="large")
with controls:
    source = choose_text(CORPUS_LOOKED_KEY)
if source is None:
    link.write_link(private=True)
    with picture:
        st.info(_("Here your text will be counted and cut into tokens. Paste or bring one."))
    st.stop()
try:
    text = texts.looked(source)
except UserError as error:
    refuse(error)
    st.stop()
if text.corpus is not None and text.kind == "grammar":
    with controls:
        story.controls(text.corpus)
    with picture:
        story.show(text.corpus)
    story.derivation(text.corpus)
    story.look_for(text.corpus)
else:
    with picture:
        reading.show(text)
link.write_link(private=text.kind == "own")
with controls:
    link.to_training(text.corpus)


@st.fragment
def panels() -> None:
    """Counts and tokens: what is set here leaves the picture alone."""
    counting = counts.in_figures(text)
    sentence = reading.a_sentence(text)
    if text.kind != "task":
        counts.zipf(text, counting)
        counts.following(text, counting)
    tokenizers.side_by_side(text, sentence)
    merging.show(text, sentence)
    tokenizers.train_one(text, sentence)
    link.write_link(private=text.kind == "own")


@st.fragment
def workbench() -> None:
    """Words as vectors; and a text made clean."""
    vectors.show(text)
    washing.show(text)


panels()
if text.kind != "task":
    workbench()
