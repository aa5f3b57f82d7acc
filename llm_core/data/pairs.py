"""Sentences with their translation, out of texts that a grammar tells in two languages. A pair is a document of its own:
a sentence, a tab, its translation.

Pairs are numbered, and each can be had alone: so many come out of every text, from places that differ from text to text,
so that beginnings and ends of texts are among them as often as anything else. Knows no token.
"""

from collections.abc import Iterable, Iterator

from llm_core.data.grammar.grammar import Grammar
from llm_core.data.grammar.parallel import plain_pairs
from llm_core.errors import UserError

PER_TEXT = 6
_SIGN = "\t"


def pairs(grammar: Grammar, seed: int, start: int, count: int) -> Iterator[str]:
    """The pairs `start` to `start + count - 1`, English first."""
    text, told = -1, list[tuple[str, str]]()
    for index in range(start, start + count):
        number, turn = divmod(index, PER_TEXT)
        if number != text:
            text, told = number, plain_pairs(grammar, seed, number)
        yield _SIGN.join(told[(number + turn * len(told) // PER_TEXT) % len(told)])


def both(pair: str) -> tuple[str, str]:
    """The sentence and its translation."""
    source, _, target = pair.partition(_SIGN)
    return source, target


def sides_of_pairs(training: Iterable[str], held_out: Iterable[str]) -> Iterator[tuple[bool, str]]:
    """Whether it is held out, and a sentence, then the same with its translation: first all that are trained on.

    Short sentences come in many texts. So that every held-out sentence is one that no model has met, those that are
    trained on, too, are left out, and each stands there once.

    Raises UserError when none is left.
    """
    new: dict[str, str] = {}
    for pair in held_out:
        new.setdefault(*both(pair))
    count = len(new)
    for pair in training:
        source, target = both(pair)
        new.pop(source, None)
        yield False, source
        yield False, target
    if not new:
        raise UserError("Each of the {count} sentences that were to be held out is trained on, too; hold out a larger share.", count=count)  # fmt: skip
    for source, target in new.items():
        yield True, source
        yield True, target
