"""Pairs of texts that the grammar makes for patching: the same story with one thing changed, at a click."""

from itertools import islice
from typing import TYPE_CHECKING

import streamlit as st

from llm_core.config import RunConfig
from llm_core.data.corpora import CORPORA
from llm_core.data.vocabulary import MASK
from llm_core.errors import UserError
from pages.ui.faults import as_text, refuse
from pages.ui.inside.off import pieces_of
from pages.ui.inside.selection import Selection
from pages.ui.state import (
    INSIDE_AGAINST_KEY,
    INSIDE_FOR_KEY,
    INSIDE_OFF_KEY,
    INSIDE_OTHER_FOR_KEY,
    INSIDE_OTHER_KEY,
    INSIDE_PAIR_FAULT_KEY,
    INSIDE_PAIR_KEY,
    INSIDE_SOURCE_KEY,
    INSIDE_TARGET_KEY,
    INSIDE_TEXT_KEY,
    INSIDE_TOKEN_KEY,
    inference,
    store,
)
from pages.ui.text import _, language

if TYPE_CHECKING:
    from llm_core.interpret.reading import AnyTokenizer, Side

_TRIED = 12
"""Pairs that are looked at until one can be typed."""


def show(selection: Selection) -> None:
    """A button for each thing that can be changed, where the model knows the world of the grammar."""
    if _grammar(selection.run) is None:
        return
    if (fault := st.session_state.pop(INSIDE_PAIR_FAULT_KEY, None)) is not None:
        refuse(fault)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(as_text(_("A new pair, in which one thing differs:")), width="content")
        for kind, label in (("number", _("Number of the subject")), ("name", _("Name")), ("place", _("Place"))):
            st.button(label, key=f"inside_pair_{kind}", on_click=_take, args=(kind, selection))


def _grammar(run: str) -> tuple[str, str] | None:
    """The grammar that wrote what the models of a run have read, and the language to ask in; None where none did."""
    settings = store().find(run).settings
    corpus = CORPORA.get(settings.data.corpus) if isinstance(settings, RunConfig) else None
    if corpus is None or corpus.kind not in ("grammar", "parallel", "mixture"):
        return None
    known = corpus.language.split("-")
    return ("stories" if corpus.kind == "mixture" else corpus.source), language() if language() in known else known[0]


def _take(kind: str, selection: Selection) -> None:
    """The next pair becomes what is looked at: both texts, the position, and the two answers."""
    state = st.session_state
    state[INSIDE_PAIR_KEY] = seed = state.get(INSIDE_PAIR_KEY, 0) + 1
    found = _grammar(selection.run)
    assert found is not None
    try:
        text, source, other, token, target, against = pair_of(selection.run, selection.step, kind, *found, seed)
    except UserError as error:
        state[INSIDE_PAIR_FAULT_KEY] = error
        return
    state[INSIDE_TEXT_KEY], state[INSIDE_OTHER_KEY] = text, other
    if source:
        state[INSIDE_SOURCE_KEY] = source
    # A token that was taken away is none of these texts.
    state[INSIDE_OFF_KEY] = pieces_of(state.get(INSIDE_OFF_KEY, ()))
    state[INSIDE_TOKEN_KEY], state[INSIDE_TARGET_KEY], state[INSIDE_AGAINST_KEY] = token, target, against
    state[INSIDE_FOR_KEY] = selection.run, text, source
    state[INSIDE_OTHER_FOR_KEY] = text, source


def pair_of(
    run: str, step: int, kind: str, grammar: str, spoken: str, seed: int
) -> tuple[str, str, str, int | None, int, int]:
    """Text, source, the other text or source, position, right and wrong answer. Raises UserError where none is found."""
    with inference():
        from llm_core.interpret.patching.pairs import grammar_pairs
        from llm_core.interpret.reading import read

        model, tokenizer = store().model(store().find(run), step)
        for pair in islice(grammar_pairs(model, tokenizer, kind, spoken, seed, grammar), _TRIED):  # type: ignore[arg-type]
            text = typed(tokenizer, pair.clean.text)
            source = typed(tokenizer, pair.clean.source) if pair.clean.source else ""
            corrupted = pair.corrupted.source if source else pair.corrupted.text
            other_text = text if source else typed(tokenizer, pair.corrupted.text)
            assert corrupted is not None
            other = typed(tokenizer, corrupted)
            same = (
                read(model, tokenizer, text, source or None).text.ids == pair.clean.text.ids
                and read(model, tokenizer, other_text, other if source else None).text.ids == pair.corrupted.text.ids
            )
            # What is cut off in the middle of a word may be cut into other tokens when it is typed.
            if same and isinstance(pair.target.against, int):
                return text, source, other, pair.target.position, pair.target.token, pair.target.against
    raise UserError("No pair of this kind was found whose texts can be typed; try another kind.")


def typed(tokenizer: "AnyTokenizer", side: "Side") -> str:
    """The text that is read as these tokens."""
    own = [place for place, (start, end) in enumerate(side.spans) if end > start]
    parts: list[str] = []
    run_of: list[int] = []
    for place in own:
        if side.tokens[place] == MASK:
            parts += [tokenizer.decode(run_of), MASK]
            run_of = []
        else:
            run_of.append(side.ids[place])
    return "".join([*parts, tokenizer.decode(run_of)])
