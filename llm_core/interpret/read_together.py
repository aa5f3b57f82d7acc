"""Several texts at once: padded batches, and what a tap shows of each text without its padding."""

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

from llm_core.errors import UserError
from llm_core.interpret.padding import together
from llm_core.interpret.reading import Reading, Side
from llm_core.models.base import Batch, Model
from llm_core.taps import Edit, observe

_AT_ONCE = 32


def batches_of(readings: Sequence[Reading], at_once: int = _AT_ONCE) -> Iterator[Batch]:
    """The readings in order, so many in a batch, on the CPU."""
    for start in range(0, len(readings), at_once):
        some = readings[start : start + at_once]
        sources = [reading.source.ids for reading in some if reading.source is not None]
        yield together([reading.text.ids for reading in some], sources)


def seen_at(
    model: Model, readings: Sequence[Reading], taps: Sequence[str], edits: Mapping[str, Edit] | None = None
) -> Iterator[dict[str, Tensor]]:
    """What these taps show of each text, (T, size) by name, fp32 on the CPU; taps of an encoder-decoder's encoder show
    the source. Taps with heads are not for this.

    Raises UserError where there is no text, or one without a token; ValueError for a model in training mode.
    """
    if model.training:
        raise ValueError("put the model in eval mode before looking into it")
    if not readings or any(not reading.text.ids for reading in readings):
        raise UserError("There is no text: type a few words for the model to read.")
    device = next(model.parameters()).device
    left = iter(readings)
    for batch in batches_of(readings):
        with torch.inference_mode(), observe(model, only=list(taps), edits=edits) as seen:
            model.body(batch.to(device))
        kept = {tap: seen[tap].float().cpu() for tap in taps}
        for row in range(batch.shape[0]):
            reading = next(left)
            yield {
                tap: values[row, : len(_read_at(tap, reading).ids)]
                for tap, values in kept.items()
            }  # fmt: skip


def _read_at(tap: str, reading: Reading) -> Side:
    return reading.source if tap.startswith("encoder.") and reading.source is not None else reading.text
