"""Objectives on texts that have the answer: a class for each text, a tag for each word, a span for each question.

The losses are cross-entropies in nats, each the mean over what is asked:
classify  -log p(class), p the softmax over the classes of a text;
tag       -log p(tag), over the words; tokens that begin no word are asked nothing;
answer    -log p(first token) and -log p(last token), p the softmax over the positions of the text, neither of the
          question nor of padding (Devlin 2018, 4.2): half of BERT's sum.
"""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

from llm_core.config import RunConfig
from llm_core.data.annotated import Asked as AskedKind
from llm_core.data.asked_batches import Asked, AskedRows, held_out_asked
from llm_core.data.prepare import TokenizedCorpus, require_length
from llm_core.evaluate.answer_scores import exact_match, token_f1
from llm_core.evaluate.entities import entity_scores
from llm_core.evaluate.language_model import Score, still, targets_of
from llm_core.inference.answer import LONGEST_ANSWER, best_spans
from llm_core.models.base import Batch, Model
from llm_core.training.objective import Example, Objective, Source, weighted_cross_entropy

_TOGETHER = 64
Told = TypeVar("Told")
"""What was right and what the model said, of one text."""


@dataclass(frozen=True)
class _AskedSource:
    """Rows as training examples."""

    rows: AskedRows
    objective: "TaskObjective[Any]"

    def next(self) -> Example:
        return self.objective.example(self.rows.next())

    def state(self) -> dict[str, int]:
        return self.rows.state()

    def restore(self, state: dict[str, int]) -> None:
        self.rows.restore(state)


class TaskObjective(Objective, Generic[Told]):
    """What the three have in common."""

    asked: AskedKind

    def source(self, corpus: TokenizedCorpus, config: RunConfig) -> Source:
        require_length(corpus, config.model.context)
        training = config.training
        return _AskedSource(AskedRows(corpus.training, self.asked, training.batch_size, training.seed), self)

    def loss(self, model: Model, example: Example) -> Tensor:
        return self.loss_of(model(example.batch), example)

    def losses(self, model: Model, example: Example) -> Tensor:
        return self.losses_of(model(example.batch), example)

    def score(self, model: Model, corpus: TokenizedCorpus, config: RunConfig, limit: int | None) -> Score:
        """`loss` in nats per target; `tokens` are the positions read."""
        device = next(model.parameters()).device
        nats, count, read = 0.0, 0, 0
        told: list[Told] = []
        with still(model):
            for rows in held_out_asked(corpus.held_out, self.asked, _TOGETHER, limit):
                example = self.example(rows).to(device)
                logits = model(example.batch)
                asked = example.asked
                nats += float(self.loss_of(logits, example)) * asked
                count, read = count + asked, read + int(rows.lengths.sum())
                told += self.told(logits, rows, corpus)
        whole = read >= targets_of(corpus.held_out, corpus.rows)
        return Score(nats / max(1, count), None, None, read, 0, whole, self.measures(told))

    @abstractmethod
    def example(self, rows: Asked) -> Example:
        """These rows with what is wanted of them."""

    @abstractmethod
    def loss_of(self, logits: Tensor, example: Example) -> Tensor:
        """Mean nats per target of these logits."""

    def losses_of(self, logits: Tensor, example: Example) -> Tensor:
        """Nats of each target of these logits (..., labels), like the targets; NaN where nothing is asked."""
        flat = F.cross_entropy(logits.flatten(0, -2), example.targets.flatten(), reduction="none")
        each = flat.view(example.targets.shape)
        return each if example.weights is None else torch.where(example.weights > 0, each, float("nan"))

    @abstractmethod
    def told(self, logits: Tensor, rows: Asked, corpus: TokenizedCorpus) -> list[Told]:
        """For each row what is right and what the model says."""

    @abstractmethod
    def measures(self, told: list[Told]) -> dict[str, float]:
        """Shares from 0 to 1 by name."""


class Classify(TaskObjective[tuple[int, int]]):
    """The class of a text. Measures its `accuracy`."""

    asked: AskedKind = "labelled"

    def example(self, rows: Asked) -> Example:
        return Example(Batch(rows.inputs, rows.lengths), rows.targets)

    def loss_of(self, logits: Tensor, example: Example) -> Tensor:
        return weighted_cross_entropy(logits, example.targets)

    def told(self, logits: Tensor, rows: Asked, corpus: TokenizedCorpus) -> list[tuple[int, int]]:
        return list(zip(rows.targets.tolist(), logits.argmax(-1).tolist(), strict=True))

    def measures(self, told: list[tuple[int, int]]) -> dict[str, float]:
        return {"accuracy": sum(right == ours for right, ours in told) / max(1, len(told))}


class Tag(TaskObjective[tuple[list[str], list[str]]]):
    """A tag for each word. Measures entities, as seqeval does: `entity_precision`, `entity_recall`, `entity_f1`."""

    asked: AskedKind = "tagged"

    def example(self, rows: Asked) -> Example:
        return Example(Batch(rows.inputs, rows.lengths), rows.targets.clamp(min=0), (rows.targets >= 0).float())

    def loss_of(self, logits: Tensor, example: Example) -> Tensor:
        return weighted_cross_entropy(logits, example.targets, example.weights)

    def told(self, logits: Tensor, rows: Asked, corpus: TokenizedCorpus) -> list[tuple[list[str], list[str]]]:
        said = logits.argmax(-1).cpu()
        names = corpus.labels
        found = []
        for right, ours in zip(rows.targets, said, strict=True):
            words = right >= 0
            found.append(([names[tag] for tag in right[words].tolist()], [names[tag] for tag in ours[words].tolist()]))
        return found

    def measures(self, told: list[tuple[list[str], list[str]]]) -> dict[str, float]:
        overall = entity_scores([right for right, _ in told], [ours for _, ours in told]).overall
        return {"entity_precision": overall.precision, "entity_recall": overall.recall, "entity_f1": overall.f1}


class Answer(TaskObjective[tuple[str, str]]):
    """The span that answers a question. Measures `answer_exact`, the share that is just right, and `answer_f1`."""

    asked: AskedKind = "questions"

    def example(self, rows: Asked) -> Example:
        return Example(Batch(rows.inputs, rows.lengths, segments=rows.segments), rows.targets)

    def loss_of(self, logits: Tensor, example: Example) -> Tensor:
        return self.losses_of(logits, example).mean()

    def losses_of(self, logits: Tensor, example: Example) -> Tensor:
        places = _over_the_text(logits, example.batch)
        return -places.gather(1, example.targets[:, None, :])[:, 0]

    def told(self, logits: Tensor, rows: Asked, corpus: TokenizedCorpus) -> list[tuple[str, str]]:
        batch = Batch(rows.inputs, rows.lengths, segments=rows.segments)
        chances = _over_the_text(logits.cpu(), batch).double().exp().numpy()
        decode, found = corpus.tokenizer.decode, []
        for ids, right, chance in zip(rows.inputs.tolist(), rows.targets.tolist(), chances, strict=True):
            ((first, last, _),) = best_spans(chance[:, 0], chance[:, 1], 1, LONGEST_ANSWER)
            found.append((decode(ids[right[0] : right[1] + 1]), decode(ids[first : last + 1])))
        return found

    def measures(self, told: list[tuple[str, str]]) -> dict[str, float]:
        count = max(1, len(told))
        return {
            "answer_exact": sum(exact_match(ours, [right]) for right, ours in told) / count,
            "answer_f1": sum(token_f1(ours, [right]) for right, ours in told) / count,
        }


def _over_the_text(logits: Tensor, batch: Batch) -> Tensor:
    """log p (B, T, 2) of each position to be the first and the last of the answer; -inf outside the text."""
    assert batch.segments is not None
    assert batch.real is not None
    allowed = (batch.segments == 1) & batch.real
    return torch.where(allowed[..., None], logits, float("-inf")).log_softmax(1)


CLASSIFY, TAG, ANSWER = Classify(), Tag(), Answer()
