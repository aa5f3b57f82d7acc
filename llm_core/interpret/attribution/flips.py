"""The smallest changes of a text that flip a classifier's decision: words left out, or put in the place of others.

Asks nothing of a classifier but probabilities. First every change alone; then greedily the best one more until the
decision flips; what greed took too much is given back; then all smaller combinations of the most promising changes, as
far as the time goes.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, islice

import numpy as np
from numpy.typing import NDArray

from llm_core.inference.classifiers.base import Classifier
from llm_core.inference.classifiers.words import placed_words
from llm_core.interpret.attribution.class_attribution import margins, without
from llm_core.interpret.attribution.evidence import Evidence

MOST_MOVES = 400
MOST_EDITS = 6
_AT_ONCE = 64
_MOST_COMBINED = 14
_MOST_COMBINATIONS = 1500


@dataclass(frozen=True, order=True)
class Edit:
    """The characters from start to end are replaced; by nothing where they are left out."""

    start: int
    end: int
    replacement: str = ""

    def overlaps(self, other: "Edit") -> bool:
        """Whether both change the same place."""
        return self.start < other.end and other.start < self.end


@dataclass(frozen=True)
class Flip:
    """Edits that together change the decision, the text after them, its class, and the probability of that class."""

    edits: tuple[Edit, ...]
    text: str
    label: int
    probability: float


@dataclass(frozen=True)
class Flips:
    """found: the smallest that were found, the surest first; empty where nothing flips it.

    label, probability: the decision about the text as it is · smallest: whether every smaller set of the given edits was
    tried, so that none of them flips it · judged: how many changed texts were looked at · timed_out: whether the search
    ended for want of time.
    """

    label: int
    probability: float
    found: tuple[Flip, ...]
    smallest: bool
    judged: int
    timed_out: bool


def deletions(text: str) -> list[Edit]:
    """Each word left out; of a long text the first so many."""
    return [Edit(start, end) for start, end in placed_words(text)[1][:MOST_MOVES]]


def opposites(text: str, label: int, evidence: Evidence, each: int = 6) -> list[Edit]:
    """What tells the class replaced by what tells another class most surely."""
    others = [word for other in range(evidence.classes) if other != label for word in evidence.telling(other, each)]
    return [
        Edit(start, end, _as_written(text[start:end], word))
        for start, end in evidence.places(text, label)
        for word in others
    ][:MOST_MOVES]


def synonym_swaps(text: str, sets: Sequence[Sequence[str]]) -> list[Edit]:
    """Each word replaced by others of the same meaning: a decision that this flips hangs on a word and not on what it
    says."""
    lowered = text.lower()
    if len(lowered) != len(text):
        lowered = text
    edits = []
    for words in sets:
        for word in words:
            for start in _occurrences(lowered, word.lower()):
                end = start + len(word)
                edits += [Edit(start, end, _as_written(text[start:end], other)) for other in words if other != word]
    return sorted(edits)[:MOST_MOVES]


def flip(
    classifier: Classifier,
    text: str,
    edits: Sequence[Edit],
    *,
    seconds: float = 3.0,
    most: int = 3,
    clock: Callable[[], float] = time.monotonic,
) -> Flips:
    """The smallest sets of these edits that change the decision, at most `most` of them."""
    search = _Search(classifier, text, edits, clock, clock() + seconds)
    found, smallest = search.run()
    ranked = sorted(found, key=lambda one: (-one.probability, one.edits))[:most]
    return Flips(search.label, search.probability, tuple(ranked), smallest, search.judged, search.late)


def apply(text: str, edits: Sequence[Edit]) -> str:
    """The text after edits that do not overlap."""
    for edit in sorted(edits, reverse=True):
        if edit.replacement:
            text = text[: edit.start] + edit.replacement + text[edit.end :]
        else:
            text = without(text, [(edit.start, edit.end)])
    return text


class _Search:
    def __init__(
        self, classifier: Classifier, text: str, edits: Sequence[Edit], clock: Callable[[], float], deadline: float
    ) -> None:
        self.classifier, self.text, self.clock, self.deadline = classifier, text, clock, deadline
        probabilities = classifier.probabilities([text])[0]
        self.label = int(probabilities.argmax())
        self.probability = float(probabilities[self.label])
        self.edits = list(edits)
        self.judged = 0
        self.late = False

    def run(self) -> tuple[list[Flip], bool]:
        """The smallest flips, and whether no smaller ones can be."""
        alone = [(edit,) for edit in self.edits]
        found, left = self._judge(alone)
        if found or not alone:
            return found, True
        order = [alone[place][0] for place in np.argsort(left, kind="stable")]
        greedy = self._greedy(order)
        if greedy is None:
            return [], False
        for size in range(2, len(greedy.edits)):
            promising = order[:_MOST_COMBINED]
            tried = list(islice(_together(promising, size), _MOST_COMBINATIONS))
            found, _ = self._judge(tried)
            if found:
                return found, size == 2 or self._all(size - 1)
        return [greedy], self._all(len(greedy.edits) - 1)

    def _all(self, size: int) -> bool:
        """Whether all sets of up to so many edits were tried."""
        few = len(self.edits) <= _MOST_COMBINED and sum(1 for _ in islice(_together(self.edits, size), _MOST_COMBINATIONS + 1)) <= _MOST_COMBINATIONS  # fmt: skip
        return not self.late and (size <= 1 or few)

    def _greedy(self, order: Sequence[Edit]) -> Flip | None:
        """One best edit after another; then without those that turn out not to be needed."""
        chosen: tuple[Edit, ...] = (order[0],) if order else ()
        while chosen and len(chosen) < MOST_EDITS and not self.late:
            candidates = [(*chosen, edit) for edit in order if not any(edit.overlaps(other) for other in chosen)]
            if not candidates:
                return None
            found, left = self._judge(candidates)
            if found:
                return self._thinned(max(found, key=lambda one: one.probability))
            chosen = candidates[int(np.argmin(left))]
        return None

    def _thinned(self, flip: Flip) -> Flip:
        while len(flip.edits) > 2:
            found, _ = self._judge([tuple(edit for edit in flip.edits if edit is not out) for out in flip.edits])
            if not found:
                return flip
            flip = max(found, key=lambda one: one.probability)
        return flip

    def _judge(self, sets: Sequence[tuple[Edit, ...]]) -> tuple[list[Flip], NDArray[np.float64]]:
        """The sets that flip the decision, and what margin every set leaves: endless where the time was over."""
        found: list[Flip] = []
        left = np.full(len(sets), np.inf)
        for first in range(0, len(sets), _AT_ONCE):
            if self.clock() > self.deadline:
                self.late = True
                break
            part = sets[first : first + _AT_ONCE]
            texts = [apply(self.text, edits) for edits in part]
            probabilities = self.classifier.probabilities(texts)
            self.judged += len(part)
            left[first : first + len(part)] = margins(probabilities, self.label)
            for edits, text, row in zip(part, texts, probabilities, strict=True):
                label = int(row.argmax())
                if label != self.label:
                    found.append(Flip(tuple(sorted(edits)), text, label, float(row[label])))
        return found, left


def _together(edits: Sequence[Edit], size: int) -> Iterator[tuple[Edit, ...]]:
    """All sets of so many edits of which none overlap."""
    for chosen in combinations(edits, size):
        if not any(first.overlaps(second) for first, second in combinations(chosen, 2)):
            yield chosen


def _as_written(old: str, new: str) -> str:
    """The new word with a capital where the old one has it."""
    return new[:1].upper() + new[1:] if old[:1].isupper() else new


def _occurrences(text: str, word: str) -> Iterator[int]:
    """Where a word stands in a text, and not as a piece of another word of letters with spaces between them."""
    start = text.find(word) if word else -1
    while start >= 0:
        before, after = text[start - 1 : start], text[start + len(word) : start + len(word) + 1]
        inside = (_spaced(before) and _spaced(word[0])) or (_spaced(after) and _spaced(word[-1]))
        if not inside:
            yield start
        start = text.find(word, start + 1)


def _spaced(letter: str) -> bool:
    """Whether it is a letter or digit of a script that puts spaces between words."""
    return letter.isalnum() and not "\u2e80" <= letter <= "\uffdc"
