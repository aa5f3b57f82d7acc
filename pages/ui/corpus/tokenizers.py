"""Tokenizers side by side on one sentence, each trained on this very text; and one that a person trains here."""

import time
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from typing import get_args

import streamlit as st

from llm_core.config import TokenizerKind
from llm_core.data.compression import Compression, measure
from llm_core.data.corpora import CORPORA, Corpus
from llm_core.data.tokenizers import Tokenizer, train_tokenizer
from llm_core.errors import UserError
from pages.ui import forms
from pages.ui.corpus import texts
from pages.ui.corpus.link import LONGEST_SENTENCE, SIZES
from pages.ui.corpus.texts import Looked
from pages.ui.faults import refuse
from pages.ui.glossary import meanings
from pages.ui.state import CORPUS_SENTENCE_KEY, CORPUS_SIZE_KEY, CORPUS_TRAINED_KEY
from pages.ui.text import _, number

KINDS: tuple[TokenizerKind, ...] = get_args(TokenizerKind)
READ = 100_000
"""Characters that a vocabulary is learnt from here."""
TWIN_LANGUAGE = {"en": "zh", "zh": "en"}
_MEASURED = 20_000
_MOST_CHIPS = 240
_NEWEST = 24


@dataclass(frozen=True)
class Trained:
    """A tokenizer and how long its training took."""

    tokenizer: Tokenizer
    seconds: float


def of_text(text: Looked, kind: TokenizerKind, size: int, byte_fallback: bool = True) -> Trained:
    """A tokenizer for this text, trained once. Raises UserError where the vocabulary is too small to spell."""
    if text.corpus is not None:
        return trained(text.key, kind, size, byte_fallback, twin=True)
    made: Trained = texts.own(
        f"tokenizer {text.key} {kind} {size} {byte_fallback}",
        lambda: _train(kind, size, _beginning(text.documents), byte_fallback),
    )
    return made


@lru_cache(maxsize=48)
def trained(name: str, kind: TokenizerKind, size: int, byte_fallback: bool = True, *, twin: bool = False) -> Trained:
    """The same for an embedded text. `twin`: learns from the same stories in the other language, too."""
    read = [_beginning(texts.embedded(each).documents) for each in ([name, *_twins(CORPORA[name])] if twin else [name])]
    return _train(kind, size, [document for documents in read for document in documents], byte_fallback)


def _train(kind: TokenizerKind, size: int, documents: list[str], byte_fallback: bool) -> Trained:
    began = time.perf_counter()
    made = train_tokenizer(kind, size, documents, byte_fallback)
    return Trained(made, time.perf_counter() - began)


def _beginning(documents: tuple[str, ...], most: int = READ) -> list[str]:
    kept, characters = [], 0
    for document in documents:
        if characters >= most:
            break
        kept.append(document[: most - characters])
        characters += len(document)
    return kept


def _twins(corpus: Corpus) -> list[str]:
    """The same texts in the other language, where a grammar writes both."""
    other = f"{corpus.source}-{TWIN_LANGUAGE.get(corpus.language)}"
    return [other] if corpus.kind == "grammar" and other in CORPORA else []


def measured(text: Looked, kind: TokenizerKind, size: int) -> dict[str, Compression]:
    """How a tokenizer does in each language that this text is there in: code to figures."""
    if text.corpus is not None:
        return _measured(text.key, kind, size)
    found: Compression = texts.own(
        f"measured {text.key} {kind} {size}", lambda: _measure(text, of_text(text, kind, size).tokenizer)
    )
    return {"": found}


@lru_cache(maxsize=64)
def _measured(name: str, kind: TokenizerKind, size: int) -> dict[str, Compression]:
    made = trained(name, kind, size, twin=True).tokenizer
    names = [name, *_twins(CORPORA[name])]
    return {CORPORA[each].language: _measure(texts.embedded(each), made) for each in names}


def _measure(text: Looked, tokenizer: Tokenizer) -> Compression:
    return measure(tokenizer, _beginning(text.documents, _MEASURED), texts.by_words(text))


def side_by_side(text: Looked, sentence: str) -> None:
    """All kinds on one sentence. `sentence`: what the page proposes."""
    st.subheader(_("Cut into tokens"), help=meanings("token", "vocabulary", "compression", "fertility"))
    left, right = st.columns([2.6, 1], gap="medium", vertical_alignment="bottom")
    with left:
        chosen = st.text_input(
            _("Sentence"), key=CORPUS_SENTENCE_KEY, max_chars=LONGEST_SENTENCE, placeholder=sentence, persist_state="session",
            help=_("Write what you like, in any language. Empty takes the beginning of the text."),
        )  # fmt: skip
    with right:
        size = st.select_slider(_("Largest vocabulary (tokens)"), SIZES, key=CORPUS_SIZE_KEY, persist_state="session")
    cards = []
    with st.spinner(_("Learning four vocabularies…")):
        for kind in KINDS:
            made = of_text(text, kind, size).tokenizer
            cards.append(_card(made, chosen or sentence, measured(text, kind, size)))
    st.html(f"<div class='t-host t-still t-cards'>{''.join(cards)}</div>")
    st.caption(
        _("Each learnt its vocabulary from the first {characters} characters of this text; of one that a grammar writes, in both languages.", characters=READ)
    )  # fmt: skip


def _card(tokenizer: Tokenizer, sentence: str, figures: dict[str, Compression]) -> str:
    ids = tokenizer.encode(sentence)
    names = {"en": _("English"), "zh": _("Chinese")}
    facts = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(number(float(value)))}</dd></div>"
        for code, each in figures.items()
        for name, value in (
            (_("tokens per word · {language}", language=names[code]) if code in names else _("tokens per word"), each.fertility),
            (_("characters per token · {language}", language=names[code]) if code in names else _("characters per token"), each.characters_per_token),
        )
    )  # fmt: skip
    head = _("{count} tokens, {share} characters each", count=len(ids), share=len(sentence) / max(1, len(ids)))
    return (
        f"<section class='t-card'><h3>{escape(_(forms.CHOICES[tokenizer.kind]))}</h3><p class='t-quiet'>{escape(head)}</p>"
        f"{chips(tokenizer, ids)}<dl class='t-facts'>{facts}</dl></section>"
    )


def chips(tokenizer: Tokenizer, ids: list[int]) -> str:
    """Tokens as chips, each over its id, spaces and line ends to be seen."""
    pieces = tokenizer.pieces
    shown = "".join(
        f"<span class='t-chip'><span>{escape(seen(pieces[token]))}</span><small>{token}</small></span>"
        for token in ids[:_MOST_CHIPS]
    )
    return f"<div class='t-chips'>{shown}{' …' if len(ids) > _MOST_CHIPS else ''}</div>"


def seen(piece: str) -> str:
    """A piece with its spaces and line ends to be seen."""
    return piece.replace(" ", "·").replace("\n", "↵").replace("\t", "⇥")


def train_one(text: Looked, sentence: str) -> None:
    """A tokenizer with a person's own settings, and how it does."""
    folded = st.expander(_("Train one here"), key="corpus_train_one", on_change="rerun")
    if not folded.open:
        return
    with folded:
        with st.form("corpus_tokenizer", border=False):
            one, two, three, go = st.columns(4, vertical_alignment="bottom")
            kind = one.selectbox(
                _("Kind"), KINDS, index=KINDS.index("bpe"), format_func=lambda kind: _(forms.CHOICES[kind])
            )
            size = two.number_input(_("Largest vocabulary"), 2, 20_000, 600)
            fallback = three.toggle(_("Byte fallback"), True, help=_("Spell unseen characters as bytes, so that any text comes back as it was. Without it the vocabulary is smaller and unseen characters become the sign for unknown."))  # fmt: skip
            if go.form_submit_button(_("Train"), type="primary", width="stretch"):
                st.session_state[CORPUS_TRAINED_KEY] = (kind, size, fallback)
        if CORPUS_TRAINED_KEY not in st.session_state:
            st.caption(_("Here its tokens will stand, and how well they fit this text."))
            return
        kind, size, fallback = st.session_state[CORPUS_TRAINED_KEY]
        try:
            with st.spinner(_("Training…")):
                made = of_text(text, kind, size, fallback)
        except UserError as error:
            refuse(error)
            return
        _result(made, st.session_state.get(CORPUS_SENTENCE_KEY) or sentence)


def _result(made: Trained, sentence: str) -> None:
    tokenizer = made.tokenizer
    ids = tokenizer.encode(sentence)
    st.markdown(
        _("{kind}: {size} tokens learnt in {seconds} s. The sentence takes {count} of them.",
          kind=_(forms.CHOICES[tokenizer.kind]), size=tokenizer.vocabulary_size, seconds=made.seconds, count=len(ids))
    )  # fmt: skip
    st.html(f"<div class='t-host t-still'>{chips(tokenizer, ids)}</div>")
    if tokenizer.decode(ids) != sentence:
        st.caption(_("Decoded, this is not the sentence again: what it does not know is lost."))
    newest = list(range(max(0, tokenizer.vocabulary_size - _NEWEST), tokenizer.vocabulary_size))
    st.caption(_("The last tokens that it learnt:"))
    st.html(f"<div class='t-host t-still'>{chips(tokenizer, newest)}</div>")
