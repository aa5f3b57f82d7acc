"""What a run of the kind "pretraining" is: the bundled encoder against the same network from random weights, on words that
were never labelled."""

from typing import Annotated, Literal

from pydantic import Field

from llm_core.config import Config, setting
from llm_core.errors import N_

STARTS = ("pretrained", "random", "tfidf")
"""What each classifier begins from; the last is no network."""

Language = Literal["en", "zh"]


class PretrainingConfig(Config):
    """Every start learns from other labelled reviews at each seed, and is tested on the same ones."""

    languages: Annotated[tuple[Language, ...], Field(strict=False, min_length=1)] = ("en", "zh")
    seeds: int = setting(5, N_("Seeds"), N_("How often each learns, from other labelled texts and other random numbers."), ge=1, le=20)  # fmt: skip
    labelled: int = setting(100, N_("Labelled texts"), N_("How many labelled texts each learns from."), ge=10, le=1_000)  # fmt: skip
    tested: int = setting(500, N_("Test texts"), N_("How many texts each is tested on."), ge=10, le=5_000)
    threads: int | None = setting(None, N_("Threads"), N_("Processor threads; empty lets the program choose."), ge=1, le=256)  # fmt: skip
