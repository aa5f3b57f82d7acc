"""What is to be said of a text, as numbers beside its tokens, so that both stand in one stream of a corpus.

In the stream a text and its targets take turns, each after the end-of-text sign, which is 0: so all targets are counted
up, that none is 0. A question stands before its text, as a turn of its own. Knows no torch.
"""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from llm_core.data.annotated import Annotated, Asked, Entity
from llm_core.data.words import BARE_WORD
from llm_core.errors import UserError

if TYPE_CHECKING:
    from llm_core.data.tokenizers import Tokenizer

TURNS: dict[Asked, int] = {"labelled": 2, "tagged": 2, "questions": 3}
"""Into how many texts of the stream a document falls; the last are its targets."""
NOT_ASKED, FIRST_TAG = 1, 2
"""In the targets of a tagged text: a token whose tag nobody asks for, and the tag with the number 0."""

Stream = NDArray[Any]
Spans = Sequence[tuple[int, int]]
_find_words = re.compile(BARE_WORD).finditer


def turns(made: Annotated, asked: Asked, names: Sequence[str], tokenizer: "Tokenizer") -> list[NDArray[np.uint32]]:
    """The token ids of a document's turns, and its targets as the last one.

    labelled: the text, the number of its class (from 1) · tagged: the text, a number for each of its tokens · questions:
    the question, the text, the places (from 1) of the first and the last token of the answer.
    """
    text = tokenizer.encode_array(made.text)
    if asked == "labelled":
        return [text, np.array([names.index(made.label) + 1], dtype=np.uint32)]
    spans = tokenizer.spans(made.text)
    if asked == "tagged":
        return [text, tag_targets(made.text, made.entities, spans, names)]
    first, last = token_span(spans, made.answer)
    return [tokenizer.encode_array(made.question), text, np.array([first + 1, last + 1], dtype=np.uint32)]


def row_lengths(tokens: Stream, asked: Asked) -> NDArray[np.int64]:
    """(documents,) how many positions a model reads of each document: the text with its sign, and the question with its."""
    starts = np.flatnonzero(tokens == 0)
    each = np.diff(starts, append=len(tokens))
    count = TURNS[asked]
    return np.asarray(each.reshape(-1, count)[:, : count - 1].sum(1))


def words_in(text: str) -> list[tuple[int, int]]:
    """The words that get a tag each: what stands between spaces and signs; each sign and each Chinese character alone."""
    return [match.span() for match in _find_words(text)]


def word_tags(words: Spans, entities: Sequence[Entity]) -> list[str]:
    """A tag for each word. A word that has only a part of an entity belongs to it."""
    tags = ["O"] * len(words)
    for kind, start, end in entities:
        inside = [place for place, (begins, ends) in enumerate(words) if begins < end and ends > start]
        for place in inside:
            tags[place] = f"{'B' if place == inside[0] else 'I'}-{kind}"
    return tags


def first_tokens(words: Spans, tokens: Spans) -> list[int | None]:
    """For each word the first token that has a part of it: this one carries the word's tag.

    None where another word has it already, as where a token spells several Chinese characters.
    """
    found: list[int | None] = []
    place, taken = 0, -1
    for start, end in words:
        while place < len(tokens) and tokens[place][1] <= start:
            place += 1
        fits = place < len(tokens) and tokens[place][0] < end and place > taken
        found.append(place if fits else None)
        taken = max(taken, place)
    return found


def tag_targets(text: str, entities: Sequence[Entity], tokens: Spans, names: Sequence[str]) -> NDArray[np.uint32]:
    """(T,) the target of each token: `FIRST_TAG` and the number of its word's tag on the first token of a word,
    `NOT_ASKED` on all others."""
    words = words_in(text)
    targets = np.full(len(tokens), NOT_ASKED, dtype=np.uint32)
    for tag, place in zip(word_tags(words, entities), first_tokens(words, tokens), strict=True):
        if place is not None:
            targets[place] = FIRST_TAG + names.index(tag)
    return targets


def token_span(tokens: Spans, span: tuple[int, int]) -> tuple[int, int]:
    """The first and the last token that have a part of a span of characters. Raises UserError where none has."""
    start, end = span
    inside = [place for place, (begins, ends) in enumerate(tokens) if begins < end and ends > start]
    if not inside:
        raise UserError("No token stands at the characters {start} to {end}.", start=start, end=end)
    return inside[0], inside[-1]
