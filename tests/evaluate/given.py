"""Stories and models made up for tests, small enough to reckon by hand."""

import torch
from torch import Tensor

from llm_core.config import NgramConfig
from llm_core.data.grammar.sampler import Sampled
from llm_core.data.grammar.truth import Item, Node, Truth
from llm_core.data.tokenizers import Tokenizer, train_tokenizer
from llm_core.models.base import Batch, Model


def story(text: str, *items: Item) -> Sampled:
    truth = Truth("frame", Node("text", 0, len(text)), (), (), (), (), items, {})
    return Sampled(text, "en", -10.0, 10.0, truth)


def item(text: str, skill: str, before: str, right: str, *wrong: str, also: tuple[str, ...] = ()) -> Item:
    """The item that follows `before` in a text."""
    start = text.index(before) + len(before)
    assert text.startswith(right, start)
    return Item(skill, start, start + len(right), (right, *also), wrong)


class Following(Model):
    """Logits (V,) for the token after each token, whatever came before; what is not set is 0."""

    causal = True
    has_hidden = False

    def __init__(self, vocabulary_size: int, context: int = 256) -> None:
        super().__init__()
        self.config = NgramConfig(vocabulary_size=vocabulary_size, context=context)
        self.table: Tensor
        self.register_buffer("table", torch.zeros(vocabulary_size, vocabulary_size))

    def prefer(self, tokenizer: Tokenizer, before: str, after: str, logit: float) -> None:
        """After the last token of `before`, the first token of `after` has this logit."""
        self.table[tokenizer.encode(before)[-1], tokenizer.encode(after)[0]] = logit

    def forward(self, batch: Batch) -> Tensor:
        assert batch.tokens is not None
        return self.table[batch.tokens]


def characters(*texts: str) -> Tokenizer:
    return train_tokenizer("character", 320, texts * 2)


def words(*texts: str) -> Tokenizer:
    return train_tokenizer("word", 400, texts * 2)
