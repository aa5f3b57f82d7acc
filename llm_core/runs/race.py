"""What a run of the kind "race" is: families of classifiers on one split of one table; and "classify", one of them.

A race's folder holds `split.json` and `children/`, a run folder of the kind "classify" for every lane: every family, and
where copies are added to the training texts each family once more without them, so that what they are worth is seen.
"""

from typing import Annotated, Literal, cast

from pydantic import Field, model_validator

from llm_core.config import Config, TableConfig, setting
from llm_core.errors import N_, UserError
from llm_core.inference.classifiers.base import LOADERS

FAMILIES = tuple(LOADERS)
"""The names of all families, in the order in which they run: the quickest first."""

Family = Literal[
    "majority", "tfidf_logistic_regression", "decision_tree", "bag_of_ngrams", "lstm", "transformer",
    "encoder_finetuned", "encoder_head_only", "encoder_lora",
]  # fmt: skip
Augmentation = Literal["none", "deletion", "swap", "synonyms"]
WITHOUT = ".none"
"""What the lane of a family that runs once more, without augmentation, has behind the family's name."""
LongTexts = Literal["truncate", "window", "head_tail"]

_SECONDS = N_("Seconds")
_SEED = N_("The same seed splits the table the same way and starts every family the same.")


class RaceConfig(Config):
    """per_family: `seconds` is for each family to learn, as on the command line, and not for the whole race."""

    table: TableConfig
    families: Annotated[tuple[Family, ...], Field(strict=False)] = FAMILIES  # type: ignore[assignment]
    seconds: float = setting(60.0, N_("Time"), N_("Divided among the families; what the quick ones leave, the others take."), ge=1, le=36_000, unit=N_("seconds"), logarithmic=True)  # fmt: skip
    per_family: bool = False
    seed: int = setting(0, N_("Seed"), _SEED, ge=0, le=2**31 - 1)
    folds: int | None = setting(None, N_("Folds"), N_("Fit every family this many times more, each time scored on another part of the training texts: mean and spread. Takes that many times as long."), ge=2, le=10)  # fmt: skip
    augmentation: Augmentation = setting("none", N_("Augmentation"), N_("What is added to the training texts: copies with words left out, swapped, or replaced by words of the same meaning. Each family that learns from them runs once more without, to compare; the time is divided among all."))  # fmt: skip
    long_texts: LongTexts = setting("truncate", N_("Long texts"), N_("What a network reads of a text that is longer than it can take: the beginning, all of it in windows, or the beginning and the end."))  # fmt: skip
    encoder: str | None = setting(None, N_("Encoder"), N_("The pre-trained model that is fine-tuned; empty takes the one that comes with the program."))  # fmt: skip
    threads: int | None = setting(None, N_("Threads"), N_("Processor threads; empty lets the program choose."), ge=1, le=256)  # fmt: skip

    @model_validator(mode="after")
    def _check(self) -> "RaceConfig":
        if not self.families:
            raise UserError("A race needs at least one family; choose among {known}.", known=", ".join(FAMILIES))
        if len(set(self.families)) < len(self.families):
            raise UserError("Each family runs once: {families} names one twice.", families=", ".join(self.families))
        return self

    @property
    def order(self) -> tuple[Family, ...]:
        """The families in the order in which they run, whatever the order in which they were named."""
        return tuple(family for family in FAMILIES if family in self.families)

    @property
    def lanes(self) -> tuple[str, ...]:
        """Who runs, in order: the families and, where texts are augmented, right behind each that learns from the texts
        the same one without."""
        compared = () if self.augmentation == "none" else tuple(name for name in self.order if name != "majority")
        return tuple(lane for name in self.order for lane in (name, *((name + WITHOUT,) if name in compared else ())))


class ClassifyConfig(Config):
    """One family on the split of a race, or on a share of its training part, as for a curve against data size.

    race: the id of the race, in whose folder this run stands · augmentation: in place of that of the race.
    """

    race: str
    family: Family
    seconds: float = setting(60.0, _SECONDS, N_("How long it may learn."), gt=0, le=36_000, unit=N_("seconds"))
    seed: int = setting(0, N_("Seed"), _SEED, ge=0, le=2**31 - 1)
    share: float = setting(1.0, N_("Share"), N_("How much of the training part it learns from."), gt=0, le=1)
    augmentation: Augmentation | None = None
    threads: int | None = setting(None, N_("Threads"), N_("Processor threads; empty lets the program choose."), ge=1, le=256)  # fmt: skip

    @property
    def lane(self) -> str:
        """The lane of the race that it runs in."""
        return self.family + WITHOUT if self.augmentation == "none" else self.family


def family_of(lane: str) -> Family:
    """The family that runs in a lane."""
    return cast(Family, lane.removesuffix(WITHOUT))
