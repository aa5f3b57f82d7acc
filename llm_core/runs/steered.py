"""The direction that a question about steering names: the same for whoever draws it and for the worker that measures."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from llm_core.config import TaskConfig
from llm_core.errors import UserError
from llm_core.runs.features import trained_autoencoder
from llm_core.runs.inquired import SteeringQuestion
from llm_core.runs.own_texts import own_readings
from llm_core.runs.run import Run
from llm_core.runs.store import Store

if TYPE_CHECKING:
    from llm_core.interpret.components import Component
    from llm_core.interpret.reading import AnyTokenizer
    from llm_core.interpret.steering.steering import Direction
    from llm_core.models.base import Batch, Model

_NORM_TEXTS = 8


def tried_on(question: SteeringQuestion) -> tuple[str, ...]:
    """The texts that are tried, without those that the direction is made of: on them it would only be seen again."""
    made_of = {text.strip() for text in (*question.wanted, *question.others)} if question.source == "texts" else set()
    return tuple(text for text in question.tried if text.strip() not in made_of)


def directions_of(
    question: SteeringQuestion,
    store: Store,
    run: Run,
    step: int,
    model: "Model",
    tokenizer: "AnyTokenizer",
    places: "Sequence[Component]",
    source: str | None = None,
) -> "tuple[Direction, ...]":
    """At each of these places. The texts of an encoder count where a word is hidden, those of another model at their end.

    `source`: what an encoder-decoder reads beside each text. Raises UserError where there is no such direction, and for a
    model that predicts from another stream than the one that is changed.
    """
    from llm_core.interpret.components import Component
    from llm_core.interpret.reading import as_batch, read
    from llm_core.interpret.steering.steering import differences, direction_along, neuron_direction, token_direction
    from llm_core.interpret.target import refuse_two_streams

    refuse_two_streams(model)

    def batches(texts: Sequence[str]) -> "list[Batch]":
        readings = (read(model, tokenizer, text, source) for text in texts if text.strip())
        return [as_batch(reading) for reading in readings if reading.text.ids]

    if question.source == "texts":
        mask = getattr(tokenizer, "mask", None)
        hidden = mask is not None and not model.causal and not isinstance(model.config, TaskConfig)
        sets = batches(question.wanted), batches(question.others)
        marked = hidden and all(mask in batch.tokens for each in sets for batch in each if batch.tokens is not None)
        return differences(model, places, *sets, at=mask if marked and mask is not None else "last" if model.causal else "all")  # fmt: skip
    try:
        texts = [as_batch(each) for each in own_readings(run, model, tokenizer, _NORM_TEXTS)]
    except UserError:
        texts = batches(question.tried)
    found = []
    for place in places:
        if question.source == "token":
            found.append(token_direction(model, place, question.number, texts, against=question.against))
        elif question.source == "neuron":
            found.append(neuron_direction(model, place, Component(place.part, place.layer or 0, "neuron", question.number), texts))  # fmt: skip
        else:
            vector = trained_autoencoder(store, run, step, str(place)).direction(question.number)
            found.append(direction_along(model, place, vector, texts))
    return tuple(found)
