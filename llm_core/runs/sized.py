"""What a run of the kind "data_sizes" is: families of a race, fitted again on shares of its training part."""

from typing import Annotated

from pydantic import Field

from llm_core.config import Config, setting
from llm_core.errors import N_
from llm_core.runs.race import Family

Share = Annotated[float, Field(gt=0, lt=1)]


class DataSizesConfig(Config):
    """race: the id of the race, or the name of a bundled one. Each family gets as long for a share as it took for all."""

    race: str
    families: Annotated[tuple[Family, ...], Field(strict=False, min_length=1)]
    shares: Annotated[tuple[Share, ...], Field(strict=False, min_length=1)] = (0.02, 0.05, 0.1, 0.25, 0.5)
    seed: int = setting(0, N_("Seed"), N_("The same seed draws the same texts."), ge=0, le=2**31 - 1)
    threads: int | None = setting(None, N_("Threads"), N_("Processor threads; empty lets the program choose."), ge=1, le=256)  # fmt: skip
