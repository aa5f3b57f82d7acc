"""What one student of a class may use: looked at before a run is made or started. A teacher has no limits.

How many runs of a person work at the same time is no reason to refuse one: the queue gives it its turn later.
"""

import math
import re
from collections.abc import Callable, Iterable
from pathlib import Path

from llm_core.config import Config, NgramConfig, RunConfig, TaskConfig, with_vocabulary_size
from llm_core.errors import UserError
from llm_core.models.size import count_parameters
from llm_core.runs import classroom
from llm_core.runs.classroom import Limits
from llm_core.runs.files import read_object, size_of
from llm_core.runs.listing import Listing
from llm_core.runs.pretrained import PretrainingConfig
from llm_core.runs.queue import Entry
from llm_core.runs.race import ClassifyConfig, RaceConfig
from llm_core.runs.sized import DataSizesConfig
from llm_core.runs.swept import RangeTestConfig, SweepConfig

MEGABYTE = 1_000_000
_BROUGHT = re.compile(r"imported[/\\]+([0-9a-f]{32})[/\\]")
_DIGEST = re.compile(r"[0-9a-f]{8,64}")


def refuse_new(root: Path, owner: str, config: Config, line: Iterable[Entry], *listings: Listing) -> None:
    """Raises UserError where this owner may make no such run now. `line`: what the queue holds of its kind,
    `listings`: where runs take room."""
    limits = _allowed(root, owner)
    if limits is None:
        return
    refuse_large(config, limits)
    refuse_many(owner, line, limits)
    refuse_full(taken(owner, *listings), limits)


def refuse_room(root: Path, owner: str, *listings: Listing) -> None:
    """Raises UserError where the runs of this owner take as much room as they may."""
    found = classroom.read(root)
    limits = None if found is None else found.limits_of(owner)
    if limits is not None:
        refuse_full(taken(owner, *listings), limits)


def refuse_start(root: Path, owner: str, line: Iterable[Entry]) -> None:
    """Raises UserError where no run of this owner may begin or go on now. `line`: what the queue holds of its kind."""
    limits = _allowed(root, owner)
    if limits is not None:
        refuse_many(owner, line, limits)


def _allowed(root: Path, owner: str) -> Limits | None:
    """What this owner may use, None for everything. Raises UserError where the teacher lets nothing new begin."""
    found = classroom.read(root)
    if found is None:
        return None
    if found.frozen_for(owner):
        raise UserError("No new runs for now: the teacher has paused them for the whole class. Runs under way go on.")
    return found.limits_of(owner)


def refuse_large(config: Config, limits: Limits) -> None:
    """Raises UserError for settings of any kind of run that ask for more than one person may have."""
    for each in (config,) if isinstance(config, RunConfig) else getattr(config, "extremes", ()):
        count = largest(each)
        if count > limits.parameters:
            raise UserError(
                "This model would have up to {count:,} parameters; in this class at most {limit:,} are allowed. "
                "Use fewer layers, a smaller width or a smaller vocabulary.",
                count=count, limit=limits.parameters,
            )  # fmt: skip
    steps, seconds = length(config)
    if steps > limits.steps and isinstance(config, SweepConfig):
        raise UserError(
            "The {trainings} trainings of this sweep would take {count:,} steps together; in this class at most {limit:,} are "
            "allowed. Use fewer values or fewer steps.",
            trainings=len(config.trainings), count=steps, limit=limits.steps,
        )  # fmt: skip
    if steps > limits.steps:
        raise UserError(
            "This training would take {count:,} steps; in this class at most {limit:,} are allowed. Use fewer steps.",
            count=steps, limit=limits.steps,
        )  # fmt: skip
    if seconds > limits.seconds:
        raise UserError(
            "This run may take {count:,} seconds in all; in this class at most {limit:,} are allowed. Give it less time.",
            count=math.ceil(seconds), limit=limits.seconds,
        )  # fmt: skip
    usual = _USUAL.get(type(config), math.inf)
    if _fits(config) > usual:
        raise UserError("This measurement is longer than the usual one; in this class only the teacher may make it.")


def length(config: Config) -> tuple[int, float]:
    """How many steps a run may take, and how many seconds where its end is a time; with all the trainings of a sweep, and
    all the fits of a race."""
    if isinstance(config, RunConfig):
        training = config.training
        if isinstance(config.model, NgramConfig):
            return 0, 0.0
        return (training.steps, 0.0) if training.seconds is None else (0, training.seconds)
    if isinstance(config, SweepConfig):
        steps, seconds = length(config.base)
        return steps * len(config.trainings), seconds * len(config.trainings)
    if isinstance(config, RangeTestConfig):
        return config.steps, 0.0
    if isinstance(config, RaceConfig):
        fits = (1 + (config.folds or 0)) * (len(config.lanes) if config.per_family else 1)
        return 0, config.seconds * fits
    return (0, config.seconds) if isinstance(config, ClassifyConfig) else (0, 0.0)


def _fits(config: Config) -> int:
    """How much a measurement learns whose size no page lets anybody choose."""
    if isinstance(config, PretrainingConfig):
        return len(config.languages) * config.seeds * (config.labelled + config.tested)
    return len(config.shares) if isinstance(config, DataSizesConfig) else 0


_USUAL: dict[type[Config], int] = {
    PretrainingConfig: _fits(PretrainingConfig()),
    DataSizesConfig: len(DataSizesConfig.model_fields["shares"].default),
}


def largest(config: RunConfig) -> int:
    """How many parameters the model can come to have: a small text gives fewer tokens than the vocabulary may hold."""
    model = config.model
    if isinstance(model, TaskConfig):
        model = model.model_copy(update={"labels": model.labels or 1})
    return count_parameters(with_vocabulary_size(model, model.vocabulary_size or config.data.vocabulary_size))


def refuse_many(owner: str, line: Iterable[Entry], limits: Limits) -> None:
    """Raises UserError where as many runs of this owner are under way or wait as may."""
    own = [entry for entry in line if entry.owner == owner]
    waiting = sum(entry.given is None for entry in own)
    working = len(own) - waiting
    if len(own) >= limits.running + limits.waiting:
        raise UserError(
            "Of your runs {working} are under way and {waiting} wait; in this class at most {running} may work and {limit} wait. "
            "Stop one of them, or start this one when one has finished.",
            working=working, waiting=waiting, running=limits.running, limit=limits.waiting,
        )  # fmt: skip


def refuse_full(size: int, limits: Limits) -> None:
    """Raises UserError where the runs of one owner, in bytes, take as much room as they may."""
    if size >= limits.megabytes * MEGABYTE:
        raise UserError(
            "Your runs take {size:,} MB; in this class at most {limit:,} MB are allowed. "
            "Delete runs that you do not need on the page Runs, and empty them out of the trash.",
            size=round(size / MEGABYTE), limit=limits.megabytes,
        )  # fmt: skip


def taken(owner: str, *listings: Listing) -> int:
    """Bytes on the disk of all runs of an owner, and of the texts and tables that they name and somebody brought, each
    once. What was measured of a run counts until its folder changes. `listings`: that of the runs' own folder first."""
    total = 0
    texts: set[str] = set()
    for listing in listings:
        measured = {}
        for summary in listing.rows([one for one in listing.fixed() if one.owner == owner]):
            size = listing.size(summary)
            if size is None:
                size = size_of(listing.root / summary.id)
                measured[summary.id] = summary.stamp, size
            total += size
            texts |= _texts_of(listing.root / summary.id)
        if measured:
            listing.keep_sizes(measured)
    return total + sum(size_of(listings[0].root / "corpora" / text) for text in texts)


def _texts_of(folder: Path) -> set[str]:
    """What a run names that was brought, as it was and as it was prepared: folders among the texts."""
    try:
        settings = (folder / "run.json").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return set()
    brought = {f"imported/{digest}" for digest in _BROUGHT.findall(settings)}
    prepared = (read_object(folder / "corpus.json") or {}).get("digest") if brought else None
    return brought | ({prepared} if isinstance(prepared, str) and _DIGEST.fullmatch(prepared) else set())


def running_limits(root: Path) -> Callable[[str], int | None]:
    """How many trainings of an owner may have a turn at the same time, None for any number; for one look at the queue."""
    try:
        found = classroom.read(root)
    except UserError:
        strict = Limits()  # a damaged file lifts no limit
        return lambda owner: strict.running
    if found is None:
        return lambda owner: None

    def most(owner: str) -> int | None:
        limits = found.limits_of(owner)
        return None if limits is None else limits.running

    return most
