"""Whole texts, as a model writes them when nothing helps it: from the first token to the end, straight from its distribution."""

from llm_core.config import DecodingConfig
from llm_core.data.tokenizers import Tokenizer
from llm_core.inference.generate import generate
from llm_core.models.base import Model

_TOGETHER = 100
_MOST_TOKENS = 4096
_BEYOND = 2  # times the context: what has not ended by then is no story


def sample_stories(model: Model, tokenizer: Tokenizer, count: int, seed: int) -> list[str]:
    """Texts that the model writes from beginning to end, drawn at temperature 1 with nothing cut off its distribution.

    One that has not ended after twice the context is broken off there. Text r depends on `seed + r` alone.
    Raises ValueError for a model in training mode or one that does not write.
    """
    reach = model.maximum_length or model.config.context
    decoding = DecodingConfig(tokens=min(_MOST_TOKENS, _BEYOND * reach), temperature=1.0, alternatives=0, seed=seed)
    written: list[list[int]] = [[] for _ in range(count)]
    for first in range(0, count, _TOGETHER):
        rows = min(_TOGETHER, count - first)
        drawn = decoding.model_copy(update={"seed": seed + first})
        for tokens in generate(model, [[tokenizer.end_of_text]] * rows, drawn, stop=tokenizer.end_of_text):
            for token in tokens:
                if token.id != tokenizer.end_of_text:
                    written[first + token.row].append(token.id)
    return [tokenizer.decode(ids) for ids in written]
