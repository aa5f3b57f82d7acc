"""What heads answer: patterns of many texts become numbers, text by text, and are forgotten at once."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from llm_core.interpret.attention.attention import Part
from llm_core.interpret.attention.questions import AskedText, Question
from llm_core.interpret.padding import together
from llm_core.models.base import Batch

Measure = Literal["share", "accuracy"]
"""share: of the attention, what goes to right units · accuracy: whether the unit with most attention is right."""
_LARGEST = 1 << 22
"""Numbers in the patterns of one batch: small enough for a processor's cache to help."""


@dataclass(frozen=True)
class Asked:
    """The questions of one score to B texts as tensors: N questions, asked from Q positions, about at most U units.

    question (Q,), row (Q,), position (Q,): which question asks from where · text (N,) · weights (N,): 1 / positions ·
    units (N, S): of each token that can be looked at, U for none · possible, right (N, U): which units may be answers,
    and which are right.
    """

    question: Tensor
    row: Tensor
    position: Tensor
    text: Tensor
    weights: Tensor
    units: Tensor
    possible: Tensor
    right: Tensor


@dataclass(frozen=True)
class Prepared:
    """A batch of texts: which ones they are, what a model reads, and all questions by part and score."""

    texts: tuple[int, ...]
    batch: Batch
    asked: Mapping[Part, Mapping[str, Asked]]


def prepare_batches(texts: Sequence[AskedText], heads: int, first: int = 0) -> Iterator[Prepared]:
    """Texts of like length together, so many that the patterns of all `heads` (of all layers) stay small.

    The texts are numbered from `first` on.
    """
    order = sorted(range(len(texts)), key=lambda at: _size(texts[at]))
    while order:
        count = 1
        # The last of a batch is its longest.
        while count < len(order) and (count + 1) * _size(texts[order[count]]) * heads <= _LARGEST:
            count += 1
        chosen, order = tuple(order[:count]), order[count:]
        yield _prepare(tuple(first + at for at in chosen), [texts[at] for at in chosen])


def answer(pattern: Tensor, asked: Asked, measure: Measure) -> Tensor:
    """How right each head is at each question: (N, layers, heads), from pattern (layers, B, heads, T, S).

    Of equal units the first counts as the one with most attention.
    """
    seen = pattern[:, asked.row, :, asked.position]  # (Q, layers, heads, S)
    count, most = asked.right.shape
    mean = seen.new_zeros(count, *seen.shape[1:]).index_add_(0, asked.question, seen)
    mean = mean * asked.weights[:, None, None, None]
    places = asked.units[:, None, None].expand_as(mean)
    units = mean.new_zeros(*mean.shape[:3], most + 1).scatter_add_(3, places, mean)[..., :most]  # (N, layers, heads, U)
    right = asked.right[:, None, None].expand_as(units)
    if measure == "share":
        return (units * right).sum(-1)
    best = units.masked_fill(~asked.possible[:, None, None], -1.0).argmax(-1, keepdim=True)
    return right.gather(-1, best)[..., 0].to(mean.dtype)


def sums_by_text(answers: Tensor, asked: Asked, texts: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Answers (N, layers, heads) added up for each of `texts` texts, (texts, layers, heads), and how many there are."""
    sums = answers.new_zeros(texts, *answers.shape[1:]).index_add_(0, asked.text, answers)
    counts = torch.bincount(asked.text, minlength=texts)
    return sums.double().cpu().numpy(), counts.cpu().numpy()


def _size(text: AskedText) -> int:
    """Numbers in the largest pattern of one head."""
    reading = text.reading
    lengths = [len(reading.text.ids), *([len(reading.source.ids)] if reading.source else [])]
    return max(lengths) ** 2


def _prepare(chosen: tuple[int, ...], texts: Sequence[AskedText]) -> Prepared:
    source = [text.reading.source.ids for text in texts if text.reading.source is not None]
    batch = together([text.reading.text.ids for text in texts], source)
    asked: dict[Part, dict[str, Asked]] = {}
    for part in texts[0].questions:
        for score in texts[0].questions[part]:
            flat = [(at, question) for at, text in enumerate(texts) for question in text.questions[part][score]]
            if flat:
                units = [text.units[part] for text in texts]
                asked.setdefault(part, {})[score] = _as_tensors(flat, units, part)
    return Prepared(chosen, batch, asked)


def _as_tensors(flat: Sequence[tuple[int, Question]], units: Sequence[tuple[int, ...]], part: Part) -> Asked:
    most = max(max(of) for of in units) + 1
    longest = max(len(of) for of in units)
    table = np.full((len(units), longest), most, dtype=np.int64)
    for at, of in enumerate(units):
        table[at, : len(of)] = [most if unit < 0 else unit for unit in of]
    there = np.array([max(of) + 1 for of in units])  # units of each text
    text = np.array([at for at, _ in flat])
    place = np.array([question.place for _, question in flat])[:, None]
    numbers = np.arange(most)
    possible = numbers < there[text][:, None]
    if part == "decoder":  # units stand in the order of the text
        possible &= numbers < place
    elif part == "encoder":
        possible &= numbers != place
    right = np.zeros((len(flat), most), dtype=bool)
    for at, (_, question) in enumerate(flat):
        right[at, list(question.right)] = True
    return Asked(
        question=torch.tensor([at for at, (_, question) in enumerate(flat) for _ in question.positions]),
        row=torch.tensor([row for row, question in flat for _ in question.positions]),
        position=torch.tensor([position for _, question in flat for position in question.positions]),
        text=torch.from_numpy(text),
        weights=torch.tensor([1 / len(question.positions) for _, question in flat]),
        units=torch.from_numpy(table)[torch.from_numpy(text)],
        possible=torch.from_numpy(possible),
        right=torch.from_numpy(right),
    )
