"""Texts with a label that decides their words, for classifiers: reviews with a sentiment, headlines with a topic.

The label is a hidden variable of the grammar. What the text says of it is known exactly: the filter sums over all ways in
which each label could have made the text. Some texts leave a doubt, so no classifier can be right about all of them, and
the best possible accuracy is known.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from llm_core.data.grammar.grammar import Grammar, load_grammar
from llm_core.data.grammar.lexicon import Word
from llm_core.data.grammar.predictor import Predictor
from llm_core.data.grammar.sampler import Drawing, texts, write
from llm_core.data.grammar.surface import surface_of
from llm_core.errors import UserError

LABEL = "T"
"""The variable that is the label, in every grammar of labelled texts."""

_UNFAMILIAR, _MIXED = "unfamiliar", "mixed"


@dataclass(frozen=True)
class LabelledText:
    """A text and the label it was made from, by its English word."""

    text: str
    label: str
    language: str
    grammar: Grammar = field(repr=False)

    @cached_property
    def posterior(self) -> Mapping[str, float]:
        """P(label | text), exact, the likeliest first; sums to 1. Takes some milliseconds."""
        predictor = Predictor(self.grammar, self.language)
        predictor.push(self.text)
        return dict(sorted(predictor.posterior(LABEL, ended=True).items(), key=lambda entry: -entry[1]))


@dataclass(frozen=True)
class Ceiling:
    """The accuracy that no classifier can exceed in the long run: the mean over texts of the largest P(label | text)."""

    accuracy: float
    standard_error: float
    count: int


def labelled_grammar(name: str, held_out_words: bool = False) -> Grammar:
    """The grammar of labelled texts of this name.

    held_out_words: its variant whose telling words never come in the ordinary texts. Raises UserError where the grammar
    has no label or no such variant.
    """
    if not held_out_words:
        grammar = load_grammar(name)
    elif _UNFAMILIAR in load_grammar(name).groups:
        grammar = load_grammar(name, _UNFAMILIAR)
    else:
        raise UserError("The grammar {name!r} holds no words out.", name=name)
    if LABEL not in grammar.hidden:
        raise UserError("The texts of the grammar {name!r} have no labels.", name=name)
    return grammar


def labelled_text(grammar: Grammar, language: str, seed: int, index: int) -> LabelledText:
    """One text with its label; the same number in the other language is its translation."""
    draws = Drawing(seed, index)
    text = write(grammar, draws, surface_of(language))
    return LabelledText(text, str(draws.memo[LABEL]), language, grammar)


def labelled_texts(
    name: str, language: str, count: int, seed: int, held_out_words: bool = False
) -> Iterator[LabelledText]:
    """The first texts of a seed with their labels. Raises UserError as `labelled_grammar`."""
    grammar = labelled_grammar(name, held_out_words)
    return (labelled_text(grammar, language, seed, index) for index in range(count))


def unlabelled_texts(name: str, language: str, seed: int, start: int, count: int) -> Iterator[str]:
    """Texts `start` to `start + count - 1` that use familiar and held-out words side by side, without their labels.

    What a pre-training reads: which words go together, and nothing of what they are called. A grammar that holds no
    words out gives its ordinary texts.
    """
    mixed = _MIXED if _MIXED in load_grammar(name).groups else None
    return texts(load_grammar(name, mixed), language, seed, start, count)


def accuracy_ceiling(name: str, language: str, count: int, seed: int, held_out_words: bool = False) -> Ceiling:
    """The best possible accuracy, estimated over `count` texts (two or more) from their exact posteriors."""
    grammar = labelled_grammar(name, held_out_words)
    return ceiling_of([labelled_text(grammar, language, seed, index) for index in range(count)])


def ceiling_of(texts: list[LabelledText]) -> Ceiling:
    """The best possible accuracy on these texts (two or more), in expectation over their labels."""
    best = [max(text.posterior.values()) for text in texts]
    count = len(best)
    mean = math.fsum(best) / count
    variance = math.fsum((one - mean) ** 2 for one in best) / (count - 1)
    return Ceiling(mean, math.sqrt(variance / count), count)


def label_names(name: str, language: str) -> dict[str, str]:
    """Each label of a grammar with its word in a language: {"positive": "正面", ...}."""
    return {str(word): _written(word, language) for word in _labels(labelled_grammar(name))}


def telling_words(name: str, language: str, held_out_words: bool = False) -> dict[str, str]:
    """Words that the label asks for, with their label; words that fit to several labels are left out.

    A word can still stand under another label: in a contrast, in a negation, in another's opinion.
    """
    grammar = labelled_grammar(name, held_out_words)
    labels = _labels(grammar)
    found: dict[str, str] = {}
    for word_class in grammar.classes.values():
        for word in word_class.words:
            fitting = [label for label in labels if word.tags & label.fits]
            if len(fitting) == 1:
                found[_written(word, language)] = str(fitting[0])
    return found


def _labels(grammar: Grammar) -> list[Word]:
    words = [word for frame in grammar.frames for word in frame.variables[LABEL].words]
    return list({str(word): word for word in words}.values())


def _written(word: Word, language: str) -> str:
    return " ".join(word.english) if language == "en" else "".join(word.chinese)
