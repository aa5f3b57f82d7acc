"""What a run of the kind "head_scores" is: the attention heads of another run's model, scored at every step it kept."""

from llm_core.config import Config, setting
from llm_core.errors import N_


class HeadScoresConfig(Config):
    """run: the id of that run, or the name of a bundled model."""

    run: str
    texts: int = setting(500, N_("Texts"), N_("Over how many texts each score is taken; few leave wide intervals."), ge=2, le=10_000, unit=N_("texts"), logarithmic=True)  # fmt: skip
    seed: int = setting(0, N_("Seed"), N_("The same seed draws the same texts."), ge=0, le=2**31 - 1)
