"""A branch: a new run that goes on from a step of another one, with other settings of its training.

What it begins with lies in its own folder, so that it needs its parent no more: the checkpoint, the tokenizer, which
text it was, and as the first row of its history where it comes from.
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llm_core.config import NgramConfig, RunConfig
from llm_core.data.generated import grammar_digest
from llm_core.errors import UserError
from llm_core.runs import history
from llm_core.runs.files import read_object
from llm_core.runs.history import Row
from llm_core.runs.run import LABELS, Run
from llm_core.training import atomic

KIND = "branched"
_STATE = "state.json"
"""What a full checkpoint has (`llm_core.training.checkpoints`, which needs torch)."""


@dataclass(frozen=True)
class Branching:
    """A branch that may be made: checked, not yet written. `known`: what the parent's history says of the step."""

    parent: Run
    step: int
    config: RunConfig
    known: Row

    @property
    def origin(self) -> dict[str, Any]:
        """What `run.json` says of it."""
        return {"run": self.parent.id, "step": self.step}

    def fill(self, folder: Path) -> None:
        """Write into the new run's folder what it begins with.

        Raises UserError where the checkpoint does not verify, OSError when the disk does not take it.
        """
        kept = folder / "steps" / f"{self.step:08d}"
        _copy_checkpoint(self.parent.folder / "steps" / kept.name, kept)
        for name in ("tokenizer.json", "corpus.json", LABELS):
            if (self.parent.folder / name).is_file():
                shutil.copyfile(self.parent.folder / name, folder / name)
        config = (read_object(kept / _STATE) or {}).get("config")
        training = config.get("training") if isinstance(config, dict) else None
        same = isinstance(training, dict) and training.get("optimizer") == self.config.training.optimizer
        row = {"kind": KIND, "from": self.parent.id, "step": self.step, "optimizer": "kept" if same else "anew"}
        (folder / history.FILE).write_text(json.dumps(row | self.known) + "\n", encoding="utf-8")


def branching(run: Run, step: int, config: RunConfig) -> Branching:
    """That a run may go on from a step that it has kept, with these settings.

    Everything of the training may differ but its objective, and of the model its dropout. Raises UserError that names
    the setting otherwise, and where the run trains nothing in steps.
    """
    theirs = run.config
    if isinstance(theirs.model, NgramConfig):
        raise UserError("An n-gram counts its text once: run {run} has no steps to branch from.", run=run.id)
    for field, (mine, other) in _differences(config, theirs):
        raise UserError(
            "A branch keeps {field} of its run: that has {theirs}, not {ours}.",
            field=field, theirs=_short(other), ours=_short(mine),
        )  # fmt: skip
    if grammar_digest(config.data) != run.grammar:
        raise UserError("The text of run {run} has changed since it began; start a new run.", run=run.id)
    known = _known(run, step)
    training = config.training
    if training.seconds is None and training.steps <= step:
        raise UserError("training.steps is {steps}, but the branch begins after step {step}; set it higher.", steps=training.steps, step=step)  # fmt: skip
    if training.seconds is not None and training.seconds <= known["seconds"]:
        raise UserError(
            "training.seconds is {seconds:g}, but at step {step} the run had trained for {spent:.0f} seconds; set it higher.",
            seconds=training.seconds, step=step, spent=known["seconds"],
        )  # fmt: skip
    return Branching(run, step, config, known)


def beginning(rows: list[Row]) -> Row | None:
    """The row of a run's history that says where it branched off; None where it did not, or where no worker of ours has
    written it."""
    row = next((row for row in rows if row.get("kind") == KIND), {})
    whole = all(type(row.get(name)) is int for name in ("step", "tokens")) and isinstance(
        row.get("seconds"), int | float
    )
    return row if whole and isinstance(row.get("initial_loss"), float | None) else None


def _differences(ours: RunConfig, theirs: RunConfig) -> Iterator[tuple[str, tuple[Any, Any]]]:
    """What must be the same and is not, by the setting's name."""
    mine, other = ours.model_dump(mode="json"), theirs.model_dump(mode="json")
    for section in ("model", "data"):
        yield from _unlike(section, mine[section], other[section])
    if ours.training.objective != theirs.training.objective:
        yield "training.objective", (ours.training.objective, theirs.training.objective)


def _unlike(name: str, mine: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[tuple[str, tuple[Any, Any]]]:
    for field in {**other, **mine}:
        a, b = mine.get(field), other.get(field)
        if isinstance(a, dict) and isinstance(b, dict):
            yield from _unlike(f"{name}.{field}", a, b)
        elif a != b and field != "dropout":
            yield f"{name}.{field}", (a, b)


def _known(run: Run, step: int) -> Row:
    """What the history of a run says of a step: tokens and seconds so far, and what the untrained model lost."""
    rows = history.records(run.folder)
    at: Row = next((row for row in reversed(rows) if row.get("kind") in ("step", KIND) and row.get("step") == step), {})
    first: Row = next((row for row in rows if row.get("kind") in ("evaluation", KIND)), {})
    initial = first.get("initial_loss" if first.get("kind") == KIND else "loss")
    return {
        "tokens": at.get("tokens") if isinstance(at.get("tokens"), int) else 0,
        "seconds": float(at["seconds"]) if isinstance(at.get("seconds"), int | float) else 0.0,
        "initial_loss": float(initial) if isinstance(initial, int | float) else None,
    }


def _copy_checkpoint(source: Path, target: Path) -> None:
    """A checkpoint as it is; once more where its worker was just replacing it by a smaller one."""
    for last in (False, True):
        try:
            shutil.copytree(source, target)
            atomic.verify(target)
            return
        except (atomic.Damaged, OSError):
            shutil.rmtree(target, ignore_errors=True)
            if last:
                raise


def _short(value: Any) -> str:
    text = "-" if value is None else str(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
