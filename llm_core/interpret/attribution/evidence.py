"""Which words of labelled texts tell a class: counted from the texts alone, without any classifier."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llm_core.inference.classifiers.words import placed_words, shown, word_ngrams, words

_PRIOR = 0.5
_LEAST_TEXTS = 2
_LONGEST_NGRAM = 3


@dataclass(frozen=True)
class Evidence:
    """scores[key] (K,): how surely a word or short phrase tells each class, in standard errors; above 2 it is no chance.

    The log of the odds to meet it in a text of the class, against the texts of all others, each count half a text larger
    so that nothing is infinite; divided by its standard error (Monroe et al. 2008, "Fightin' words", 3.3).
    """

    scores: dict[str, NDArray[np.float64]]
    classes: int

    def telling(self, label: int, count: int) -> list[str]:
        """The words and phrases that tell this class most surely, as a person reads them."""
        ranked = sorted(self.scores, key=lambda key: (-float(self.scores[key][label]), key))
        return [shown(key) for key in ranked[:count] if self.scores[key][label] > 0]

    def places(self, text: str, label: int, least: float = 1.0) -> list[tuple[int, int]]:
        """Where the text has words or phrases that tell the class by at least so many standard errors; they may overlap."""
        found, spans = placed_words(text)
        places = []
        for size in range(1, _LONGEST_NGRAM + 1):
            for first in range(len(found) - size + 1):
                scores = self.scores.get(" ".join(found[first : first + size]))
                if scores is not None and scores[label] >= least:
                    places.append((spans[first][0], spans[first + size - 1][1]))
        return places


def evidence(texts: Sequence[str], labels: NDArray[np.int64], classes: int) -> Evidence:
    """Count in how many texts of each class every word and short phrase stands; those in one text only are left out."""
    counts: dict[str, Counter[int]] = {}
    for text, label in zip(texts, labels.tolist(), strict=True):
        for key in set(word_ngrams(words(text))):
            counts.setdefault(key, Counter())[label] += 1
    sizes = np.bincount(labels, minlength=classes)
    scores = {}
    for key, by_class in counts.items():
        total = by_class.total()
        if total >= _LEAST_TEXTS:
            scores[key] = np.array([_score(by_class[k], total, int(sizes[k]), len(labels)) for k in range(classes)])
    return Evidence(scores, classes)


def _score(with_key: int, total: int, size: int, texts: int) -> float:
    """Standard errors by which the log odds of the key in a class exceed those in all other texts."""
    inside, outside = with_key + _PRIOR, total - with_key + _PRIOR
    inside_not, outside_not = size - with_key + _PRIOR, texts - size - (total - with_key) + _PRIOR
    log_odds = math.log(inside / inside_not) - math.log(outside / outside_not)
    return log_odds / math.sqrt(1 / inside + 1 / inside_not + 1 / outside + 1 / outside_not)
