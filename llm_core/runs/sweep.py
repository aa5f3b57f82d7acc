"""A sweep opened: what each of its trainings has come to, which is the best, and the scaling curve through them. Knows no
torch.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from llm_core.errors import UserError
from llm_core.evaluate.scaling import Scaling, fit_scaling
from llm_core.runs import history
from llm_core.runs.history import Row
from llm_core.runs.run import Run
from llm_core.runs.swept import RangeTestConfig, SweepConfig

Points = tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class Trained:
    """One child: points (step, training loss) and looks (step, held-out loss), in nats per token; `outcome` has what it
    has come to, empty before its end."""

    cell: int
    seed: int
    run: str = ""
    state: str = "waiting"
    points: Points = ()
    looks: Points = ()
    outcome: Mapping[str, Any] = field(default_factory=dict)

    @property
    def loss(self) -> float | None:
        """Held-out loss at the end, in nats per token; None where it has not finished."""
        return _number(self.outcome.get("loss"))

    @property
    def bits(self) -> float | None:
        """The same in bits per character."""
        return _number(self.outcome.get("bits_per_character")) if self.loss is not None else None

    @property
    def floor(self) -> float | None:
        """The entropy of its text, in nats per token, where that is known."""
        return _number(self.outcome.get("floor"))


@dataclass(frozen=True)
class Sweep:
    """trained: every training that the sweep has or will have, in the order in which they run."""

    settings: SweepConfig
    trained: tuple[Trained, ...]

    @property
    def in_bits(self) -> bool:
        """Whether ends are compared in bits per character: texts of different sizes get different tokens, and nats per
        token could not be compared."""
        return any(axis.setting == "data.documents" for axis in self.settings.axes)

    def end(self, one: Trained) -> float | None:
        """How a training ended, in the unit in which this sweep compares."""
        return one.bits if self.in_bits else one.loss

    @property
    def ends(self) -> tuple[float | None, ...]:
        """The mean end of each cell over its seeds that have finished; None where none has."""
        found: list[list[float]] = [[] for _cell in self.settings.cells]
        for one in self.trained:
            if (end := self.end(one)) is not None:
                found[one.cell].append(end)
        return tuple(sum(each) / len(each) if each else None for each in found)

    @property
    def best(self) -> int | None:
        """The cell with the lowest end among those where all went well; None before one has finished."""
        broken = self.broken
        ends = [(end, cell) for cell, end in enumerate(self.ends) if end is not None and cell not in broken]
        return min(ends)[1] if ends else None

    @property
    def broken(self) -> frozenset[int]:
        """Cells of which a training diverged or failed: the mean end of the others looks better than the cell is."""
        return frozenset(one.cell for one in self.trained if one.state in ("diverged", "failed"))

    @property
    def floor(self) -> float | None:
        """The lowest end that anyone could reach, in the unit of the ends, where that is known of all trainings and is one
        number (to a hundredth)."""
        floors = []
        for one in self.trained:
            if one.loss is not None:
                if one.floor is None or (self.in_bits and one.bits is None):
                    return None
                floors.append(one.floor * ((one.bits or 0.0) / one.loss if self.in_bits else 1.0))
        return sum(floors) / len(floors) if floors and max(floors) < 1.01 * min(floors) else None


@dataclass(frozen=True)
class ScalingOf:
    """A scaling curve and what stands on its axis: "parameters" or "tokens"."""

    quantity: str
    curve: Scaling


def open_sweep(run: Run) -> SweepConfig:
    """The settings of a sweep. Raises UserError when the run is broken or no sweep."""
    if not isinstance(run.settings, SweepConfig):
        raise run.problem or UserError("Run {run} is no sweep.", run=run.id)
    return run.settings


def open_range_test(run: Run) -> RangeTestConfig:
    """The settings of a range test. Raises UserError when the run is broken or none."""
    if not isinstance(run.settings, RangeTestConfig):
        raise run.problem or UserError("Run {run} is no learning-rate range test.", run=run.id)
    return run.settings


def sweep_of(run: Run) -> Sweep:
    """What a sweep has found so far."""
    return gathered(open_sweep(run), history.records(run.folder))


def gathered(settings: SweepConfig, rows: Iterable[Row]) -> Sweep:
    """The same from the rows of its history; a broken row is left out, and what a resumed child has taken back."""
    found = {place: Trained(*place) for place in settings.trainings}
    for row in rows:
        cell, seed = row.get("cell"), row.get("seed")
        place = (cell, seed) if isinstance(cell, int) and isinstance(seed, int) else (-1, -1)
        one = found.get(place)
        if one is None:
            continue
        at, loss, kind = row.get("at"), _number(row.get("loss")), row.get("kind")
        if kind == "cell" and row.get("state") == "running" and type(at) is int:
            points, looks = (tuple(point for point in before if point[0] <= at) for before in (one.points, one.looks))
            one = replace(one, run=str(row.get("run", "")), state="running", outcome={}, points=points, looks=looks)
        elif kind == "cell" and isinstance(row.get("state"), str):
            one = replace(one, run=str(row.get("run", "")), state=row["state"], outcome=row)
        elif kind == "point" and type(at) is int and loss is not None:
            one = replace(one, points=(*one.points, (at, loss)))
        elif kind == "look" and type(at) is int and loss is not None:
            one = replace(one, looks=(*one.looks, (at, loss)))
        found[place] = one
    return Sweep(settings, tuple(found.values()))


def scaling_of(sweep: Sweep) -> ScalingOf:
    """The scaling curve over the number of parameters where width or depth was swept, else over the tokens of the text. Of
    cells that differ in something else, as in learning rate, the best counts, of broken cells none. Raises UserError where there is none."""
    names = [axis.setting for axis in sweep.settings.axes]
    sizes = [at for at, name in enumerate(names) if name in ("model.width", "model.layers")]
    quantity = "parameters" if sizes else "tokens"
    sizes = sizes or [at for at, name in enumerate(names) if name == "data.documents"]
    if not sizes:
        raise UserError("A scaling curve needs a sweep over width, depth or the size of the text.")
    best: dict[tuple[float, ...], float] = {}
    known: dict[tuple[float, ...], float] = {}
    broken = sweep.broken
    for cell, end in enumerate(sweep.ends):
        if end is not None and cell not in broken:
            key = tuple(sweep.settings.cells[cell][at] for at in sizes)
            best[key] = min(end, best.get(key, math.inf))
    for one in sweep.trained:
        size = _number(one.outcome.get(quantity))
        if size is not None:
            known[tuple(sweep.settings.cells[one.cell][at] for at in sizes)] = size
    keys = [key for key in best if key in known]
    return ScalingOf(quantity, _fitted(tuple(known[key] for key in keys), tuple(best[key] for key in keys)))


@lru_cache(64)
def _fitted(sizes: tuple[float, ...], losses: tuple[float, ...]) -> Scaling:
    """A fit takes hundredths of a second, and many browsers ask for the same one."""
    return fit_scaling(sizes, losses)


def _number(value: object) -> float | None:
    return (
        float(value)
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        else None
    )
