"""Next-sentence prediction beside the masked language model, as BERT was trained (Devlin et al. 2018, 3.1)."""

from dataclasses import dataclass

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from llm_core.config import RunConfig
from llm_core.data.masking import Masker
from llm_core.data.prepare import TokenizedCorpus
from llm_core.data.sentence_pairs import SentencePairs, Sentences
from llm_core.evaluate.hidden_tokens import Hide, batch_of, follows, mask_rows, score_sentence_pairs
from llm_core.evaluate.language_model import Score
from llm_core.models.base import Model
from llm_core.models.transformer import Transformer
from llm_core.training.objective import Example, Objective, Source
from llm_core.training.reading import hidden_loss

_SALT = 0x4E535021


class NextSentence(Objective):
    """Hidden tokens of two texts, and whether the second follows the first: both losses, added.

    loss = -1/|M| sum over i in M of ln p(x_i | x~) - 1/B sum over rows of ln p(y | x~), with M the hidden tokens and y
    whether the second text stands right behind the first, which half of them do.
    """

    def source(self, corpus: TokenizedCorpus, config: RunConfig) -> Source:
        training = config.training
        sentences = Sentences(corpus.training, corpus.tokenizer, config.model.context)
        hide = mask_rows(Masker.of(corpus.tokenizer, training))
        return _Pairs(SentencePairs(sentences, training.batch_size, training.seed), hide, training.seed)

    def score(self, model: Model, corpus: TokenizedCorpus, config: RunConfig, limit: int | None) -> Score:
        return score_sentence_pairs(model, corpus, Masker.of(corpus.tokenizer, config.training), limit)

    def loss(self, model: Model, example: Example) -> Tensor:
        assert isinstance(model, Transformer)
        assert model.sentence_head is not None
        assert example.labels is not None
        states = model.body(example.batch)
        answers = model.sentence_head(states)  # (B, 2)
        return hidden_loss(model, states, example) + F.cross_entropy(answers, example.labels)


@dataclass(frozen=True)
class _Pairs:
    pairs: SentencePairs
    hide: Hide
    seed: int

    def next(self) -> Example:
        random = np.random.default_rng([_SALT, self.seed, *self.pairs.state().values()])
        pairs = self.pairs.next()
        hidden = self.hide(batch_of(pairs), lambda ids: random)
        return Example(hidden.batch, hidden.targets, hidden.asked.float(), follows(pairs))

    def state(self) -> dict[str, int]:
        return self.pairs.state()

    def restore(self, state: dict[str, int]) -> None:
        self.pairs.restore(state)
