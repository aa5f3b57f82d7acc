"""What a steered model writes and says beside the same one left alone, and steered in a random direction of the same size."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from llm_core.config import DecodingConfig
from llm_core.errors import UserError
from llm_core.runs.inquired import SteeringQuestion
from llm_core.runs.steered import directions_of
from pages.ui.inside.computed import KEPT, Asked, opened, refuse_slow
from pages.ui.state import inference, store

if TYPE_CHECKING:
    from torch import Tensor

    from llm_core.interpret.reading import AnyTokenizer, Reading
    from llm_core.interpret.steering.steering import Direction
    from llm_core.models.base import Batch, Model
    from llm_core.taps import Edit

WRITTEN = 28
"""Tokens."""
SEED = 1
TEMPERATURE = 0.8
SHOWN = 8
"""Tokens, the likeliest of all three."""
_PASSES = 12


@dataclass(frozen=True)
class Steer:
    """Which model is steered, in which direction, how, and what it reads. `token`: whose prediction is shown. `percent` of
    the mean length of the stream's vectors."""

    asked: Asked
    token: int | None
    question: SteeringQuestion
    percent: int
    way: str
    where: str


@dataclass(frozen=True)
class Written:
    """What was written, token by token, and how many times as likely each became: the natural logarithm."""

    tokens: tuple[str, ...]
    changes: tuple[float, ...]


@dataclass(frozen=True)
class Seen:
    """`texts`: without, with, and in a random direction; empty of a model that does not write. `names` of the likeliest
    tokens, and their `shares` for each of the three. `share`: how long the vector was that the direction comes from."""

    texts: tuple[Written, ...]
    names: tuple[str, ...]
    shares: tuple[tuple[float, ...], ...]
    share: float


def seen(steer: Steer) -> Seen:
    """Raises UserError where there is no such direction."""
    # Nothing is written anew where only the words that are counted change.
    return _seen(replace(steer, question=steer.question.model_copy(update={"words": ()})))


@lru_cache(maxsize=KEPT)
def _seen(steer: Steer) -> Seen:
    with inference():
        import torch

        from llm_core.interpret.components import Component
        from llm_core.interpret.names import names_of
        from llm_core.interpret.reading import as_batch
        from llm_core.interpret.steering.steering import random_directions

        model, tokenizer, reading = opened(steer.asked)
        run = store().find(steer.asked.run)
        refuse_slow(
            model, _PASSES + len(steer.question.wanted) + len(steer.question.others), len(reading.text.ids) + WRITTEN
        )
        place = Component.parse(steer.question.place)
        (direction,) = directions_of(steer.question, store(), run, steer.asked.step, model, tokenizer, (place,), steer.asked.source or None)  # fmt: skip
        if not direction.unit.any():
            raise UserError("At this place the two sets of texts leave the same trace: choose a later layer.")
        (control,) = random_directions(direction, 1, seed=SEED)
        given = (None, _edits(model, direction, steer), _edits(model, control, steer))
        prompt = len(reading.text.ids)
        batch = as_batch(reading)
        rows = torch.stack([_logits(model, batch, _at(edits, steer.where, prompt))[-1 if steer.token is None else steer.token].softmax(-1) for edits in given])  # fmt: skip
        best = rows.amax(0).topk(min(SHOWN, rows.shape[-1])).indices.tolist()
        names = names_of(model, tokenizer, run.labels)
        texts = _texts(model, tokenizer, reading, given, steer) if model.causal else ()
        return Seen(texts, tuple(names[each] for each in best), tuple(tuple(row[best].tolist()) for row in rows), direction.share)  # fmt: skip


def _edits(
    model: "Model", direction: "Direction", steer: Steer
) -> "Callable[[Collection[int] | None], Mapping[str, Edit]]":
    """What the direction changes at these positions, or at all."""
    from llm_core.interpret.steering.steering import project_out, stream_places
    from llm_core.interpret.steering.steering import steer as add

    if steer.way == "out":
        return lambda at: project_out(model, direction, stream_places(model, direction.place.part), at)
    return lambda at: add(model, direction, steer.percent / 100, at)


def _at(edits: "Callable[[Collection[int] | None], Mapping[str, Edit]] | None", where: str, prompt: int, length: int | None = None) -> "Mapping[str, Edit]":  # fmt: skip
    """For one forward pass over a text of this length, of which the first tokens were given."""
    if edits is None:
        return {}
    if where == "all":
        return edits(None)
    end = prompt if length is None else length
    here = range(prompt) if where == "text" else range(prompt, end)
    return edits(here) if len(here) else {}


def _logits(model: "Model", batch: "Batch", edits: "Mapping[str, Edit]") -> "Tensor":
    """(T, V), or (1, K) of a whole text."""
    import torch

    from llm_core.taps import observe

    with torch.inference_mode(), observe(model, only=(), edits=edits):
        logits: Tensor = model(batch.to(next(model.parameters()).device))[0].float().cpu()
    return logits if logits.ndim == 2 else logits[None]


def _texts(model: "Model", tokenizer: "AnyTokenizer", reading: "Reading", given: "tuple[Callable[[Collection[int] | None], Mapping[str, Edit]] | None, ...]", steer: Steer) -> tuple[Written, ...]:  # fmt: skip
    """The same prompt and seed for each of the three."""
    import torch

    from llm_core.inference.generate import generate
    from llm_core.interpret.reading import as_batch
    from llm_core.interpret.steering.steering import while_writing
    from llm_core.models.base import Batch

    prompt = list(reading.text.ids)
    room = min(WRITTEN, (model.maximum_length or 1_000_000) - len(prompt))
    if room < 1:
        return ()
    decoding = DecodingConfig(tokens=room, temperature=TEMPERATURE, seed=SEED)
    stop = (
        tokenizer.begin[0]
        if reading.source is not None and tokenizer.begin
        else getattr(tokenizer, "end_of_text", None)
    )
    source = as_batch(reading).source
    positions = {"text": range(len(prompt)), "written": range(len(prompt), len(prompt) + room)}.get(steer.where)
    found = []
    for number, edits in enumerate(given):
        during = None if edits is None else edits(None) if positions is None else while_writing(edits, positions)
        ids = [token.id for (token,) in generate(model, [prompt], decoding, stop=stop, edits=during, source=source)]
        ids = [each for each in ids if each != stop]
        if not ids:
            found.append(Written((), ()))
            continue
        batch = Batch(torch.tensor([[*prompt, *ids]]), source=source)
        # What was written without steering shows what steering would make of it.
        changing = given[1] if number == 0 else edits
        scores = [_logits(model, batch, _at(each, steer.where, len(prompt), len(prompt) + len(ids)))[len(prompt) - 1 : -1].log_softmax(-1) for each in (None, changing)]  # fmt: skip
        at = torch.tensor(ids)[:, None]
        changes = (scores[1].gather(1, at) - scores[0].gather(1, at))[:, 0].tolist()
        found.append(Written(tuple(tokenizer.pieces[each] for each in ids), tuple(changes)))
    return tuple(found)
