"""Whether what a model writes keeps to the grammar: sentence by sentence, and as whole stories. Never trains.

A sentence is valid when the grammar can say it somewhere; a story when the grammar can say it as a whole, who does what
where and how many are left included. So the first looks at grammar and words, the second at memory.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from llm_core.data.grammar.grammar import Grammar
from llm_core.data.grammar.predictor import log_probability
from llm_core.data.grammar.sentences import check_sentences


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
