"""How well a question is answered by a span of text: exact match and token F1, as SQuAD counts them (Rajpurkar 2016).

Both look past capitals, punctuation, English articles and white space. The tokens of F1 are words, and of Chinese and
Japanese single characters, as in CMRC 2018.
"""

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Sequence

from llm_core.data.words import UNSPACED

_ARTICLE = re.compile(r"\b(a|an|the)\b")
_ALONE = re.compile(f"({UNSPACED})")


def normalized(answer: str) -> str:
    """The answer as it is compared: lower case, without punctuation and articles, single spaces."""
    plain = "".join(character for character in answer.lower() if not _is_punctuation(character))
    return " ".join(_ARTICLE.sub(" ", plain).split())


def answer_tokens(answer: str) -> list[str]:
    """What F1 counts: the words of the normalized answer; each character alone where words are not spaced."""
    return _ALONE.sub(r" \1 ", normalized(answer)).split()


def exact_match(answer: str, references: Sequence[str]) -> bool:
    """Whether the answer is, but for what `normalized` looks past, one of the references."""
    return normalized(answer) in map(normalized, references)


def token_f1(answer: str, references: Sequence[str]) -> float:
    """The F1 of the tokens that answer and reference share, of the reference that fits best; 0 without references."""
    return max((_f1(answer_tokens(answer), answer_tokens(reference)) for reference in references), default=0.0)


def _f1(ours: list[str], theirs: list[str]) -> float:
    if not ours or not theirs:
        return float(ours == theirs)
    shared = (Counter(ours) & Counter(theirs)).total()
    return 2 * shared / (len(ours) + len(theirs))


def _is_punctuation(character: str) -> bool:
    return character in string.punctuation or unicodedata.category(character).startswith("P")
