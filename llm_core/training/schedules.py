"""The learning rate over a run, as a factor of the highest: functions of progress, not of steps or seconds.

Progress u goes from 0 at the start to 1 at the end, whether a run is measured in steps or in seconds, so that one
schedule serves both.
"""

import math

from llm_core.config import TrainingConfig


def factor(config: TrainingConfig, progress: float) -> float:
    """What the learning rate is multiplied with at this progress (0 to 1): a warm-up and then the schedule's shape.

    The warm-up is linear. `constant` stays at 1, `linear` and `cosine` fall from the warm-up's end to
    `final_learning_rate`, `warmup_stable_decay` stays at 1 and falls linearly over the last `decay` of the run
    (Hu et al. 2024, MiniCPM); where its decay begins before the warm-up ends, both apply.
    """
    progress = min(max(progress, 0.0), 1.0)
    rise = min(1.0, progress / config.warmup) if config.warmup > 0 else 1.0
    return rise * _fall(config, progress)


def _fall(config: TrainingConfig, progress: float) -> float:
    lowest = config.final_learning_rate
    after_warmup = max(0.0, progress - config.warmup) / (1 - config.warmup) if config.warmup < 1 else 0.0
    match config.schedule:
        case "constant":
            return 1.0
        case "linear":
            return 1 - (1 - lowest) * after_warmup
        case "cosine":
            return lowest + (1 - lowest) * 0.5 * (1 + math.cos(math.pi * after_warmup))
        case "warmup_stable_decay":
            left = (1 - progress) / config.decay if config.decay > 0 else 1.0
            return lowest + (1 - lowest) * min(1.0, left)
