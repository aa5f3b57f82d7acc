"""The entities in a text: a tag for each word by a model that was trained to give them, and what they make together."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from llm_core.data.tag_spans import OUTSIDE, tag_spans
from llm_core.data.targets import first_tokens, words_in
from llm_core.data.tokenizers import Tokenizer
from llm_core.errors import UserError
from llm_core.inference.reading_task import logits_of, of_task
from llm_core.models.base import Model

_TOGETHER = 16


@dataclass(frozen=True)
class Entity:
    """A part of a text that names something: `text[start:end]`.

    `probability`: of all its words having just these tags, each judged by itself.
    """

    kind: str
    start: int
    end: int
    text: str
    probability: float


@dataclass(frozen=True)
class Tagged:
    """A text with a tag for each of its words, and the entities that the tags make.

    words: spans of characters · tags: the likeliest one of each word · probabilities (words, labels): of every tag, in
    the order of `labels`.
    """

    text: str
    labels: tuple[str, ...]
    words: tuple[tuple[int, int], ...]
    tags: tuple[str, ...]
    probabilities: NDArray[np.float64]
    entities: tuple[Entity, ...]


def tag(model: Model, tokenizer: Tokenizer, labels: Sequence[str], text: str) -> Tagged:
    """Tag a text of any length; one longer than the model's context is read in parts, cut between words.

    `labels`: the names of the tags, in the order of the model's logits. Raises UserError for a model of another task.
    """
    model = of_task(model, "tag")
    if len(labels) != model.config.labels:
        raise UserError("The model has {count} tags, but {names} names.", count=model.config.labels, names=len(labels))
    words, ids = words_in(text), tokenizer.encode(text)
    firsts = first_tokens(words, tokenizer.spans(text))
    starts = [place for place in firsts if place is not None]
    parts = _parts(len(ids), starts, model.config.context - len(tokenizer.begin))
    rows = [[*tokenizer.begin, *ids[start:end]] for start, end in parts]
    each = np.zeros((len(ids), len(labels)))
    for first in range(0, len(rows), _TOGETHER):
        logits = logits_of(model, rows[first : first + _TOGETHER])
        for (start, end), row in zip(parts[first : first + _TOGETHER], logits, strict=True):
            begin = len(tokenizer.begin)
            each[start:end] = row[begin : begin + end - start].to(torch.float64).softmax(-1).numpy()
    tags, carrier, carriers = list[str](), 0, list[int]()
    for place in firsts:
        if place is None:  # its characters stand in the token of the word before
            tags.append(_going_on(tags[-1] if tags else OUTSIDE))
        else:
            carrier = place
            tags.append(labels[int(each[place].argmax())])
        carriers.append(carrier)
    probabilities = each[carriers] if carriers else np.zeros((0, len(labels)))
    entities = entities_of(text, words, tags, probabilities.max(-1, initial=0.0))
    return Tagged(text, tuple(labels), tuple(words), tuple(tags), probabilities, tuple(entities))


def entities_of(
    text: str, words: Sequence[tuple[int, int]], tags: Sequence[str], sureness: NDArray[np.float64] | None = None
) -> list[Entity]:
    """The entities that tags of words make; `sureness` (words,): the probability of each tag, 1 when None."""
    sure = np.ones(len(words)) if sureness is None else sureness
    found = []
    for kind, first, end in tag_spans(tags):
        start, stop = words[first][0], words[end - 1][1]
        found.append(Entity(kind, start, stop, text[start:stop], float(np.prod(sure[first:end]))))
    return found


def marked(text: str, entities: Sequence[Entity]) -> str:
    """The text with its entities in brackets, each with its kind: "[person Lily] went to the [place park]."."""
    pieces, done = [], 0
    for one in entities:
        pieces += [text[done : one.start], f"[{one.kind} {one.text}]"]
        done = one.end
    return "".join((*pieces, text[done:]))


def _going_on(tag: str) -> str:
    return tag if tag == OUTSIDE else f"I-{tag.partition('-')[2]}"


def _parts(count: int, starts: Sequence[int], room: int) -> list[tuple[int, int]]:
    """So many tokens in stretches of at most `room`, each but the first beginning with a word where that is possible."""
    parts, start = [], 0
    while start < count:
        end = min(start + room, count)
        if end < count:
            end = max((place for place in starts if start < place <= end), default=end)
        parts.append((start, end))
        start = end
    return parts
