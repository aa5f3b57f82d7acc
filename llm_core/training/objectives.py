"""Every objective by its name, and the two that write: the next token, and a translation."""

from dataclasses import dataclass

import torch

from llm_core.config import Objective as ObjectiveName
from llm_core.config import RunConfig
from llm_core.data.batches import Batches, Pairs, Rows
from llm_core.data.prepare import TokenizedCorpus, require_length
from llm_core.evaluate.language_model import Score, score
from llm_core.models.base import Batch, Model
from llm_core.training.next_sentence import NextSentence
from llm_core.training.objective import Example, Objective, Source
from llm_core.training.reading import Masked, Permuted
from llm_core.training.tasks import ANSWER, CLASSIFY, TAG


class NextToken(Objective):
    """Each token from those before it: what a decoder, a recurrent model and an n-gram learn."""

    def source(self, corpus: TokenizedCorpus, config: RunConfig) -> Source:
        training = config.training
        if corpus.rows == "documents":
            require_length(corpus, config.model.context)
            return _Documents(Rows(corpus.training, training.batch_size, training.seed))
        return _Windows(Batches(corpus.training, config.model.context, training.batch_size, training.seed))

    def score(self, model: Model, corpus: TokenizedCorpus, config: RunConfig, limit: int | None) -> Score:
        return score(model, corpus, limit=limit)


class SequenceToSequence(Objective):
    """Each token of a translation from the sentence and the tokens before it: what an encoder-decoder learns.

    The decoder is given the right beginning, whatever it would have written itself: teacher forcing (Williams & Zipser
    1989; Sutskever et al. 2014).
    """

    def source(self, corpus: TokenizedCorpus, config: RunConfig) -> Source:
        require_length(corpus, config.model.context)
        return _Pairs(Pairs(corpus.training, config.training.batch_size, config.training.seed))

    def score(self, model: Model, corpus: TokenizedCorpus, config: RunConfig, limit: int | None) -> Score:
        return score(model, corpus, limit=limit)


@dataclass(frozen=True)
class _Windows:
    batches: Batches

    def next(self) -> Example:
        inputs, targets = self.batches.next()
        return Example(Batch(tokens=inputs), targets)

    def state(self) -> dict[str, int]:
        return self.batches.state()

    def restore(self, state: dict[str, int]) -> None:
        self.batches.restore(state)


@dataclass(frozen=True)
class _Documents:
    rows: Rows

    def next(self) -> Example:
        inputs, targets, lengths = self.rows.next()
        real = torch.arange(inputs.shape[1]) < lengths[:, None]
        return Example(Batch(tokens=inputs, lengths=lengths), targets, real.float())

    def state(self) -> dict[str, int]:
        return self.rows.state()

    def restore(self, state: dict[str, int]) -> None:
        self.rows.restore(state)


@dataclass(frozen=True)
class _Pairs:
    pairs: Pairs

    def next(self) -> Example:
        pair = self.pairs.next()
        real = torch.arange(pair.inputs.shape[1]) < pair.lengths[:, None]
        batch = Batch(pair.inputs, pair.lengths, source=Batch(pair.sources, pair.source_lengths))
        return Example(batch, pair.targets, real.float())

    def state(self) -> dict[str, int]:
        return self.pairs.state()

    def restore(self, state: dict[str, int]) -> None:
        self.pairs.restore(state)


OBJECTIVES: dict[ObjectiveName, Objective] = {
    "next_token": NextToken(),
    "sequence_to_sequence": SequenceToSequence(),
    "masked": Masked(),
    "next_sentence": NextSentence(),
    "permuted": Permuted(),
    "classify": CLASSIFY,
    "tag": TAG,
    "answer": ANSWER,
}
