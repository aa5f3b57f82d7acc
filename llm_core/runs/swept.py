"""What a run of the kind "sweep" is: the same training again and again, each with another value of one or two settings;
and "range_test", one training whose learning rate grows until it is too high.

A sweep's folder holds `children/`, a plain training for every cell and seed, which opens on every page.
"""

import itertools
import math
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from llm_core.config import Config, RunConfig, network, parse, setting
from llm_core.errors import N_, UserError

Setting = Literal["training.learning_rate", "model.width", "model.layers", "data.documents"]
SETTINGS: tuple[Setting, ...] = ("training.learning_rate", "model.width", "model.layers", "data.documents")
"""What can be swept: learning rate, width, depth and size of the text."""
MOST_CELLS = 36
MOST_SEEDS = 5

_THREADS = N_("Processor threads; empty lets the program choose.")


class Axis(Config):
    """A setting and the values that it takes, each once, in any order."""

    setting: Setting
    values: Annotated[tuple[float, ...], Field(strict=False)]

    @model_validator(mode="after")
    def _check(self) -> "Axis":
        if len(self.values) < 2 or len(set(self.values)) < len(self.values):
            raise UserError("An axis needs at least two values, each once; {setting} has {values}.", setting=self.setting, values=", ".join(f"{value:g}" for value in self.values) or "-")  # fmt: skip
        if self.setting != "training.learning_rate" and any(value != int(value) for value in self.values):
            raise UserError("{setting} takes whole numbers; it is {values}.", setting=self.setting, values=", ".join(f"{value:g}" for value in self.values))  # fmt: skip
        return self

    @property
    def ordered(self) -> tuple[float, ...]:
        """The values, ascending."""
        return tuple(sorted(self.values))


class SweepConfig(Config):
    """base: the training that all cells share, its steps or seconds those of each · axes: one or two · seeds: how often
    each cell is trained, with the seeds that follow that of `base`."""

    base: RunConfig
    axes: Annotated[tuple[Axis, ...], Field(strict=False)]
    seeds: int = setting(1, N_("Seeds"), N_("How often each training is made, each time from other random weights."), ge=1, le=MOST_SEEDS)  # fmt: skip
    threads: int | None = setting(None, N_("Threads"), _THREADS, ge=1, le=256)

    @model_validator(mode="after")
    def _check(self) -> "SweepConfig":
        if len(self.axes) not in (1, 2):
            raise UserError("A sweep has one axis or two; it has {count}.", count=len(self.axes))
        if len({axis.setting for axis in self.axes}) < len(self.axes):
            raise UserError("Both axes are {setting}; choose two different settings.", setting=self.axes[0].setting)
        cells = math.prod(len(axis.values) for axis in self.axes)
        if cells > MOST_CELLS:
            raise UserError("This sweep would have {cells} cells; at most {limit} are allowed. Use fewer values.", cells=cells, limit=MOST_CELLS)  # fmt: skip
        for cell in self.cells:
            self.config(cell)
        return self

    @property
    def cells(self) -> tuple[tuple[float, ...], ...]:
        """A value on each axis, ascending, the last axis running fastest."""
        return tuple(itertools.product(*(axis.ordered for axis in self.axes)))

    @property
    def trainings(self) -> tuple[tuple[int, int], ...]:
        """The cell and the seed of every child, in the order in which they run: first all cells with the first seed."""
        return tuple((cell, seed) for seed in range(self.seeds) for cell in range(len(self.cells)))

    @property
    def extremes(self) -> tuple[RunConfig, ...]:
        """The trainings with the least and with the most of everything: what is possible for both is so for all."""
        return self.config(self.cells[0]), self.config(self.cells[-1])

    def config(self, cell: tuple[float, ...], seed: int = 0) -> RunConfig:
        """The training of a cell. Raises UserError where the values do not go together with the other settings.

        With Muon, whose matrices have a learning rate of their own, that moves in the same proportion.
        """
        values = self.base.model_dump(mode="json")
        for axis, value in zip(self.axes, cell, strict=True):
            _put(values, self.base, axis.setting, value)
        values["training"]["seed"] = (values["training"]["seed"] + seed) % 2**31
        return parse(RunConfig, values)


def _put(values: dict[str, Any], base: RunConfig, name: Setting, value: float) -> None:
    section, field = name.split(".")
    if name == "training.learning_rate":
        training = base.training
        values[section] |= {field: value}
        if training.optimizer == "muon":
            moved = training.muon_learning_rate * value / training.learning_rate
            values[section]["muon_learning_rate"] = float(f"{moved:.6g}")
        return
    part = values[section]["body"] if section == "model" and "body" in values[section] else values[section]
    if field not in part or (section == "model" and not hasattr(network(base.model), field)):
        raise UserError("This model has no setting {field}.", field=name)
    part[field] = int(value)


class RangeTestConfig(Config):
    """A learning-rate range test (Smith 2017): the rate grows from `lowest` to `highest` by the same factor every step."""

    base: RunConfig
    lowest: float = setting(1e-5, N_("Lowest learning rate"), N_("Where the test begins."), gt=0, le=10, logarithmic=True)  # fmt: skip
    highest: float = setting(3.0, N_("Highest learning rate"), N_("Where the test ends, unless the loss has run away before."), gt=0, le=10, logarithmic=True)  # fmt: skip
    steps: int = setting(150, N_("Steps"), N_("How many steps the test takes."), ge=20, le=5000, unit=N_("steps"), logarithmic=True)  # fmt: skip
    threads: int | None = setting(None, N_("Threads"), _THREADS, ge=1, le=256)

    @model_validator(mode="after")
    def _check(self) -> "RangeTestConfig":
        if self.lowest >= self.highest:
            raise UserError("lowest must be less than highest; they are {lowest} and {highest}.", lowest=self.lowest, highest=self.highest)  # fmt: skip
        if self.base.model.family == "ngram":
            raise UserError("An n-gram counts: it has no learning rate to test.")
        return self

    @property
    def extremes(self) -> tuple[RunConfig, ...]:
        """What has to be possible for it: the training itself."""
        return (self.base,)
