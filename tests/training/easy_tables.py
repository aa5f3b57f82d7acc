"""Small labelled tables whose classes a word tells, and a clock that only counts how often it is asked."""

import numpy as np

from llm_core.data.labelled import Labelled
from llm_core.interpret.outcome import outcome
from llm_core.training.classifiers.base import Family, FitOptions
from llm_core.training.classifiers.budget import Budget
from llm_core.training.classifiers.families import FAMILIES
from llm_core.training.classifiers.network import TextNetworkFamily
from llm_core.training.classifiers.network_training import Settings
from llm_core.training.classifiers.preparing import Documents, read_documents

GOOD, BAD = ("good", "lovely", "great", "好吃", "喜欢"), ("bad", "awful", "poor", "难吃", "讨厌")
FILLING = ("the film was", "a story that is", "we found it", "这家店", "外卖", "and so on", "my friend said it is")


def easy(count: int = 120, seed: int = 0, names: tuple[str, ...] = ("no", "yes")) -> Labelled:
    """Texts in two languages, half of them with a good word and half with a bad one."""
    random = np.random.default_rng(seed)
    texts, labels = [], []
    for number in range(count):
        label = number % 2
        word = random.choice((BAD, GOOD)[label])
        before, after = random.choice(FILLING, 2)
        texts.append(f"{before} {word} {after} {random.integers(100)}")
        labels.append(label)
    return Labelled(tuple(texts), np.array(labels, dtype=np.int64), names, tuple(range(2, count + 2)))


class Ticks:
    """A clock that goes on by `tick` seconds each time it is read."""

    def __init__(self, tick: float = 1e-4) -> None:
        self.now, self._tick = 0.0, tick

    def __call__(self) -> float:
        self.now += self._tick
        return self.now


def read_all(training: Labelled, options: FitOptions = FitOptions()) -> Documents[str]:
    """The texts as a family reads them that has all the time it wants."""
    return outcome(read_documents(training, str, Budget(60, Ticks()), 0, options, 1000, 1.0))


CONTEXT = 24
"""Words that the small networks read in one pass."""
_SMALL = Settings(
    width=16, columns=3, vectors=2000, context=CONTEXT, epochs=(3.0,), members=2, least_steps=30, rate=5e-3
)
QUICK: dict[str, Family] = {
    **FAMILIES,
    "lstm": TextNetworkFamily("lstm", FAMILIES["lstm"].title, _SMALL),
    "transformer": TextNetworkFamily("transformer", FAMILIES["transformer"].title, _SMALL),
}
"""All families; of the networks two small ones that take few steps."""
