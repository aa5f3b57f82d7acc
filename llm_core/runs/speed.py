"""How fast this machine trains: what was measured on it, and what finished runs have taken, in `.speed.json`.

The time of any work is a sum of what its arithmetic, its traffic with memory and its calls cost, whose three prices are
fitted to what was measured (least squares of the relative error, no price below zero). What was measured of similar
work then corrects the sum. Knows no torch.
"""

import functools
import itertools
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from llm_core.devices import DeviceName, physical_cores
from llm_core.models.work import Work
from llm_core.runs.files import read_object, replace_json
from llm_core.runs.locks import Lock

FILE = ".speed.json"
LOCK = ".speed.lock"
FORMAT = 2
MOST_RUNS = 40
"""Finished runs that are remembered, the newest ones."""
Part = Literal["step", "evaluation", "sample", "snapshot"]
Prices = tuple[float, float, float]

_USUAL: dict[Part, Prices] = dict.fromkeys(get_args(Part), (2e-11, 4e-10, 8e-6))
"""Seconds of an operation, a number and a call on some laptop, for a machine that has not been measured."""
_USUAL_RATE = 4e-6
_OTHER_KIND = 2.0
_DOUBT = 0.05
_RUN_COUNTS = 3.0


@dataclass(frozen=True)
class Point:
    """`seconds` that `work` took once. `kind`: of the model and what it learns, as `kind_of` says it. `run`: the id of the
    finished run that it comes from, empty for a measurement. `device`: the kind of device that did it, as torch names it."""

    part: Part
    kind: str
    threads: int
    work: Work
    seconds: float
    run: str = ""
    device: str = "cpu"


@dataclass(frozen=True)
class Speed:
    """What is known of this machine. `rates`: seconds a token by what is done with a text: `prepare <kind of text>`,
    `count`. `resident`: bytes that a worker takes before it has a model. `measured`: whether anything is known.
    `device`: the kind of device that trains where nobody names one."""

    points: tuple[Point, ...] = ()
    rates: Mapping[str, float] = field(default_factory=dict)
    resident: int = 480_000_000
    measured: bool = False
    device: str = "cpu"

    def on(self, name: DeviceName) -> "Speed":
        """What is known of one device. Of a device that was not measured, the times are a guess from the others."""
        device = self.device if name == "auto" else name
        mine = tuple(point for point in self.points if point.device == device)
        known = self.measured and (device == "cpu" or bool(mine))
        return replace(self, points=mine or self.points, measured=known, device=device)

    def seconds(self, part: Part, kind: str, work: Work, threads: int) -> float:
        """How long it takes to do this work once."""
        prices = _prices(part, self._of(part, threads))
        fitted = _time(prices, work)
        total = weights = 0.0
        for point in self._of(part, threads):
            distance = _distance(point.work, work) + (_OTHER_KIND if point.kind != kind else 0.0)
            weight = math.exp(-(distance**2) / 2) * (_RUN_COUNTS if point.run else 1.0)
            total += weight * math.log(point.seconds / _time(prices, point.work))
            weights += weight
        return fitted * math.exp(total / (weights + _DOUBT))

    def doubt(self, kind: str, work: Work, threads: int) -> float:
        """By what share an update may take longer or shorter: the less, the more alike it is to what has been measured."""
        near = [
            _distance(point.work, work) + (_OTHER_KIND if point.kind != kind else 0.0)
            for point in self._of("step", threads)
        ]
        return min(1.0, 0.12 + 0.08 * min(near, default=99.0)) if self.measured else 1.0

    def rate(self, name: str) -> float:
        """Seconds a token."""
        return self.rates.get(name, self.rates.get("prepare grammar", _USUAL_RATE))

    def _of(self, part: Part, threads: int) -> tuple[Point, ...]:
        """The points that say something of so many threads: those with as many, or all where there is none."""
        mine = tuple(point for point in self.points if point.part == part)
        return tuple(point for point in mine if point.threads == threads) or mine


def kind_of(model: Any, objective: str) -> str:
    """What decides, beside its size, how well a model uses a processor."""
    return f"{getattr(model, 'architecture', model.family)} {objective}"


def _time(prices: Prices, work: Work) -> float:
    return max(1e-9, prices[0] * work.operations + prices[1] * work.numbers + prices[2] * work.calls)


def _distance(one: Work, other: Work) -> float:
    """How unlike two works are: e times as much of everything is 1 away."""
    pairs = ((one.operations, other.operations), (one.numbers, other.numbers), (one.calls, other.calls))
    return sum(abs(math.log((a + 1) / (b + 1))) for a, b in pairs) / 3


@functools.lru_cache(maxsize=64)
def _prices(part: Part, points: tuple[Point, ...]) -> Prices:
    """Prices that are not negative, with the smallest squared relative error: the best of all that leave some out."""
    if len(points) < 3:
        return _USUAL[part]
    rows = np.array([(p.work.operations, p.work.numbers, p.work.calls) for p in points]) / [[p.seconds] for p in points]
    size = np.maximum(rows.max(axis=0), 1e-30)
    best: NDArray[np.float64] = np.zeros(3)
    least = math.inf
    for used in itertools.chain.from_iterable(itertools.combinations(range(3), n) for n in (1, 2, 3)):
        columns = list(used)
        found = np.linalg.lstsq(rows[:, columns] / size[columns], np.ones(len(points)), rcond=None)[0]
        error = float(np.square(rows[:, columns] / size[columns] @ found - 1).sum())
        if (found >= 0).all() and error < least:
            least = error
            best = np.zeros(3)
            best[columns] = found / size[columns]
    operation, number, call = best.tolist()
    return operation, number, call


# ---- the file


def read_speed(root: Path) -> Speed:
    """What is known of this machine; nothing where it has not been measured, or not with this torch."""
    path = root / FILE
    try:
        return _read(path, path.stat().st_mtime_ns)
    except OSError:
        return Speed()


@functools.lru_cache(maxsize=8)
def _read(path: Path, _written: int) -> Speed:
    values = read_object(path) or {}
    if values.get("format") != FORMAT or values.get("machine") != machine():
        return Speed()
    try:
        points = tuple(_point(each) for each in values["points"])
        rates = {str(name): float(rate) for name, rate in values["rates"].items() if 0 < float(rate) < 1}
        return Speed(points, rates, int(values["resident"]), measured=True, device=str(values["device"]))
    except (KeyError, TypeError, ValueError, AttributeError):
        return Speed()


def _point(values: Mapping[str, Any]) -> Point:
    operations, numbers, calls = (float(number) for number in values["work"])
    work = Work(operations, numbers, calls)
    seconds = float(values["seconds"])
    if values["part"] not in get_args(Part) or not (0 < seconds < math.inf):
        raise ValueError("no point")
    return Point(
        values["part"], str(values["kind"]), int(values["threads"]), work, seconds, str(values["run"]), str(values["device"])
    )  # fmt: skip


def write_speed(root: Path, speed: Speed) -> None:
    """Keep what is known. Raises OSError where it cannot be written."""
    points = [
        {
            "part": p.part, "kind": p.kind, "threads": p.threads, "seconds": p.seconds, "run": p.run, "device": p.device,
            "work": [p.work.operations, p.work.numbers, p.work.calls],
        }
        for p in speed.points
    ]  # fmt: skip
    values = {"format": FORMAT, "machine": machine(), "points": points, "rates": dict(speed.rates), "resident": speed.resident, "device": speed.device}  # fmt: skip
    replace_json(root / FILE, values)


def add_points(root: Path, points: Iterable[Point]) -> None:
    """Remember what a finished run has taken, where the machine has been measured. Raises OSError."""
    if not read_speed(root).measured:
        return
    with Lock(root / LOCK) as lock:
        if not lock.acquire(timeout=1.0):
            return  # somebody measures anew
        known = read_speed(root)
        fresh = list(points)
        kept = [point for point in known.points if point.run not in {new.run for new in fresh}]
        runs = [point for point in kept if point.run][-MOST_RUNS:]
        measured = [point for point in kept if not point.run]
        write_speed(root, replace(known, points=(*measured, *runs, *fresh)))


def machine() -> dict[str, Any]:
    """What the figures hold for."""
    try:
        torch = version("torch")
    except PackageNotFoundError:
        torch = ""
    return {"cores": physical_cores(), "torch": torch}
