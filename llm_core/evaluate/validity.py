"""Whether what a model writes keeps to the grammar: sentence by sentence, and as whole stories. Never trains.

A sentence is valid when the grammar can say it somewhere; a story when the grammar can say it as a whole, who does what
where and how many are left included. So the first looks at grammar and words, the second at memory.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from llm_core.config import DecodingConfig
from llm_core.data.grammar.grammar import Grammar
from llm_core.data.grammar.predictor import log_probability
from llm_core.data.grammar.sentences import check_sentences
from llm_core.data.tokenizers import Tokenizer
from llm_core.evaluate.language_model import still
from llm_core.inference.generate import generate
from llm_core.models.base import Model

_TOGETHER = 100
_MOST_TOKENS = 4096
_BEYOND = 2  # times the context: what has not ended by then is no story


@dataclass(frozen=True)
class Validity:
    """How many of the sentences and of the whole stories of some texts are valid."""

    sentences: int
    valid_sentences: int
    stories: int
    valid_stories: int

    @property
    def sentences_valid(self) -> float:
        """Share, 0 to 1; 0 where nothing was written."""
        return self.valid_sentences / max(1, self.sentences)

    @property
    def stories_valid(self) -> float:
        """Share, 0 to 1; 0 where nothing was written."""
        return self.valid_stories / max(1, self.stories)


def check_texts(grammar: Grammar, language: str, texts: Sequence[str]) -> Validity:
    """Parse every sentence by itself, and every text as a whole."""
    checked = [sentence.valid for text in texts for sentence in check_sentences(grammar, language, text)]
    whole = [log_probability(grammar, language, text) > -float("inf") for text in texts]
    return Validity(len(checked), sum(checked), len(whole), sum(whole))


def sample_stories(model: Model, tokenizer: Tokenizer, count: int, seed: int) -> list[str]:
    """Texts that the model writes from beginning to end, drawn at temperature 1 with nothing cut off its distribution.

    One that has not ended after twice the context is broken off there. Text r depends on `seed + r` alone.
    """
    reach = model.maximum_length or model.config.context
    decoding = DecodingConfig(tokens=min(_MOST_TOKENS, _BEYOND * reach), temperature=1.0, alternatives=0, seed=seed)
    written: list[list[int]] = [[] for _ in range(count)]
    with still(model):
        for first in range(0, count, _TOGETHER):
            rows = min(_TOGETHER, count - first)
            drawn = decoding.model_copy(update={"seed": seed + first})
            for tokens in generate(model, [[tokenizer.end_of_text]] * rows, drawn, stop=tokenizer.end_of_text):
                for token in tokens:
                    if token.id != tokenizer.end_of_text:
                        written[first + token.row].append(token.id)
    return [tokenizer.decode(ids) for ids in written]
