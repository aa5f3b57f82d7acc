"""What an encoder shows of itself while it trains: sentences with hidden tokens, and what it fills in."""

from collections.abc import Iterator, Sequence
from contextlib import suppress

import numpy as np

from llm_core.config import TrainingConfig
from llm_core.data.masking import Masker
from llm_core.data.prepare import TokenizedCorpus
from llm_core.data.tokenizers import Tokenizer
from llm_core.data.vocabulary import MASK
from llm_core.errors import UserError
from llm_core.evaluate.excess import split_stories
from llm_core.evaluate.language_model import still
from llm_core.inference.fill_mask import predict
from llm_core.models.base import Model

Filled = tuple[str, str, str | None]
"""A sentence with its masks, the same with the likeliest tokens in their place, and what stood there, where it is known."""

SHOWN = 3
_LONGEST = 48
_SEED = 5


def filled(model: Model, corpus: TokenizedCorpus, training: TrainingConfig, prompts: Sequence[str]) -> Iterator[Filled]:
    """Those prompts that have a mask, and the beginnings of some held-out texts, with the same masks every time.

    All masks of a sentence are filled at once. The model comes back in the mode it was in.
    """
    tokenizer = corpus.tokenizer
    with still(model):
        for prompt in (prompt for prompt in prompts if MASK in prompt):
            with suppress(UserError):  # longer than the context: the held-out texts show as much
                yield prompt, _likeliest(model, tokenizer, prompt, []), None
        masker = Masker.of(tokenizer, training)
        random = np.random.default_rng(_SEED)
        for text in _beginnings(corpus, min(_LONGEST, (model.maximum_length or _LONGEST) - 2)):
            ids = np.array(tokenizer.encode(text), dtype=np.int64)
            begins, lengths = masker.choose(ids, random)
            places = [
                place for begin, length in zip(begins, lengths, strict=True) for place in range(begin, begin + length)
            ]
            yield with_masks(tokenizer, ids.tolist(), places), _likeliest(model, tokenizer, text, places), text


def with_masks(tokenizer: Tokenizer, ids: list[int], hidden: list[int]) -> str:
    """A text in which masks stand for some tokens; the space before a word stays where it was."""
    parts = [tokenizer.token_bytes[token] for token in ids]
    for place in hidden:
        parts[place] = b" " * parts[place].startswith(b" ") + MASK.encode()
    return b"".join(parts).decode("utf-8", "replace")


def _likeliest(model: Model, tokenizer: Tokenizer, text: str, places: list[int]) -> str:
    found = predict(model, tokenizer, text, places, top=1)
    ids = list(found.text.ids)
    for place, (token,) in zip(found.places, found.tokens.tolist(), strict=True):
        ids[place] = token
    return tokenizer.decode(ids[found.text.begin : found.text.end])


def _beginnings(corpus: TokenizedCorpus, longest: int) -> Iterator[str]:
    """Some held-out texts, spread evenly, each as far as so many tokens go."""
    texts = [text for text in split_stories(corpus.held_out) if len(text)]
    for number in range(SHOWN):
        tokens = texts[number * len(texts) // SHOWN]
        text = corpus.tokenizer.decode(tokens[:longest].tolist()).rstrip("\ufffd")
        # A text of another kind may have no whole character so early.
        if text.strip() and len(corpus.tokenizer.encode(text)) <= longest:
            yield text
