"""Translating: an encoder-decoder reads a text and writes another, token by token, by any way of decoding.

What is read is the tokens of the text and the end-of-text sign; what is written begins after that sign and ends with it.
"""

from collections.abc import Iterator, Mapping, Sequence

import torch

from llm_core.config import DecodingConfig
from llm_core.data.tokenizers import Tokenizer
from llm_core.errors import UserError
from llm_core.inference.generate import generate
from llm_core.inference.reader import Token
from llm_core.models.base import Batch, Model
from llm_core.models.encoder_decoder import EncoderDecoder
from llm_core.taps import Edit

_TOGETHER = 64


def translates(model: Model) -> bool:
    """Whether a model turns one text into another, in place of going on with it."""
    return isinstance(model, EncoderDecoder)


def translate(
    model: Model,
    tokenizer: Tokenizer,
    texts: Sequence[str],
    decoding: DecodingConfig,
    *,
    edits: Mapping[str, Edit] | None = None,
) -> Iterator[list[Token]]:
    """Translate each text; yields, position by position, a token for every row that gets one there, as `generate` does.

    A row ends with the end-of-text sign, after `decoding.tokens` tokens, or where the model's context ends.
    Raises UserError for a model that does not translate, and for a text that is longer than the model can read.
    """
    if not translates(model):
        raise UserError("This model writes on from a text and does not translate it.")
    limit = model.config.context
    end = tokenizer.end_of_text
    sources = [[*tokenizer.encode(text), end] for text in texts]
    for source in sources:
        if len(source) > limit:
            raise UserError("The text has {have} tokens with its end; this model reads at most {limit}.", have=len(source), limit=limit)  # fmt: skip
    longest = max(map(len, sources), default=0)
    batch = Batch(
        torch.tensor([source + [end] * (longest - len(source)) for source in sources], dtype=torch.int64),
        torch.tensor([len(source) for source in sources], dtype=torch.int64),
    )
    decoding = decoding.model_copy(update={"tokens": min(decoding.tokens, limit)})
    yield from generate(model, [[end]] * len(sources), decoding, stop=end, edits=edits, source=batch)


def translations(model: Model, tokenizer: Tokenizer, texts: Sequence[str]) -> list[str]:
    """Each text in the other language, always by the likeliest token. Raises UserError as `translate` does."""
    decoding = DecodingConfig(tokens=model.config.context, method="greedy", alternatives=0)
    # Texts of like length together: a batch goes on until its longest row has ended.
    order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
    written: list[list[int]] = [[] for _ in texts]
    for first in range(0, len(order), _TOGETHER):
        chosen = order[first : first + _TOGETHER]
        for tokens in translate(model, tokenizer, [texts[index] for index in chosen], decoding):
            for token in tokens:
                written[chosen[token.row]].append(token.id)
    return [tokenizer.decode(ids) for ids in written]
