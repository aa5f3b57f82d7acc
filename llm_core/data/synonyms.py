"""Sets of words that can stand for each other in a text of a grammar, out of the grammar's own lexicon."""

from collections import Counter
from functools import lru_cache

from llm_core.data.grammar.grammar import load_grammar

Synonyms = tuple[tuple[str, ...], ...]
"""Sets of words, each of two or more; a word is in one set at most."""

_LABELS = "X"
_SHORTEST = {"en": 1, "zh": 2}
"""A Chinese word of one character cannot be told from a part of another word."""


@lru_cache
def synonyms_of(grammar: str, language: str) -> Synonyms:
    """The words of each class that have the same tags and ask for the same, as they are written in a language.

    A word that stands in several classes is left out, for it would have to be known in which sense it is meant.
    """
    sets: dict[tuple[object, ...], dict[str, None]] = {}
    for word_class in load_grammar(grammar).classes.values():
        for word in word_class.words:
            if word.part == _LABELS:
                continue
            # What a word goes with is a part of its class: its measure word, its gender.
            same = (word.kind, word.tags, word.fits, word.measure, word.gender)
            written = "".join(word.chinese) if language == "zh" else " ".join(word.english)
            if len(written) >= _SHORTEST[language]:
                sets.setdefault(same, {})[written] = None
    times = Counter(word for words in sets.values() for word in words)
    single = (tuple([word for word in words if times[word] == 1]) for words in sets.values())
    return tuple([words for words in single if len(words) > 1])
