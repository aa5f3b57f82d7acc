"""What pre-training is worth: a classifier learns from a hundred reviews and is tested on words that none of them had.

The labelled reviews use familiar words of praise and blame only, those of the test others. The pre-trained encoder has met
both side by side in texts without labels; the same network from random weights, and TF-IDF, have only the labels to go by.
"""

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from llm_core.data.grammar.labelled import accuracy_ceiling, label_names, labelled_texts, telling_words
from llm_core.data.labelled import Labelled
from llm_core.inference.classifiers.words import words
from llm_core.training.classifiers.base import Family, Fitted, Progress
from llm_core.training.classifiers.families import FAMILIES
from llm_core.transfer.encoder import Encoder, bundled_encoder, untrained_classifier_like
from llm_core.transfer.families import EncoderFinetuned
from llm_core.transfer.tuning import Settings

FILE = "pretraining.json"
"""Beside the bundled encoder: the figures that were measured, as `benchmarks.pretraining` keeps them."""

GRAMMAR = "reviews"
LABELLED, TESTED = 100, 500
_TEST_SEED = 90_210
_LABELLED_SEED = 1_000
_SECONDS = 600.0
"""No limit in practice: the number of steps ends a fine-tuning of a hundred texts."""

FROM_RANDOM = Settings(learning_rate=2e-3, head_learning_rate=4e-3, least_steps=400)
"""A network that knows nothing yet learns best in the same steps on all layers, and in more of them."""

Start = str
"""What a classifier begins from: pretrained, random, or tfidf for one that is no network."""


@dataclass(frozen=True)
class Trial:
    """One classifier, learned from the labelled texts of one seed: its accuracy on the test."""

    start: Start
    language: str
    seed: int
    accuracy: float
    seconds: float


@dataclass(frozen=True)
class Share:
    """How often the test uses a telling word, and how often one that stands in none of the labelled texts."""

    telling: int
    never_labelled: int

    @property
    def share(self) -> float:
        return self.never_labelled / max(1, self.telling)


def labelled_part(language: str, seed: int, count: int = LABELLED) -> Labelled:
    """The reviews with labels: familiar words only. Another seed, other reviews."""
    return _labelled(language, count, _LABELLED_SEED + seed, held_out_words=False)


@cache
def held_out_part(language: str, count: int = TESTED) -> Labelled:
    """The reviews of the test, the same for all seeds: words that no ordinary review has."""
    return _labelled(language, count, _TEST_SEED, held_out_words=True)


def never_labelled(language: str, labelled: Labelled, test: Labelled) -> Share:
    """Count the telling words of the test, and those of them that were never in a labelled text.

    A telling word is one that the grammar asks for by the label, such as "gripping" or "不值".
    """
    telling = {tuple(words(word)) for which in (False, True) for word in telling_words(GRAMMAR, language, which)}
    known = {word for text in labelled.texts for word in _found(telling, words(text))}
    used = [word for text in test.texts for word in _found(telling, words(text))]
    return Share(len(used), sum(word not in known for word in used))


@cache
def ceiling(language: str, count: int = TESTED) -> float:
    """The best accuracy that is possible on such a test: the mean of the largest exact P(label | text) over its texts."""
    return accuracy_ceiling(GRAMMAR, language, count, _TEST_SEED, held_out_words=True).accuracy


def families(encoder: Callable[[], Encoder] = bundled_encoder) -> dict[Start, Family]:
    """The classifiers that are compared."""
    return {
        "pretrained": EncoderFinetuned(encoder),
        "random": EncoderFinetuned(encoder, untrained_classifier_like, FROM_RANDOM),
        "tfidf": FAMILIES["tfidf_logistic_regression"],
    }


def trials(
    compared: dict[Start, Family],
    languages: Sequence[str] = ("en", "zh"),
    seeds: Sequence[int] = range(5),
    labelled: int = LABELLED,
    tested: int = TESTED,
) -> Iterator[Trial]:
    """Every classifier on every language and seed: other labelled texts and other random numbers, the same test."""
    for language in languages:
        for seed in seeds:
            for start, family in compared.items():
                for record in attempt(start, family, language, seed, labelled, tested):
                    if isinstance(record, Trial):
                        yield record


def attempt(
    start: Start, family: Family, language: str, seed: int, labelled: int = LABELLED, tested: int = TESTED
) -> Iterator[Progress | Trial]:
    """One classifier on one language and seed: `Progress` now and then, the trial last."""
    training, test = labelled_part(language, seed, labelled), held_out_part(language, tested)
    began = time.monotonic()
    for record in family.fit(training, seconds=_SECONDS, seed=seed):
        if isinstance(record, Fitted):
            guesses = record.classifier.probabilities(test.texts).argmax(axis=1)
            accuracy = float(np.mean(guesses == test.labels))
            yield Trial(start, language, seed, accuracy, time.monotonic() - began)
        else:
            yield record


def _labelled(language: str, count: int, seed: int, held_out_words: bool) -> Labelled:
    names = tuple(label_names(GRAMMAR, language))
    found = list(labelled_texts(GRAMMAR, language, count, seed, held_out_words))
    labels = np.array([names.index(one.label) for one in found], dtype=np.int64)
    return Labelled(tuple([one.text for one in found]), labels, names, tuple(range(2, count + 2)))


def _found(phrases: Collection[tuple[str, ...]], text: list[str]) -> Iterator[tuple[str, ...]]:
    """The phrases in a text from left to right, at each place the longest: "hardly worth" is no "worth"."""
    longest = max(map(len, phrases))
    at = 0
    while at < len(text):
        sizes = range(min(longest, len(text) - at), 0, -1)
        found = next((tuple(text[at : at + size]) for size in sizes if tuple(text[at : at + size]) in phrases), None)
        if found is not None:
            yield found
        at += len(found) if found is not None else 1
