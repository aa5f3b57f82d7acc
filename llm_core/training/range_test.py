"""The learning-rate range test: one short training whose learning rate grows from step to step until the loss runs away.

Smith 2017, "Cyclical Learning Rates for Training Neural Networks", section 3.3; growing by the same factor every step, and
stopping when the smoothed loss is four times its best, are Howard's and Gugger's (fastai).
"""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass

from llm_core.config import RunConfig
from llm_core.data.prepare import TokenizedCorpus
from llm_core.training.loop import Clock, train
from llm_core.training.records import Finish, Snapshot, Step
from llm_core.training.state import TrainingState

AWAY = 4.0
"""Times its best that the smoothed loss may be."""
_MEMORY = 0.9


@dataclass(frozen=True, slots=True)
class Rate:
    """A step at one learning rate. loss: in nats per token, before the update; smoothed: an exponential mean over about ten
    steps, corrected for its start."""

    step: int
    learning_rate: float
    loss: float
    smoothed: float
    seconds: float


def range_test(
    config: RunConfig,
    corpus: TokenizedCorpus,
    lowest: float,
    highest: float,
    steps: int,
    clock: Clock = time.monotonic,
) -> Iterator[Rate]:
    """Train at rates from `lowest` to `highest`, the same factor apart; ends early where the loss runs away or is no number.

    With Muon the rate of its matrices moves in the same proportion. There is no warm-up and no schedule.
    """
    training = config.training.model_copy(
        update={
            "steps": steps + 1, "seconds": None, "schedule": "constant", "warmup": 0.0,
            # Nothing but the first look, which every training has.
            "evaluation_every": steps + 2, "sample_every": steps + 2, "checkpoint_every": steps + 2, "evaluation_tokens": 2,
        }
    )  # fmt: skip
    state: TrainingState | None = None
    best, mean = math.inf, 0.0
    for record in train(config.model_copy(update={"training": training}), corpus, None, clock):
        if isinstance(record, Snapshot) and state is None:
            state = record.state
            _set(state, lowest / training.learning_rate)
        if isinstance(record, Finish) or state is None:
            return
        if not isinstance(record, Step):
            continue
        rate = lowest * (highest / lowest) ** ((record.step - 1) / max(1, steps - 1))
        mean = _MEMORY * mean + (1 - _MEMORY) * record.loss
        smoothed = mean / (1 - _MEMORY**record.step)
        best = min(best, smoothed)
        yield Rate(record.step, rate, record.loss, smoothed, record.seconds)
        if record.step >= steps or smoothed > AWAY * best:
            return
        _set(state, lowest * (highest / lowest) ** (record.step / max(1, steps - 1)) / training.learning_rate)


def _set(state: TrainingState, share: float) -> None:
    """Have the next steps learn at this share of the rates in the settings."""
    for optimizer in state.optimizers:
        for group in optimizer.param_groups:
            usual = group.setdefault("usual_lr", group["base_lr"])
            group["base_lr"] = usual * share
