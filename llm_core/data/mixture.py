"""A text of both languages for an encoder that is to be of use on any text: what the grammars write, and real English.

Reviews and headlines, stories and talk come by turns in both languages; one document in forty is a piece of the Python
language reference, until all of it has come. Every document has an index and can be had alone.
"""

import hashlib
from collections.abc import Iterator
from functools import cache

from llm_core.data.corpora import CORPORA
from llm_core.data.grammar.grammar import load_grammar
from llm_core.data.grammar.labelled import unlabelled_texts

GRAMMARS = ("headlines", "reviews", "stories", "talk")
REAL = "python-reference"
REAL_EVERY = 40
_SOURCES = ("reviews", "headlines", *("reviews",) * 28, "talk", *("reviews",) * 14, "stories", *("reviews",) * 14)
"""Most are reviews: what two words say of each other is learned from many short texts."""
_ROUND = tuple(f"{source}-{language}" for source in _SOURCES for language in ("en", "zh"))
_LONGEST = 500
"""Characters of a piece of real text: about as long as the longest stories."""
_STRIDE = 389
"""Pieces of real text come in another order than they stand in, so that those at the end, which are held out, are of all
its parts."""


def mixture(seed: int, start: int, count: int) -> Iterator[str]:
    """Documents `start` to `start + count - 1`. Raises UserError where this Python comes without its reference."""
    real = _real()
    for index in range(start, start + count):
        number, place = divmod(index, REAL_EVERY)
        if place == REAL_EVERY - 1 and number < len(real):
            yield real[number * _STRIDE % len(real)]
            continue
        turn, place = divmod(index, len(_ROUND))
        source, _, language = _ROUND[place].rpartition("-")
        number = turn * _ROUND.count(_ROUND[place]) + _ROUND[:place].count(_ROUND[place])
        yield from unlabelled_texts(source, language, seed, number, 1)


def mixture_digest() -> str:
    """SHA-256 of all that decides what is written: the grammars, and the real text."""
    digest = hashlib.sha256(f"{REAL_EVERY} {_ROUND} {_STRIDE} {grammars_digest()}".encode())
    for piece in _real():
        digest.update(f"\n{len(piece)} {piece}".encode())
    return digest.hexdigest()


def grammars_digest() -> str:
    """SHA-256 of the grammars that write a part of it."""
    return hashlib.sha256(" ".join(load_grammar(name).digest for name in GRAMMARS).encode()).hexdigest()


@cache
def _real() -> tuple[str, ...]:
    read = CORPORA[REAL].read
    assert read is not None
    pieces = tuple(piece for document in read() for piece in _pieces(document))
    # Every piece comes once: no divisor of their number may be one of the stride, which is prime.
    return pieces[:-1] if len(pieces) % _STRIDE == 0 else pieces


def _pieces(document: str) -> Iterator[str]:
    """Paragraphs without their line ends, together as long as there is room."""
    held = ""
    for paragraph in (" ".join(part.split()) for part in document.split("\n\n")):
        if held and len(held) + 1 + len(paragraph) > _LONGEST:
            yield held
            held = ""
        held = f"{held} {paragraph}".strip()
        while len(held) > _LONGEST:
            cut = held.rfind(" ", 1, _LONGEST + 1)
            cut = cut if cut > 0 else _LONGEST
            yield held[:cut]
            held = held[cut:].strip()
    if held:
        yield held
