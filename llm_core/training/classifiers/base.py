"""What every family of classifiers can do: learn from labelled texts within a stated time, and say how it goes.

A family is fitted by a generator of records, as models are trained: `Progress` now and then, `Fitted` last. Closing the
generator stops it.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from llm_core.data.long_texts import LongTexts
from llm_core.data.synonyms import Synonyms
from llm_core.inference.classifiers.base import Classifier

if TYPE_CHECKING:
    from llm_core.data.labelled import Labelled


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a family has come. `share` of its time or work is done; what it cannot know is None.

    loss: of what was just trained on, nats a text · inner_loss, inner_accuracy: on texts held out of the training part.
    """

    seconds: float
    share: float
    step: int
    epoch: float
    loss: float | None = None
    inner_loss: float | None = None
    inner_accuracy: float | None = None


@dataclass(frozen=True, slots=True)
class Fitted:
    """The end: the classifier, the seconds it took, and the settings that the inner split chose."""

    classifier: Classifier
    seconds: float
    chosen: dict[str, float | int | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FitOptions:
    """What a person may choose for all families: see `llm_core.data.augmentation` for the first two.

    `long_texts` says what a network reads of a text that is longer than it can take.
    """

    augmentation: str = "none"
    synonyms: Synonyms = ()
    long_texts: LongTexts = "truncate"


class Family(ABC):
    """One way to learn a classifier."""

    name: str
    """The key in results: see DESIGN, "Command line"."""
    title: str
    """What a person reads, a template for translation."""
    neural: bool
    """Whether it counts as a neural network that reads text in order."""

    @abstractmethod
    def fit(
        self,
        training: "Labelled",
        *,
        seconds: float,
        seed: int,
        options: FitOptions = FitOptions(),
        clock: Callable[[], float] = time.monotonic,
    ) -> Iterator[Progress | Fitted]:
        """Learn from the training part alone: `Progress` about twice a second where it can, `Fitted` last.

        Ends within `seconds` of the clock (and a twentieth more), the preparation of the texts included. The same seed
        gives the same classifier where time does not cut it short.
        """
