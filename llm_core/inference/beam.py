"""Beam search: keep the likeliest beginnings, extend each by every token, keep the likeliest again."""

from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Literal

import torch

from llm_core.config import DecodingConfig
from llm_core.inference.decoding import penalize
from llm_core.inference.reader import Edits, Reader, Token, describe
from llm_core.models.base import Batch, Model


@dataclass(frozen=True, slots=True)
class Beam:
    """A beginning: what was written after the prompt, and the sum of its log-probabilities."""

    tokens: tuple[Token, ...]
    score: float

    @property
    def mean(self) -> float:
        """What ended texts of unequal length are compared by."""
        return self.score / len(self.tokens)


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """A beginning as it was looked at in one step of the search.

    `parent`: which of the beginnings that the step before kept it goes on from, by their order; `score`: the sum of its
    log-probabilities; `fate`: kept for the next step, ended by the stop token and set aside, or dropped.
    """

    parent: int
    token: Token
    score: float
    fate: Literal["kept", "ended", "dropped"]


@dataclass(frozen=True, slots=True)
class BeamStep:
    """The beginnings of one length, likeliest first: the first has `step` 0."""

    step: int
    hypotheses: tuple[Hypothesis, ...]


def beam_search(
    model: Model,
    prompts: Sequence[Sequence[int]],
    decoding: DecodingConfig,
    *,
    stop: int | None = None,
    edits: Edits | None = None,
    source: Batch | None = None,
) -> Iterator[list[Token]]:
    """The text with the highest mean log-probability per token that was found after each prompt.

    Prompts are searched one after another, then yielded position by position. The repetition penalty counts in the
    search; temperature and truncation belong to sampling and do not. `source` as in `generate`.
    """
    found = [
        _search(model, row, prompt, decoding, stop, edits, _row(source, row)) for row, prompt in enumerate(prompts)
    ]
    begin = min(map(len, prompts), default=0)
    shifted = [(None,) * (len(prompt) - begin) + beam.tokens for prompt, beam in zip(prompts, found, strict=True)]
    for together in zip_longest(*shifted):
        tokens = [token for token in together if token is not None]
        if tokens:
            yield tokens


def search_steps(
    model: Model,
    prompt: Sequence[int],
    decoding: DecodingConfig,
    *,
    row: int = 0,
    stop: int | None = None,
    edits: Edits | None = None,
    source: Batch | None = None,
) -> Generator[BeamStep, None, Beam]:
    """The search after one prompt, step by step; returns the beam that it has chosen.

    Of each step the 2 x `decoding.beams` likeliest continuations are told (fewer where there are not so many).
    """
    reader = Reader(model, len(prompt) + decoding.tokens, edits, source)
    live, ended = [Beam((), 0.0)], list[Beam]()
    for position in range(len(prompt), len(prompt) + decoding.tokens):
        sequences = [[*prompt, *(token.id for token in beam.tokens)] for beam in live]
        logits = reader.read(sequences, position)  # (live beams, V)
        scores = penalize(logits, sequences, decoding.repetition_penalty).log_softmax(-1)
        scores = scores + torch.tensor([beam.score for beam in live], device=scores.device)[:, None]
        # Twice as many as needed: at most one continuation of each beam ends it, so that enough go on.
        best = scores.flatten().topk(min(2 * decoding.beams, scores.numel()))
        parents = (best.indices // scores.shape[-1]).tolist()
        chosen = best.indices % scores.shape[-1]
        written = describe(logits[parents], chosen, [row] * len(parents), position, decoding.alternatives)
        found = _judged(zip(parents, written, best.values.tolist(), strict=True), decoding.beams, stop)
        kept = [one for one in found if one.fate == "kept"]
        ended += [_extended(live, one) for one in found if one.fate == "ended"]
        live = [_extended(live, one) for one in kept]
        yield BeamStep(position - len(prompt), tuple(found))
        if not live or _settled(live, ended, decoding.tokens):
            break
        reader.select([one.parent for one in kept])
    else:
        ended += live
    return max(ended or live, key=lambda beam: beam.mean)


def _judged(looked_at: Iterable[tuple[int, Token, float]], beams: int, stop: int | None) -> list[Hypothesis]:
    """What becomes of each: of those that end, the ones among the likeliest `beams` are set aside; of the others the
    likeliest go on."""
    found, room = list[Hypothesis](), beams
    for rank, (parent, token, score) in enumerate(looked_at):
        fate: Literal["kept", "ended", "dropped"] = "dropped"
        if token.id == stop:
            fate = "ended" if rank < beams else "dropped"
        elif room:
            fate, room = "kept", room - 1
        found.append(Hypothesis(parent, token, score, fate))
    return found


def _extended(live: Sequence[Beam], one: Hypothesis) -> Beam:
    return Beam((*live[one.parent].tokens, one.token), one.score)


def _search(
    model: Model,
    row: int,
    prompt: Sequence[int],
    decoding: DecodingConfig,
    stop: int | None,
    edits: Edits | None,
    source: Batch | None,
) -> Beam:
    steps = search_steps(model, prompt, decoding, row=row, stop=stop, edits=edits, source=source)
    while True:
        try:
            next(steps)
        except StopIteration as finished:
            chosen: Beam = finished.value
            return chosen


def _row(source: Batch | None, row: int) -> Batch | None:
    if source is None or source.tokens is None:
        return None
    return Batch(source.tokens[row : row + 1], None if source.lengths is None else source.lengths[row : row + 1])


def _settled(live: Sequence[Beam], ended: Sequence[Beam], tokens: int) -> bool:
    # A sum only falls: at best a live beam adds nothing more, and is divided by the greatest length.
    return bool(ended) and max(beam.mean for beam in ended) >= max(beam.score for beam in live) / tokens
