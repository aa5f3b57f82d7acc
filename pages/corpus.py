"""Corpus: what a model reads. One text with its truth, then the whole in figures, in counts, in tokens."""

import streamlit as st

from llm_core.data.statistics import CountingConfig
from llm_core.errors import UserError
from pages.ui.corpus import counts, link, reading, story, texts, tokenizers
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
picture, controls = st.columns([4, 1.15], gap="large")
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
if text.kind == "grammar":
    with controls:
        story.controls(text.corpus)
    with picture:
        story.show(text.corpus)
    story.derivation(text.corpus)
    story.look_for()
else:
    with picture:
        reading.show(text)
counting = CountingConfig()
counts.in_figures(text, counting)
counts.zipf(text, counting)
counts.following(text, counting)
sentence = reading.a_sentence(text)
tokenizers.side_by_side(text, sentence)
tokenizers.train_one(text, sentence)
link.write_link(private=text.kind == "own")
