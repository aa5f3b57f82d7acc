"""Stories and models made up for tests, small enough to reckon by hand."""

import math
from typing import Any

import torch
from torch import Tensor

from llm_core.config import NgramConfig
from llm_core.data.grammar.grammar import Grammar, build_grammar
from llm_core.data.grammar.predictor import Predictor
from llm_core.data.grammar.sampler import Sampled
from llm_core.data.grammar.truth import Item, Node, Truth
from llm_core.data.tokenizers import Tokenizer, train_tokenizer
from llm_core.models.base import Batch, Model, State

_WORLD: dict[str, Any] = {
    "class": {
        "name": {
            "part": "PROPN", "entity": "person", "columns": "en | zh | gender",
            "words": ["Lily | 莉莉 | f", "Tom | 汤姆 | m", "Mia | 米娅 | f"],
        },
        "thing": {"part": "NOUN", "columns": "en | zh | measure", "words": ["ball | 球 | 个", "book | 书 | 本"]},
        "spot": {"part": "NOUN", "columns": "en | zh", "words": ["box | 盒子 里", "bag | 袋子 里", "bathtub | 浴缸 里"]},
    }
}  # fmt: skip
_TALES: dict[str, Any] = {
    "start": "tale",
    "frame": {
        "tale": [
            {
                "name": "lost", "weight": 1, "variables": {"A": "name", "O": "thing", "P": "spot"},
                "body": ["put", "ask"],
            }
        ]
    },
    "sentence": {
        "put": [{"weight": 1, "en": "{A.s} put {O.a} in the {P} .", "zh": "{A.s} 把 {O.a} 放 在 {P} 。"}],
        "ask": [
            {
                "weight": 3, "en": "{A.s} said , “ it is in the {P!place} . ”!quote",
                "zh": "{A.s} 说 ： “ 它 在 {P!place} 。 ”!quote",
            },
            {"weight": 1, "en": "the {O} is still in the {P!place} .", "zh": "{O} 还 在 {P!place} 。"},
        ],
    },
}  # fmt: skip


def tales() -> Grammar:
    """Two sentences: somebody puts a thing somewhere, and it is still there."""
    return build_grammar("tales", _WORLD, _TALES)


def story(text: str, *items: Item) -> Sampled:
    truth = Truth("frame", Node("text", 0, len(text)), (), (), (), (), items, {})
    return Sampled(text, "en", -10.0, -10.0, 10.0, truth)


def item(text: str, skill: str, before: str, right: str, *wrong: str, also: tuple[str, ...] = ()) -> Item:
    """The item that follows `before` in a text."""
    start = text.index(before) + len(before)
    assert text.startswith(right, start)
    return Item(skill, start, start + len(right), (right, *also), wrong)


def characters(*texts: str) -> Tokenizer:
    return train_tokenizer("character", 320, texts * 2)


def words(*texts: str) -> Tokenizer:
    return train_tokenizer("word", 400, texts * 2)


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


class _Read:
    """What a perfect model has read, row by row."""

    def __init__(self, tokens: Tensor) -> None:
        self.tokens = tokens

    @property
    def length(self) -> int:
        return self.tokens.shape[1]

    def select(self, rows: Tensor) -> "_Read":
        return _Read(self.tokens[rows])


class Perfect(Model):
    """The perfect predictor as a model over single characters: its logits are the exact log-probabilities."""

    causal = True
    has_hidden = False

    def __init__(self, tokenizer: Tokenizer, grammar: Grammar, language: str, context: int = 256) -> None:
        super().__init__()
        self.config = NgramConfig(vocabulary_size=tokenizer.vocabulary_size, context=context)
        self._tokenizer, self._grammar, self._language = tokenizer, grammar, language
        self._known: dict[str, Tensor] = {}

    @property
    def maximum_length(self) -> int | None:
        return None

    def forward(self, batch: Batch) -> Tensor:
        assert batch.tokens is not None
        return self._read(batch.tokens, 0)

    def start(self, rows: int, capacity: int | None = None, source: Batch | None = None) -> State:
        return _Read(torch.empty(rows, 0, dtype=torch.int64))

    def step(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        assert isinstance(state, _Read)
        read = torch.cat((state.tokens, tokens), dim=1)
        return self._read(read, state.length), _Read(read)

    def _read(self, tokens: Tensor, begin: int) -> Tensor:
        """Log-probabilities (B, T - begin, V) from position `begin` on."""
        rows = [
            [self._after(self._tokenizer.decode(row[: place + 1])) for place in range(begin, len(row))]
            for row in tokens.tolist()
        ]
        return torch.stack([torch.stack(row) for row in rows])

    def _after(self, text: str) -> Tensor:
        if text not in self._known:
            p = torch.zeros(self._tokenizer.vocabulary_size, dtype=torch.float64)
            predictor = Predictor(self._grammar, self._language)
            if math.isfinite(predictor.push(text)):
                for piece, share in predictor.continuations().items():
                    p[self._tokenizer.encode(piece)[0] if piece else self._tokenizer.end_of_text] += share
            self._known[text] = p.log().float()
        return self._known[text]
