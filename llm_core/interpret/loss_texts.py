"""Texts on which a model's loss is measured while it is changed, with what it should have said of each.

Of a model that writes every next token counts, of an encoder some hidden ones, of a model for a task its labels.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from llm_core.config import TaskConfig
from llm_core.errors import UserError
from llm_core.interpret.padding import padded, together
from llm_core.interpret.reading import Reading, Side
from llm_core.models.base import Batch, Model

UNASKED = -100
"""Where nothing is asked, in a truth."""
_TEXTS_AT_ONCE = 32


@dataclass(frozen=True)
class LossTexts:
    """N texts and what should be said of them. Each batch has a truth (B, T) int64, or (B,) where a whole text is
    classified; -100 where nothing is asked."""

    batches: tuple[Batch, ...]
    truths: tuple[Tensor, ...]

    @property
    def count(self) -> int:
        """N."""
        return sum(len(truth) for truth in self.truths)


def loss_texts(
    model: Model,
    readings: Sequence[Reading],
    *,
    mask: int | None = None,
    labels: Sequence[int | Sequence[int]] | None = None,
    hidden_share: float = 0.15,
    seed: int = 0,
) -> LossTexts:
    """Texts with what the model should say of them: of one that writes every next token, of an encoder the tokens that
    `mask` hides, a share of each text and at least one, of a model for a task its `labels` (a class, or T tags).

    Raises UserError where mask or labels are needed and missing, and for texts in which nothing can be asked.
    """
    rows = [_row(model, reading, place, mask, labels, hidden_share, seed) for place, reading in enumerate(readings)]
    if not rows:
        raise UserError("There is no text to measure on; give at least one.")
    batches, truths = [], []
    for start in range(0, len(rows), _TEXTS_AT_ONCE):
        some = rows[start : start + _TEXTS_AT_ONCE]
        sources = [source for _ids, _truth, source in some if source is not None]
        batch = together([ids for ids, _truth, _source in some], sources)
        batches.append(_ordered(model, batch, mask))
        truths.append(_as_tensor([truth for _ids, truth, _source in some]))
    return LossTexts(tuple(batches), tuple(truths))


def askable(model: Model, reading: Reading, mask: int | None = None) -> bool:
    """Whether there is anything in a text that `loss_texts` could ask for: a next token, or one to hide."""
    if isinstance(model.config, TaskConfig):
        return bool(reading.text.ids)
    return len(reading.text.ids) > 1 if model.causal else bool(_own(reading.text, mask))


def _row(
    model: Model,
    reading: Reading,
    place: int,
    mask: int | None,
    labels: Sequence[int | Sequence[int]] | None,
    hidden_share: float,
    seed: int,
) -> tuple[Sequence[int], list[int] | int, Sequence[int] | None]:
    """The ids that are read, what should be said, and the source."""
    ids = reading.text.ids
    source = None if reading.source is None else reading.source.ids
    if isinstance(model.config, TaskConfig):
        if model.config.task == "answer":
            raise UserError(
                "What a model loses that looks up answers is not measured here; choose one that says a class or tags."
            )
        if labels is None:
            raise UserError("What a model for a task loses can be measured only where the right labels are known.")
        label = labels[place]
        return ids, (label if isinstance(label, int) else list(label)), source
    if model.causal:
        if len(ids) < 2:
            raise UserError("In a text of one token nothing is predicted; give a longer one.")
        return ids, [*ids[1:], UNASKED], source
    if mask is None:
        raise UserError("What an encoder loses is measured at hidden tokens: its tokenizer needs a mask.")
    return *_hide(reading.text, mask, hidden_share, np.random.default_rng([seed, place])), source


def _hide(side: Side, mask: int, share: float, random: np.random.Generator) -> tuple[list[int], list[int]]:
    """The ids with some tokens of the text hidden, and what stood there."""
    own = _own(side, mask)
    if not own:
        raise UserError("There is no token in this text that could be hidden.")
    hidden = set(random.choice(own, max(1, round(share * len(own))), replace=False).tolist())
    ids = [mask if at in hidden else token for at, token in enumerate(side.ids)]
    return ids, [token if at in hidden else UNASKED for at, token in enumerate(side.ids)]


def _own(side: Side, mask: int | None) -> list[int]:
    """Positions of the text's own tokens that are not hidden yet."""
    return [at for at, (start, end) in enumerate(side.spans) if end > start and side.ids[at] != mask]


def _ordered(model: Model, batch: Batch, mask: int | None) -> Batch:
    """One with a query stream (XLNet) is told that what is hidden comes last in its order, all as one."""
    if not getattr(model.config, "query_stream", False) or batch.tokens is None or mask is None:
        return batch
    return replace(batch, permutation=batch.tokens.eq(mask).long())


def _as_tensor(truths: Sequence[list[int] | int]) -> Tensor:
    """(B, T), or (B,) where each text has one."""
    rows = [truth for truth in truths if isinstance(truth, list)]
    return padded(rows, UNASKED) if rows else torch.tensor(truths)
