"""What one student of a class may use: looked at before a run is made or started. A teacher has no limits.

How many runs of a person work at the same time is no reason to refuse one: the queue gives it its turn later.
"""

import contextlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from llm_core.config import Config, NgramConfig, RunConfig, TaskConfig, with_vocabulary_size
from llm_core.errors import UserError
from llm_core.models.size import count_parameters
from llm_core.runs import classroom
from llm_core.runs.classroom import Limits
from llm_core.runs.listing import Listing
from llm_core.runs.queue import Entry

MEGABYTE = 1_000_000


def refuse_new(root: Path, owner: str, config: Config, line: Iterable[Entry], *listings: Listing) -> None:
    """Raises UserError where this owner may make no such run now. `line`: what the queue holds of its kind,
    `listings`: where runs take room."""
    limits = _allowed(root, owner)
    if limits is None:
        return
    for each in (config,) if isinstance(config, RunConfig) else getattr(config, "extremes", ()):
        refuse_large(each, limits)
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


def refuse_large(config: RunConfig, limits: Limits) -> None:
    """Raises UserError for a model or a training that is larger than one person's may be."""
    count = largest(config)
    if count > limits.parameters:
        raise UserError(
            "This model would have up to {count:,} parameters; in this class at most {limit:,} are allowed. "
            "Use fewer layers, a smaller width or a smaller vocabulary.",
            count=count, limit=limits.parameters,
        )  # fmt: skip
    training = config.training
    if training.seconds is None and training.steps > limits.steps and not isinstance(config.model, NgramConfig):
        raise UserError(
            "This training would take {count:,} steps; in this class at most {limit:,} are allowed. Use fewer steps.",
            count=training.steps, limit=limits.steps,
        )  # fmt: skip


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
    """Bytes on the disk of all runs of an owner. What was measured of one counts until its folder changes."""
    total = 0
    for listing in listings:
        measured = {}
        for summary in listing.rows([one for one in listing.fixed() if one.owner == owner]):
            size = listing.size(summary)
            if size is None:
                size = bytes_in(listing.root / summary.id)
                measured[summary.id] = summary.stamp, size
            total += size
        if measured:
            listing.keep_sizes(measured)
    return total


def bytes_in(folder: Path) -> int:
    """The sizes of all files in a folder together; what vanishes meanwhile counts nothing."""
    total = 0
    for place, _folders, files in os.walk(folder):
        for name in files:
            with contextlib.suppress(OSError):
                total += (Path(place) / name).lstat().st_size
    return total


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
