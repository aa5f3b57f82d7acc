"""One text that a model has written about a grammar's world, judged: token by token, as a whole, and by sentences.

Never trains. What pages show beside a text, and what says more of one text than the averages over many.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from llm_core.data.grammar.grammar import Grammar
from llm_core.data.grammar.sentences import Checked, check_sentences
from llm_core.data.tokenizers import Tokenizer
from llm_core.evaluate.surprise import Surprise, expected, surprises
from llm_core.models.base import Model

_ENDS = frozenset(".?!。？！”\n")


@dataclass(frozen=True)
class Judgement:
    """What there is to say of one text.

    `given` of its characters were given to the model. `story`: whether the grammar can tell all of it ("valid"), all so
    far ("open": it has not been ended), or not ("left"). `left`: the number of the token that no text of the grammar has
    there, and `expected` what could have stood in its place, the likeliest first; an empty one is the end.
    """

    text: str
    given: int
    tokens: tuple[Surprise, ...]
    story: Literal["valid", "open", "left"]
    left: int | None
    expected: tuple[tuple[str, float], ...]

    @property
    def compared(self) -> tuple[float, float]:
        """Nats of the model and of the perfect predictor, over the tokens up to where the text leaves the grammar."""
        pairs = [(one.model, one.perfect) for one in self.tokens[: self.left] if one.perfect is not None]
        return math.fsum(model for model, _ in pairs), math.fsum(perfect for _, perfect in pairs)


def judge_sentences(grammar: Grammar, language: str, judgement: Judgement) -> list[Checked]:
    """Each sentence by itself, but for a last one that has not been finished."""
    text = judgement.text
    checked = check_sentences(grammar, language, text)
    ended = bool(judgement.tokens) and not judgement.tokens[-1].text
    return checked if ended or not checked or text[checked[-1].end - 1] in _ENDS else checked[:-1]


def judge(
    model: Model,
    tokenizer: Tokenizer,
    grammar: Grammar,
    language: str,
    given: Sequence[int],
    written: Sequence[int],
    count: int = 8,
) -> Judgement:
    """Judge the tokens that a model wrote after the given ones; an end-of-text sign at their end ends the text.

    The model is asked anew, at temperature 1 and with nothing cut off, however the text was drawn.
    """
    ended = bool(written) and written[-1] == tokenizer.end_of_text
    ids = [*given, *(written[:-1] if ended else written)]
    text = tokenizer.decode(ids)
    tokens = surprises(model, tokenizer, grammar, language, text, ids=ids, ended=ended)
    left = next((n for n, one in enumerate(tokens) if one.perfect is not None and math.isinf(one.perfect)), None)
    instead = expected(grammar, language, text[: tokens[left].start], count) if left is not None else None
    return Judgement(
        text=text,
        given=len(tokenizer.decode(list(given))),
        tokens=tuple(tokens),
        story="left" if left is not None else "valid" if ended else "open",
        left=left,
        expected=tuple(instead or ()),
    )
