"""How far a direction moves a model to what is wanted, strength by strength, and what that costs.

Two controls stand beside it: no steering, and random directions of the same length. The cost is what the model loses on
other texts, and the share of sentences that are none of its grammar any more (the trade-off of Turner et al. 2023,
section 4, and Rimsky et al. 2024, section 4).
"""

import re
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from llm_core.config import DecodingConfig
from llm_core.data.grammar.sentences import check_sentences
from llm_core.errors import UserError
from llm_core.evaluate.world import World
from llm_core.inference.generate import generate
from llm_core.interpret.ablation.ablation import Score
from llm_core.interpret.components import Component
from llm_core.interpret.reading import AnyTokenizer
from llm_core.interpret.steering.steering import Direction, random_directions, steer
from llm_core.models.base import Batch, Model
from llm_core.taps import Edit, observe

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Effect:
    """What edits do. `wanted`: the share (0 to 1) of texts with a wanted word, or the probability of wanted tokens.
    `valid`: the share of sentences that the grammar can say; NaN where there is no grammar or nothing was written."""

    wanted: float
    valid: float


Measure = Callable[[Mapping[str, Edit]], Effect]


@dataclass(frozen=True)
class SteeringPoint:
    """One strength of one direction: the chosen one where `random` is None, else that random one. `loss`: the mean over
    the other texts, in nats."""

    place: Component
    strength: float
    random: int | None
    wanted: float
    valid: float
    loss: float


@dataclass(frozen=True)
class SteeringCurve:
    """S strengths, or S places of the stream, with the chosen direction (S,) and D random ones (D, S) at each."""

    places: tuple[Component, ...]
    strengths: Floats
    wanted: Floats
    valid: Floats
    loss: Floats
    random_wanted: Floats
    random_valid: Floats
    random_loss: Floats


def written(
    model: Model,
    tokenizer: AnyTokenizer,
    decode: Callable[[Sequence[int]], str],
    prompts: Sequence[Sequence[int]],
    words: Sequence[str],
    decoding: DecodingConfig,
    *,
    stop: int | None = None,
    checked: World | None = None,
) -> Measure:
    """Measures by writing after each prompt: the share of texts in which a wanted word comes after the prompt.

    Every measuring draws with the same seeds. The last sentence of a text that was cut off is not checked.
    Raises UserError without words or prompts.
    """
    wanted = [word for word in words if word.strip()]
    if not wanted or not prompts:
        raise UserError("To count how often a word comes, there must be a word and a text to write on from.")

    def measure(edits: Mapping[str, Edit]) -> Effect:
        rows: list[list[int]] = [[] for _ in prompts]
        ended = [False] * len(prompts)
        for tokens in generate(model, prompts, decoding, stop=stop, edits=edits):
            for token in tokens:
                if token.id == stop:
                    ended[token.row] = True
                else:
                    rows[token.row].append(token.id)
        texts = [decode([each for each in row if each not in tokenizer.separators]) for row in rows]
        share = sum(mentions(text, wanted) for text in texts) / len(texts)
        if checked is None:
            return Effect(share, float("nan"))
        begun = [decode([each for each in prompt if each not in tokenizer.separators]) for prompt in prompts]
        return Effect(share, _valid(begun, texts, ended, checked))

    return measure


def predicted(model: Model, batches: Sequence[Batch], positions: Sequence[int | None], tokens: Sequence[int]) -> Measure:  # fmt: skip
    """Measures the probability of all these tokens, or classes, together: the mean over texts of one row each.

    `positions`: where each text is asked, None where the model says one thing of the whole. Raises UserError without
    texts or tokens.
    """
    if not batches or not tokens:
        raise UserError("To see what is said, there must be a text to read and a token to look for.")
    device = next(model.parameters()).device

    def measure(edits: Mapping[str, Edit]) -> Effect:
        found = []
        with torch.no_grad(), observe(model, only=(), edits=edits):
            for batch, position in zip(batches, positions, strict=True):
                logits: Tensor = model(batch.to(device))[0]
                shares = (logits if position is None else logits[position]).double().softmax(-1)
                found.append(float(shares[list(set(tokens))].sum()))
        return Effect(float(np.mean(found)), float("nan"))

    return measure


def steering_curve(
    model: Model, direction: Direction, strengths: Sequence[float], measure: Measure, loss: Score, *, random: int = 4, seed: int = 0
) -> Generator[SteeringPoint, None, SteeringCurve]:  # fmt: skip
    """Measure a direction at each strength, beside `random` ones of the same length. Yields each point, returns all.

    Negative strengths steer away. `loss` is measured on other texts (`ablation.loss_of`).
    """
    return (yield from _measured(model, [(direction, strength) for strength in strengths], measure, loss, random, seed))


def steering_by_place(
    model: Model, directions: Sequence[Direction], strength: float, measure: Measure, loss: Score, *, random: int = 4, seed: int = 0
) -> Generator[SteeringPoint, None, SteeringCurve]:  # fmt: skip
    """Measure directions at different places of the stream, each at the same strength: which layer to steer at.

    Yields each point, returns all.
    """
    return (yield from _measured(model, [(direction, strength) for direction in directions], measure, loss, random, seed))  # fmt: skip


def mentions(text: str, words: Sequence[str]) -> bool:
    """Whether one of these words stands in a text, whatever its case; "he" is not in "they", 他 is in 他们.

    >>> mentions("They sat.", ["he"]), mentions("He sat.", ["he"])
    (False, True)
    """
    return any(re.search(_bounded(word.strip()), text, re.IGNORECASE) for word in words)


def _bounded(word: str) -> str:
    letters = "A-Za-zÀ-ɏ"
    before = rf"(?<![{letters}])" if re.match(rf"[{letters}]", word[:1]) else ""
    after = rf"(?![{letters}])" if re.match(rf"[{letters}]", word[-1:]) else ""
    return before + re.escape(word) + after


def _measured(
    model: Model, points: Sequence[tuple[Direction, float]], measure: Measure, loss: Score, random: int, seed: int
) -> Generator[SteeringPoint, None, SteeringCurve]:
    values = np.full((1 + random, len(points), 3), np.nan)
    unsteered: tuple[float, float, float] | None = None
    for at, (chosen, strength) in enumerate(points):
        for number, direction in enumerate((chosen, *random_directions(chosen, random, seed))):
            # Where the direction is none, as one of the same length random ones are none, too.
            edits = steer(model, direction, strength) if chosen.unit.any() else {}
            if edits or unsteered is None:
                effect = measure(edits)
                found = (effect.wanted, effect.valid, float(loss(edits).mean()))
                unsteered = found if not edits else unsteered
            else:
                found = unsteered  # no steering is the same whatever the direction
            values[number, at] = found
            yield SteeringPoint(chosen.place, strength, number - 1 if number else None, *found)
    wanted, valid, lost = np.moveaxis(values, 2, 0)
    return SteeringCurve(
        tuple(chosen.place for chosen, _ in points), np.array([strength for _, strength in points], dtype=np.float64),
        wanted[0], valid[0], lost[0], wanted[1:], valid[1:], lost[1:],
    )  # fmt: skip


def _valid(begun: Sequence[str], texts: Sequence[str], ended: Sequence[bool], checked: World) -> float:
    """The share of valid sentences among those that end after the prompt."""
    found: list[bool] = []
    for prompt, text, whole in zip(begun, texts, ended, strict=True):
        sentences = check_sentences(checked.grammar, checked.language, prompt + text)
        found += [each.valid for each in (sentences if whole else sentences[:-1]) if each.end > len(prompt)]
    return float(np.mean(found)) if found else float("nan")
