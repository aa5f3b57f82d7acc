"""One update taken apart while it happens: what it learned from, what that cost before and after, what it changed.

It only looks: both looks are without dropout and without gradients, so that no random number is drawn and the weights
become the same to the bit as without it.
"""

import math
from collections.abc import Sequence

from torch import Tensor

from llm_core.config import READING, TrainingConfig
from llm_core.data.prepare import TokenizedCorpus
from llm_core.devices import autocast
from llm_core.evaluate.language_model import still
from llm_core.models.base import Batch
from llm_core.training.fixed_text import numbers
from llm_core.training.layer_norms import Measuring
from llm_core.training.objective import Example, Objective
from llm_core.training.records import Opened, OpenedRow
from llm_core.training.state import TrainingState

MOST_PIECES = 4096
"""So many tokens of a batch are shown: some fifty rows of a small model."""


class Opening:
    """Made right before an update on these examples; `record` right after it."""

    def __init__(
        self, state: TrainingState, objective: Objective, examples: Sequence[Example], corpus: TokenizedCorpus
    ) -> None:
        self._state, self._objective, self._corpus = state, objective, corpus
        self._examples = [example.to(state.device) for example in examples]
        self._asked = [example.asked for example in examples]
        self._before = self._loss()
        with still(state.model), autocast(state.device, state.precision):
            self._each = objective.losses(state.model, self._examples[0]).float().cpu()

    def record(self, measured: Measuring, rate: float, share: float, progress: float, gradient_norm: float) -> Opened:
        """Everything about the update, whose step the state already counts."""
        training = self._state.config.training
        weight, update = measured.weight_before, measured.update
        relative = [
            None if large is None or change is None or large == 0 else float(f"{change / large:.6g}")
            for large, change in zip(weight, update, strict=True)
        ]
        return Opened(
            step=self._state.step, learning_rate=rate, schedule=training.schedule, share=share, progress=progress,
            gradient_norm=_number(gradient_norm), clipping=training.gradient_clipping,
            cut=_number(cut(training, gradient_norm)), names=measured.names, gradient=measured.gradient, weight=weight,
            update=update, relative=relative, loss_before=_number(self._before), loss_after=_number(self._loss()),
            rows_in_batch=sum(example.batch.shape[0] for example in self._examples), asked=sum(self._asked),
            rows=shown_rows(self._examples[0], self._each, training, self._corpus),
        )  # fmt: skip

    def _loss(self) -> float:
        """Nats per target of all examples, for the model as it is; for "next_sentence" those of the sentences too."""
        state, total = self._state, 0.0
        with still(state.model), autocast(state.device, state.precision):
            for example, asked in zip(self._examples, self._asked, strict=True):
                total += float(self._objective.loss(state.model, example)) * asked
        return total / max(1, sum(self._asked))


def cut(training: TrainingConfig, gradient_norm: float) -> float:
    """What a gradient of this length is multiplied with by the clipping: torch's formula."""
    limit = training.gradient_clipping
    return 1.0 if limit is None else min(1.0, limit / (gradient_norm + 1e-6))


def shown_rows(example: Example, losses: Tensor, training: TrainingConfig, corpus: TokenizedCorpus) -> list[OpenedRow]:
    """The first rows of an example, with `losses` like its targets, as pieces of text; at least one row."""
    batch = example.batch
    assert batch.tokens is not None
    lengths = _lengths(batch)
    rows: list[OpenedRow] = []
    pieces = 0
    for number, length in enumerate(lengths):
        pieces += length
        if rows and pieces > MOST_PIECES:
            break
        rows.append(_row(example, number, length, losses[number], training, corpus))
    return rows


def _row(
    example: Example, number: int, length: int, losses: Tensor, training: TrainingConfig, corpus: TokenizedCorpus
) -> OpenedRow:
    names, labels = corpus.tokenizer.pieces, corpus.labels
    assert example.batch.tokens is not None
    read = [names[token] for token in example.batch.tokens[number, :length].tolist()]
    targets = example.targets[number]
    nothing: list[float | None] = [None] * length
    match training.objective:
        case "classify":
            return OpenedRow(read, nothing, label=labels[int(targets)], label_loss=_number(float(losses)))
        case "answer":
            for place, nats in zip(targets.tolist(), losses.tolist(), strict=True):
                nothing[place] = (nothing[place] or 0.0) + nats  # an answer may be a single token
            return OpenedRow(read, nothing)
        case "tag":
            each = numbers(losses[:length])
            wanted = [None if nats is None else labels[tag] for nats, tag in zip(each, targets.tolist(), strict=False)]
            return OpenedRow(read, each, wanted=wanted)
    wanted_pieces = [names[token] for token in targets[:length].tolist()]
    if training.objective in READING:
        return OpenedRow(wanted_pieces, numbers(losses[:length]), read=read)
    if training.objective == "sequence_to_sequence":
        source = example.batch.source
        assert source is not None
        assert source.tokens is not None
        tokens = source.tokens[number, : _lengths(source)[number]].tolist()
        return OpenedRow(wanted_pieces, numbers(losses[:length]), source=[names[token] for token in tokens])
    return OpenedRow([*read[:1], *wanted_pieces], [None, *numbers(losses[:length])])


def _lengths(batch: Batch) -> list[int]:
    rows, length = batch.shape
    return [length] * rows if batch.lengths is None else [int(each) for each in batch.lengths.tolist()]


def _number(value: float) -> float | None:
    return float(f"{value:.6g}") if math.isfinite(value) else None
