"""What the Corpus page looks at, in the address: language-free codes, checked like anything else from outside."""

from typing import Any

import streamlit as st

from llm_core.data.corpora import CORPORA, Corpus
from llm_core.data.generated import SEED
from pages.ui.address import Linked, asked_for, one_of, text_of, whole, write_address
from pages.ui.glossary import SKILLS
from pages.ui.state import (
    CORPUS_CHOSEN_KEY,
    CORPUS_COLOURS_KEY,
    CORPUS_FIRST_KEY,
    CORPUS_FOLLOWED_KEY,
    CORPUS_KEY,
    CORPUS_LINK_KEY,
    CORPUS_LOOKED_KEY,
    CORPUS_SEED_KEY,
    CORPUS_SENTENCE_KEY,
    CORPUS_SIZE_KEY,
    CORPUS_SKILL_KEY,
    CORPUS_STORY_KEY,
    CORPUS_USUAL_KEY,
)
from pages.ui.text import _, language

LARGEST = 999_999
SIZES = (512, 1024, 2048, 4096)
FOLLOWED = (8, 12, 16, 24)
LONGEST_SENTENCE = 300
ALL = "all"


LINKED: Linked = {
    "corpus": (CORPUS_LOOKED_KEY, one_of(*CORPORA)),
    "seed": (CORPUS_SEED_KEY, whole(most=LARGEST)),
    "story": (CORPUS_STORY_KEY, whole(most=LARGEST)),
    "colours": (CORPUS_COLOURS_KEY, one_of("part", "who")),
    "skill": (CORPUS_SKILL_KEY, one_of(ALL, *SKILLS)),
    "word": (CORPUS_FIRST_KEY, text_of(40)),
    "followed": (CORPUS_FOLLOWED_KEY, one_of(*FOLLOWED)),
    "sentence": (CORPUS_SENTENCE_KEY, text_of(LONGEST_SENTENCE)),
    "size": (CORPUS_SIZE_KEY, one_of(*SIZES)),
}


def defaults() -> dict[str, Any]:
    """What the page begins with; these stay out of the address."""
    stories = f"stories-{language()}"
    return {
        CORPUS_LOOKED_KEY: stories if stories in CORPORA else next(iter(CORPORA)),
        CORPUS_SEED_KEY: SEED, CORPUS_STORY_KEY: 0, CORPUS_COLOURS_KEY: "who", CORPUS_SKILL_KEY: ALL,
        CORPUS_FOLLOWED_KEY: 16, CORPUS_SIZE_KEY: 2048,
    }  # fmt: skip


def follow_link() -> None:
    """Take the view from the address when it is not the one that this page wrote itself; call before any widget."""
    for name, text in asked_for(LINKED, CORPUS_LINK_KEY).items():
        key, read = LINKED[name]
        value = read(text)
        if value is not None:
            st.session_state[key] = value
    for key, value in defaults().items():
        st.session_state.setdefault(key, value)


def write_link(private: bool) -> None:
    """Put the view into the address. `private`: a person's own text is looked at, of which a link can say nothing."""
    usual = defaults() | {CORPUS_FIRST_KEY: st.session_state.get(CORPUS_USUAL_KEY), CORPUS_SENTENCE_KEY: ""}
    link = {}
    for name, (key, _read) in LINKED.items():
        value = st.session_state.get(key)
        # The language of the page decides the first text, so that one is always named.
        if value is not None and (key == CORPUS_LOOKED_KEY or value != usual.get(key)):
            link[name] = str(value)
    write_address(LINKED, {} if private else link, CORPUS_LINK_KEY)


def to_training(corpus: Corpus | None) -> None:
    """A way to the page where a model learns from this text; a person's own is there already."""
    if st.button(_("Train on this text"), key="corpus_to_training", type="tertiary", icon=":material/arrow_forward:"):
        if corpus is not None:
            st.session_state[CORPUS_KEY] = corpus.name
            st.session_state[CORPUS_CHOSEN_KEY] = True
        st.switch_page("train.py")
