"""From labelled texts to what a family learns from, within a share of its time.

Texts are read in random order, one of each class first: where the time is too short for all of them, the others are left
out, and a table of any size ends in time.
"""

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from llm_core.data.augmentation import augment
from llm_core.data.splits import groups_of
from llm_core.inference.classifiers.counting import LONGEST
from llm_core.training.classifiers.base import FitOptions, Progress
from llm_core.training.classifiers.budget import Budget

if TYPE_CHECKING:
    from llm_core.data.labelled import Labelled

_LOOKED_AT = 64
"""Texts between two looks at the clock."""
_GROUPED = 2_000
"""Characters by which texts are held to be alike."""

Ids = NDArray[np.int64]
T = TypeVar("T")


@dataclass(frozen=True)
class Documents(Generic[T]):
    """What was read: one `items[i]` for each text or augmented copy of one.

    labels (N,) · groups (N,): the same number for texts that are alike, which must not stand on both sides of a split; a
    copy has the number of its text · originals (N,): false for copies.
    """

    items: list[T]
    labels: Ids
    groups: Ids
    originals: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.items)

    def first(self, count: int) -> "Documents[T]":
        """So many of them; they stand in random order."""
        return Documents(self.items[:count], self.labels[:count], self.groups[:count], self.originals[:count])


def read_documents(
    training: "Labelled",
    read: Callable[[str], T],
    budget: Budget,
    seed: int,
    options: FitOptions,
    longest: int,
    share: float,
) -> Generator[Progress, None, Documents[T]]:
    """`read` of the first `longest` characters of each text: yields `Progress` now and then, returns the documents.

    share: of the time, after which no further text is read.
    """
    random = np.random.default_rng([seed, 1])
    order = _one_of_each_first(training.labels, random)
    items: list[T] = []
    chosen: list[int] = []
    originals: list[bool] = []
    told = budget.elapsed
    classes = len(np.unique(training.labels))
    for count, place in enumerate(order.tolist()):
        if count >= classes and count % _LOOKED_AT == 0:
            if budget.share > share:
                break
            if budget.elapsed - told > 0.5:
                told = budget.elapsed
                yield Progress(budget.elapsed, budget.share, 0, 0.0)
        for version, text in enumerate(_versions(training.texts[place][:longest], options, random)):
            items.append(read(text))
            chosen.append(place)
            originals.append(version == 0)
    # By the place of the text, not by the copy's own words.
    groups = groups_of([training.texts[place][:_GROUPED] for place in chosen])
    return Documents(items, training.labels[chosen], groups, np.array(originals))


def _versions(text: str, options: FitOptions, random: np.random.Generator) -> Iterator[str]:
    """The text, and with augmentation a copy that differs from it; of long texts none, of which there is enough."""
    yield text
    if options.augmentation != "none" and len(text) <= LONGEST:
        copy = augment(text, options.augmentation, random, options.synonyms)
        if copy != text:
            yield copy


def _one_of_each_first(labels: Ids, random: np.random.Generator) -> Ids:
    order = random.permutation(len(labels))
    _, first = np.unique(labels[order], return_index=True)
    return np.concatenate((order[np.sort(first)], np.delete(order, first)))
