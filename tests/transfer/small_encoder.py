"""A small encoder with random weights, and texts that a classifier learns at once: what tests of transfer stand on."""

from functools import cache

import numpy as np

from llm_core.config import TransformerConfig
from llm_core.data.labelled import Labelled
from llm_core.data.tokenizers import Tokenizer, train_tokenizer
from llm_core.models.build import build
from llm_core.transfer.encoder import Encoder, encoder_of

NAMES = ("bad", "good")
WORDS = (("awful", "poor", "dull"), ("lovely", "great", "fine"))
OTHERS = ("the", "meal", "film", "was", "and", "book", "very", "we", "had", "a")


@cache
def small_tokenizer() -> Tokenizer:
    texts = list(labelled(200, seed=9).texts)
    return train_tokenizer("word", 400, texts)


def small_encoder(context: int = 16, width: int = 32, layers: int = 2, seed: int = 3) -> Encoder:
    """Random weights, large enough that no two texts look alike to it."""
    tokenizer = small_tokenizer()
    config = TransformerConfig(
        architecture="encoder", vocabulary_size=tokenizer.vocabulary_size, context=context, width=width, layers=layers,
        heads=2, initialization="xavier", norm_weights=True,
    )  # fmt: skip
    model = build(config, seed).eval().requires_grad_(False)
    return encoder_of("small", model, tokenizer)


def labelled(count: int, seed: int, longest: int = 8) -> Labelled:
    """Texts of a few words, one of which tells the class."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    texts = []
    for label in labels:
        words = list(random.choice(OTHERS, int(random.integers(2, longest))))
        words.insert(int(random.integers(len(words) + 1)), str(random.choice(WORDS[label])))
        texts.append(" ".join(words))
    return Labelled(tuple(texts), labels.astype(np.int64), NAMES, tuple(range(2, count + 2)))
