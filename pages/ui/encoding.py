"""How the characters of a brought file are written: told by the file, or chosen by a person who sees how it reads."""

import re
from collections.abc import Sequence

import streamlit as st

from llm_core.data.encodings import Detection, detect_encoding
from pages.ui.text import _

ENCODINGS = ("utf-8", "gb18030", "big5", "utf-16", "shift_jis", "euc_kr", "cp1252", "cp1251", "cp1250")


def detect(raw: bytes) -> Detection:
    """The encoding of a whole file: a beginning without any foreign character says nothing about the rest."""
    detection = detect_encoding(raw)
    foreign = re.search(rb"[\x80-\xff]", raw)
    if detection.sure or detection.encoding is not None or foreign is None:
        return detection
    # Guessed from where it first matters, and never sure: a byte-order mark means nothing in the middle.
    guess = detect_encoding(raw[foreign.start() : foreign.start() + 65536])
    return Detection(guess.encoding, False, guess.preview)


def choose_encoding(detection: Detection, key: str) -> str | None:
    """The encoding of a file: its own where that is sure, else the one chosen here, first of all the likeliest."""
    if detection.sure:
        return detection.encoding
    guess = detection.encoding
    names: Sequence[str] = ENCODINGS if guess in ENCODINGS or guess is None else (guess, *ENCODINGS)
    return str(st.selectbox(_("Encoding"), names, index=names.index(guess or "gb18030"), key=key))


def reads_right(detection: Detection, key: str) -> bool:
    """Whether a person has said that the text shown above reads right; nobody is asked where the encoding is sure."""
    if detection.sure or st.checkbox(_("This reads right"), key=key):
        return True
    st.info(_("The file does not say how its characters are written. Choose the encoding in which it reads right."))
    return False
