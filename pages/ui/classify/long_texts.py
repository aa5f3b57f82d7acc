"""Says when a table has texts that are longer than the encoder reads at once, and what becomes of them."""

from collections.abc import Mapping

import streamlit as st

from llm_core.config import TableConfig
from llm_core.data.foreign_tokenizers import load_tokenizer
from llm_core.data.long_texts import longer_than
from llm_core.errors import N_, UserError
from pages.ui.classify.table import prepared
from pages.ui.faults import as_text
from pages.ui.state import CLASSIFY_LONG_TEXTS_KEY, store
from pages.ui.text import _, number

BUNDLED = "cloze-en-zh"
MOST_COUNTED = 2_000
"""Texts that are cut into tokens to be counted; only those that could be too long are."""

_CHARACTERS = 64
"""No text has so many characters a token that its beginning would not tell."""

SAYS: Mapping[str, str] = {
    "truncate": N_("{count} of {all} texts are longer than the {room} tokens that the encoder reads at once: the rest of them is left unread. Under More, “Long texts” offers other ways."),
    "window": N_("{count} of {all} texts are longer than the {room} tokens that the encoder reads at once: they are read in up to 8 overlapping windows, and what is said of these is averaged."),
    "head_tail": N_("{count} of {all} texts are longer than the {room} tokens that the encoder reads at once: a quarter of these is read from the beginning and the rest from the end."),
}  # fmt: skip
"""By the way in which long texts are read."""


def say(table: TableConfig | None, encoder: str | None, long_texts: str) -> None:
    """A sentence, where there is anything to say."""
    if table is None:
        return
    asked = (table, encoder or BUNDLED)
    before, found = st.session_state.get(CLASSIFY_LONG_TEXTS_KEY, (None, None))
    if before != asked:
        try:
            found = counted(*asked)
        except UserError:  # the table or the encoder: whoever needs it says what is wrong
            found = None
        st.session_state[CLASSIFY_LONG_TEXTS_KEY] = (asked, found)
    if found is not None and found[0]:
        count, every, room = map(number, found)
        st.caption(as_text(_(SAYS[long_texts], count=count, all=every, room=room)))


def counted(table: TableConfig, encoder: str) -> tuple[int, int, int]:
    """How many texts of a table are too long for the encoder of a run, of how many, and the tokens that fit.

    Raises UserError for a table or an encoder that is not there.
    """
    run = store().find(encoder)
    tokenizer = load_tokenizer(run.folder / "tokenizer.json")
    room = max(1, run.model_config.context - len(tokenizer.begin) - len(tokenizer.end))
    found = prepared(table)
    texts = [*found.training.texts, *found.test.texts]
    # No token stands for less than a byte.
    candidates = [text for text in texts if len(text.encode("utf-8", "replace")) > room]
    looked = candidates[:MOST_COUNTED]
    long = longer_than([len(tokenizer.encode_array(text[: _CHARACTERS * room])) for text in looked], room)
    return round(long * len(candidates) / max(1, len(looked))), len(texts), room
