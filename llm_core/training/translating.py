"""How well a model translates sentences that are held out: by its own writing, not by the right beginning it is given
while it learns."""

from collections.abc import Sequence

import numpy as np

from llm_core.data.prepare import TokenizedCorpus
from llm_core.evaluate.chrf import chrf
from llm_core.evaluate.excess import split_stories
from llm_core.evaluate.language_model import still
from llm_core.inference.translate import translations
from llm_core.models.base import Model

LOOKED_AT = 128
"""Sentences in a look during training, always the same: a fraction of a second for a small model."""


def held_out_sentences(corpus: TokenizedCorpus, count: int | None = None) -> list[tuple[str, str]]:
    """Held-out sentences with their translations: so many, spread evenly over all, or all of them."""
    texts = split_stories(corpus.held_out)
    pairs = len(texts) // 2
    chosen = np.arange(pairs) if count is None or count >= pairs else np.arange(count) * pairs // count
    decode = corpus.tokenizer.decode
    return [(decode(texts[2 * n].tolist()), decode(texts[2 * n + 1].tolist())) for n in chosen]


def translation_measures(model: Model, corpus: TokenizedCorpus, count: int | None = LOOKED_AT) -> dict[str, float]:
    """Shares from 0 to 1: `exact_match`, of the sentences that come out as the reference has them, and `chrf`."""
    sentences = held_out_sentences(corpus, count)
    written = translated(model, corpus, [source for source, _ in sentences])
    references = [reference for _, reference in sentences]
    exact = sum(ours == theirs for ours, theirs in zip(written, references, strict=True))
    return {"exact_match": exact / len(sentences), "chrf": chrf(written, references)}


def translated(model: Model, corpus: TokenizedCorpus, sources: Sequence[str]) -> list[str]:
    """By the likeliest tokens. The model comes back in the mode it was in."""
    with still(model):
        return translations(model, corpus.tokenizer, sources)
