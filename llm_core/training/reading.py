"""What an encoder learns from texts without labels: tokens that are hidden from it (masked), or that come later in an
order other than the text's (permuted)."""

from dataclasses import dataclass

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from llm_core.config import RunConfig
from llm_core.data.batches import Batches, Rows
from llm_core.data.masking import Masker
from llm_core.data.permutations import Permuter
from llm_core.data.prepare import TokenizedCorpus, require_length
from llm_core.evaluate.hidden_tokens import Hide, mask_rows, permute_rows, score_hidden
from llm_core.evaluate.language_model import Score
from llm_core.models.base import Batch, Model
from llm_core.models.transformer import Transformer
from llm_core.training.objective import Example, Objective, Source

_SALT = 0x4D41534B
"""Sets what is hidden apart from the order of rows, which follows from the same seed."""


class Masked(Objective):
    """The masked language model (Devlin et al. 2018): tokens from all others, before and after them.

    With M the hidden tokens of a batch and x~ what the model reads in place of x, loss = -1/|M| sum over i in M of
    ln p(x_i | x~). Nothing is asked of tokens that were not chosen.
    """

    def source(self, corpus: TokenizedCorpus, config: RunConfig) -> Source:
        return hiding_source(corpus, config, mask_rows(Masker.of(corpus.tokenizer, config.training)))

    def score(self, model: Model, corpus: TokenizedCorpus, config: RunConfig, limit: int | None) -> Score:
        return score_hidden(model, corpus, mask_rows(Masker.of(corpus.tokenizer, config.training)), limit)

    def loss(self, model: Model, example: Example) -> Tensor:
        assert isinstance(model, Transformer)
        return hidden_loss(model, model.body(example.batch), example)


class Permuted(Objective):
    """The permuted language model (XLNet, Yang et al. 2019): each of the last tokens of a random order from those before
    it in that order, whichever side of it they stand on.

    With z the order and c where the predicted part begins, loss = -1/(T - c) sum over t > c of ln p(x_z(t) | x_z(<t)),
    equation (5). The probabilities are the query stream's, which does not see the token that it predicts.
    """

    def source(self, corpus: TokenizedCorpus, config: RunConfig) -> Source:
        return hiding_source(corpus, config, permute_rows(Permuter(corpus.tokenizer)))

    def score(self, model: Model, corpus: TokenizedCorpus, config: RunConfig, limit: int | None) -> Score:
        return score_hidden(model, corpus, permute_rows(Permuter(corpus.tokenizer)), limit)

    def loss(self, model: Model, example: Example) -> Tensor:
        assert isinstance(model, Transformer)
        return hidden_loss(model, model.body(example.batch), example)


def hidden_loss(model: Transformer, states: Tensor, example: Example) -> Tensor:
    """Mean nats per token that is asked for; states (B, T, width). The head reads these alone: a vocabulary is large."""
    assert example.weights is not None
    asked = example.weights > 0
    return F.cross_entropy(model.head(states[asked]), example.targets[asked])


def hiding_source(corpus: TokenizedCorpus, config: RunConfig, hide: Hide) -> Source:
    """Windows or whole documents of a text, some tokens of each row hidden anew every time it comes."""
    training = config.training
    rows: Batches | Rows
    if corpus.rows == "documents":
        require_length(corpus, config.model.context)
        rows = Rows(corpus.training, training.batch_size, training.seed)
    else:
        rows = Batches(corpus.training, config.model.context, training.batch_size, training.seed)
    return _Hiding(rows, hide, training.seed)


@dataclass(frozen=True)
class _Hiding:
    """What is hidden follows from the seed and the place in the text, so that these two numbers are the whole state."""

    rows: Batches | Rows
    hide: Hide
    seed: int

    def next(self) -> Example:
        random = np.random.default_rng([_SALT, self.seed, *self.rows.state().values()])
        if isinstance(self.rows, Rows):
            tokens, _, lengths = self.rows.next()
            batch = Batch(tokens, lengths)
        else:
            batch = Batch(self.rows.next()[0])
        hidden = self.hide(batch, lambda ids: random)
        return Example(hidden.batch, hidden.targets, hidden.asked.float())

    def state(self) -> dict[str, int]:
        return self.rows.state()

    def restore(self, state: dict[str, int]) -> None:
        self.rows.restore(state)
