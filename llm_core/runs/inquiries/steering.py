"""How a direction moves a model to what is wanted, strength by strength and then place by place, and what that costs."""

from collections.abc import Iterator, Sequence

import numpy as np

from llm_core.config import DecodingConfig, RunConfig, TaskConfig
from llm_core.errors import UserError
from llm_core.evaluate.world import world_of
from llm_core.inference.masks import mask_of
from llm_core.interpret.ablation.ablation import Score, loss_of
from llm_core.interpret.components import Component
from llm_core.interpret.loss_texts import askable, loss_texts
from llm_core.interpret.reading import Reading, as_batch, read
from llm_core.interpret.steering.steering import Direction, stream_places
from llm_core.interpret.steering.steering_effect import (
    Measure,
    SteeringPoint,
    predicted,
    steering_by_place,
    steering_curve,
    written,
)
from llm_core.interpret.target import is_whole
from llm_core.models.base import Model
from llm_core.runs.history import Row
from llm_core.runs.inquired import SteeringQuestion
from llm_core.runs.inquiry_subject import Subject
from llm_core.runs.own_texts import own_readings
from llm_core.runs.steered import directions_of, tried_on

STRENGTHS = (-0.4, -0.2, 0.0, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8)
EVERYWHERE = 0.4
"""The strength at which places are compared."""
RANDOM = 3
_WRITTEN = DecodingConfig(tokens=16, temperature=0.8, seed=1)
_TIMES = 2
"""Each text is written on from so often, each time with another draw."""
_COST_TEXTS = 8


def answer(question: SteeringQuestion, subject: Subject) -> Iterator[float | Row]:
    """A row of kind "asked", then one of kind "strength" or "place" for each point; `random` numbers the control.

    Tried on texts that the direction is not made of. Raises UserError where there is no such direction, where no text is
    left, and where the wanted words cannot be looked for in this model.
    """
    model, place = subject.model, Component.parse(question.place)
    (direction,) = directions_of(question, subject.store, subject.run, subject.step or 0, model, subject.tokenizer, (place,))  # fmt: skip
    measure, loss = _measure(question, subject), _loss(question, subject)
    yield 0.02
    yield {"kind": "asked", "share": direction.share, "norm": direction.norm, "writes": model.causal}
    points = len(STRENGTHS) * (1 + RANDOM)
    places = stream_places(model, place.part) if question.source == "texts" else ()
    total = points + len(places) * (1 + RANDOM)
    for done, point in enumerate(steering_curve(model, direction, STRENGTHS, measure, loss, random=RANDOM, seed=question.seed)):  # fmt: skip
        yield _row("strength", point)
        yield 0.02 + 0.97 * (done + 1) / total
    if not places:
        return  # what points somewhere at one place points nowhere at another
    directions: Sequence[Direction] = directions_of(question, subject.store, subject.run, subject.step or 0, model, subject.tokenizer, places)  # fmt: skip
    for done, point in enumerate(steering_by_place(model, directions, EVERYWHERE, measure, loss, random=RANDOM, seed=question.seed)):  # fmt: skip
        yield _row("place", point)
        yield 0.02 + 0.97 * (points + done + 1) / total


def _row(kind: str, point: SteeringPoint) -> Row:
    numbers = {name: getattr(point, name) for name in ("wanted", "valid", "loss")}
    told = {name: float(f"{value:.6g}") if np.isfinite(value) else None for name, value in numbers.items()}
    return {"kind": kind, "place": str(point.place), "strength": point.strength, "random": point.random, **told}


def _measure(question: SteeringQuestion, subject: Subject) -> Measure:
    model, tokenizer = subject.model, subject.tokenizer
    settings = subject.run.settings
    tried = tried_on(question)
    if question.tried and not tried:
        raise UserError("The direction is made of every text that it is tried on: try it on others, too.")
    writes = model.causal and not isinstance(model.config, TaskConfig)
    if writes and getattr(model.config, "architecture", "") == "encoder_decoder":
        raise UserError("How far a translator is moved is not measured here; see above what it writes.")
    readings = [each for each in (read(model, tokenizer, text) for text in tried) if each.text.ids]
    if not readings:
        raise UserError("There is no text: type a few words for the model to read.")
    if writes:
        prompts = [list(each.text.ids) for each in readings for _ in range(_TIMES)]
        world = world_of(settings.data) if isinstance(settings, RunConfig) else None
        stop = getattr(tokenizer, "end_of_text", None)
        return written(model, tokenizer, tokenizer.decode, prompts, question.words, _WRITTEN, stop=stop, checked=world)  # fmt: skip
    tokens = tokens_named(subject.names, question.words)
    if not tokens:
        raise UserError("None of the words {words} is one token, or one class, of this model.", words=", ".join(question.words))  # fmt: skip
    return predicted(model, [as_batch(each) for each in readings], [_asked_at(model, subject, each) for each in readings], tokens)  # fmt: skip


def _asked_at(model: Model, subject: Subject, reading: Reading) -> int | None:
    """The first mask of a text; None where the model says one thing of all of it."""
    if is_whole(model):
        return None
    if isinstance(model.config, TaskConfig):
        raise UserError("How far a model is moved is measured where it writes, fills in a hidden word or says a class.")
    mask = mask_of(model.config, subject.tokenizer)  # type: ignore[arg-type]
    if mask not in reading.text.ids:
        raise UserError("In each text that is tried a word must be hidden: write [MASK] in its place.")
    return reading.text.ids.index(mask)


def tokens_named(names: Sequence[str], words: Sequence[str]) -> list[int]:
    """The tokens, or classes, that are one of these words, with a space before it or without.

    >>> tokens_named(["a", " she", "She", "sheep"], ["she"])
    [1, 2]
    """
    wanted = {word.strip().casefold() for word in words} - {""}
    return [number for number, name in enumerate(names) if name.strip().casefold() in wanted]


def _loss(question: SteeringQuestion, subject: Subject) -> Score:
    """On texts of the model's own world, else on those that are tried; nothing is lost that can be measured of a model for
    a task, or where nothing can be asked in any of them."""
    model, mask = subject.model, getattr(subject.tokenizer, "mask", None)
    if isinstance(model.config, TaskConfig):
        return lambda _edits: np.full(1, np.nan)
    try:
        readings = own_readings(subject.run, model, subject.tokenizer, _COST_TEXTS)
    except UserError:
        readings = [read(model, subject.tokenizer, text) for text in tried_on(question)]
    asked = [each for each in readings if askable(model, each, mask)]
    return loss_of(model, loss_texts(model, asked, mask=mask)) if asked else lambda _edits: np.full(1, np.nan)
