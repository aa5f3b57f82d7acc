"""What a model loses above the perfect predictor, story by story. Never trains.

Stories differ far more in how likely they are than models in how well they predict them: paired on the same stories,
the difference is known a hundred times better than either loss.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llm_core.data.batches import Tokens
from llm_core.data.tokenizers import Tokenizer
from llm_core.evaluate.rows import Row, row_nats
from llm_core.models.base import Model


@dataclass(frozen=True)
class Excess:
    """Mean nats a story that a model loses above -log P, with the standard error of that mean over the stories.

    Its expectation is the Kullback-Leibler divergence from the grammar to the model, which is never below 0.
    """

    mean: float
    error: float
    stories: int

    @property
    def interval(self) -> tuple[float, float]:
        """95 % confidence, by the normal approximation."""
        return self.mean - 1.96 * self.error, self.mean + 1.96 * self.error


def excess_per_story(model: Model, stories: Sequence[Row], nats: NDArray[np.float64]) -> Excess:
    """Paired over stories given as tokens (without the signs around them) and their exact -log P (stories,)."""
    end = [Tokenizer.end_of_text]
    lost = row_nats(model, [np.concatenate((end, story, end)) for story in stories])
    above = lost - np.asarray(nats, dtype=np.float64)
    count = len(above)
    error = float(above.std(ddof=1)) / math.sqrt(count) if count > 1 else math.inf
    return Excess(float(above.mean()), error, count)


def split_stories(tokens: Tokens) -> list[Tokens]:
    """A token stream, a sign before each story, as the tokens of each story alone."""
    ids = np.asarray(tokens)
    return [part[1:] for part in np.split(ids, np.flatnonzero(ids == Tokenizer.end_of_text)[1:])]
