"""The merges of byte-level BPE on one sentence, one by one, with a slider; nothing that is slid through costs a run."""

from functools import cache
from typing import Any

import streamlit as st

from llm_core.data.merges import Merges, State
from llm_core.data.tokenizers import Tokenizer
from pages.ui.corpus import texts
from pages.ui.corpus.texts import Looked
from pages.ui.corpus.tokenizers import of_text, seen
from pages.ui.glossary import meaning
from pages.ui.live import script
from pages.ui.panels import take_away
from pages.ui.state import CORPUS_SENTENCE_KEY, CORPUS_SIZE_KEY
from pages.ui.text import _, language

_MOST_STATES = 400


@cache
def _component() -> Any:
    return st.components.v2.component("terrarium_merges", js=script("format", "merges"), isolate_styles=False)


def show(text: Looked, sentence: str) -> None:
    """The sentence of the tokenizers above, from bytes to pieces."""
    title = _("How BPE came to its pieces")
    st.markdown(f"##### {title}", help=meaning("merge"))
    chosen, size = st.session_state.get(CORPUS_SENTENCE_KEY) or sentence, st.session_state[CORPUS_SIZE_KEY]
    tokenizer = of_text(text, "bpe", size).tokenizer
    states = texts.own(f"merges {text.key} {size} {language()} {chosen}", lambda: _states(tokenizer, chosen))
    _component()(
        key="corpus_merges",
        data={
            "states": states,
            "labels": {"slider": _("Merges done"), "play": _("Play"), "pause": _("Pause")},
        },
    )  # fmt: skip
    take_away("corpus_merges_takeaway", files={}, code=_python(text, size, chosen))


def _states(tokenizer: Tokenizer, sentence: str) -> list[dict[str, Any]]:
    steps = list(Merges(tokenizer).steps(sentence))
    # A long sentence is shown from its end backwards: the beginning of it all, then the last merges.
    kept = steps if len(steps) <= _MOST_STATES else [steps[0], *steps[1 - _MOST_STATES :]]
    return [_state(tokenizer, state, number, len(kept) - 1) for number, state in enumerate(kept)]


def _state(tokenizer: Tokenizer, state: State, number: int, last: int) -> dict[str, Any]:
    pieces = tokenizer.pieces
    ends = [*state.words[1:], len(state.ids)]
    words = [
        [(seen(pieces[state.ids[place]]), place in state.places) for place in range(start, end)]
        for start, end in zip(state.words, ends, strict=True)
    ]
    if state.merge is None:
        said = _("Before any merge: {count} bytes.", count=len(state.ids))
    else:
        left, right, made = (seen(pieces[token]) for token in (state.merge.left, state.merge.right, state.merge.result))
        said = _(
            "Merge {number} of {last}: “{left}” and “{right}” become “{made}”, learnt as number {rank}. {count} pieces are left.",
            number=number, last=last, left=left, right=right, made=made, rank=state.merge.rank + 1, count=len(state.ids),
        )  # fmt: skip
    return {"words": words, "said": said}


def _python(text: Looked, size: int, sentence: str) -> str:
    corpus = repr(text.key) if text.corpus else '"my-text.txt"'
    return f"""\
from llm_core.config import DataConfig
from llm_core.data.merges import Merges
from llm_core.data.source import documents
from llm_core.data.tokenizers import train_tokenizer

tokenizer = train_tokenizer("bpe", {size}, documents(DataConfig(corpus={corpus})))
for state in Merges(tokenizer).steps({sentence!r}):
    print([tokenizer.pieces[token] for token in state.ids])
"""
