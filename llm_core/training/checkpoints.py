"""Checkpoints: folders `steps/00000500/` that hold a model to look back at, or everything to go on from.

Every one has `model.safetensors` and `model.json`; a full one also `optimizer.safetensors` and `state.json`. How they
are written so that no crash tears one is `atomic`'s matter; here is what is in them, and which are kept. No pickle.
"""

import json
import math
import re
from pathlib import Path
from typing import Any, get_args

from safetensors.torch import save

from llm_core.config import RunConfig
from llm_core.data.prepare import TokenizedCorpus, with_vocabulary
from llm_core.devices import Precision, physical_cores
from llm_core.errors import UserError
from llm_core.models.base import Model
from llm_core.models.files import load_model, model_files, read_tensors
from llm_core.training.atomic import MANIFEST, Damaged, verify, write_folder
from llm_core.training.divergence import Watch
from llm_core.training.optimizers import named_state, restore_state
from llm_core.training.records import Snapshot
from llm_core.training.state import TrainingState, begin

OPTIMIZER, STATE = "optimizer.safetensors", "state.json"
_FORMAT = 1
_STEP = re.compile(r"[0-9]{8}")
_FULL_KEPT = 2
_MOST_THREADS = 256


def write(folder: Path, snapshot: Snapshot) -> Path:
    """Write a snapshot into the run's `steps` folder; its path once it is safe. Weights in 16 bits unless full.

    Raises DiskFull or RunFailed (see `atomic.write_folder`); what stood before then still stands.
    """
    state = snapshot.state
    files = model_files(state.model, half=not snapshot.full)
    if snapshot.full:
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in _optimizer_tensors(state).items()}
        files[OPTIMIZER] = save(tensors)
        files[STATE] = json.dumps(_scalars(state), indent=1).encode()
    return write_folder(folder, f"{snapshot.step:08d}", files)


def read_model(folder: Path) -> Model:
    """The model of a checkpoint folder, in fp32, in eval mode. Raises Damaged or UserError."""
    verify(folder)
    return load_model(folder)


def read_state(folder: Path, config: RunConfig, corpus: TokenizedCorpus) -> TrainingState:
    """Everything to go on from a full checkpoint with, on the thread count and in the precision that it had.

    Raises Damaged when a byte is wrong, UserError when the checkpoint is of another text or another model.
    """
    if STATE not in verify(folder):
        raise UserError("The checkpoint at step {step} holds a model to look at only.", step=int(folder.name))
    scalars = read_scalars(folder)
    if scalars.get("corpus") != corpus.digest:
        raise UserError("This run was trained on another text, or its text was cut into tokens otherwise.")
    model = load_model(folder)
    if model.config != with_vocabulary(config.model, corpus):
        raise UserError("The checkpoint at step {step} is of a model with other settings.", step=int(folder.name))
    state = begin(config, corpus, model)
    try:
        restore_state(state.model, state.optimizers, read_tensors(folder / OPTIMIZER))
        state.source.restore(scalars["source"])
        state.scaler.load_state_dict(scalars["scaler"])
        state.watch = Watch(**scalars["watch"])
        state.threads, state.precision = scalars["threads"], scalars["precision"]
        state.step, state.tokens = scalars["step"], scalars["tokens"]
        state.looked = scalars["looked"]
        state.seconds, state.final_evaluation_seconds = scalars["seconds"], scalars["final_evaluation_seconds"]
    except (KeyError, TypeError, ValueError) as error:
        raise Damaged("{folder} is damaged: {reason}.", folder=str(folder), reason=str(error)) from error
    return state


def list_steps(folder: Path) -> list[int]:
    """The steps that a run's `steps` folder has, in order; nothing is verified."""
    if not folder.is_dir():
        return []
    return sorted(int(path.name) for path in folder.iterdir() if _STEP.fullmatch(path.name) and path.is_dir())


def step_folder(folder: Path, step: int) -> Path:
    """Where the checkpoint of a step stands."""
    return folder / f"{step:08d}"


def newest_full(folder: Path) -> Path | None:
    """The newest checkpoint that a run can go on from and of which no byte is wrong."""
    for step in reversed(list_steps(folder)):
        path = step_folder(folder, step)
        if not (path / STATE).exists():
            continue
        try:
            verify(path)
        except Damaged:
            continue
        return path
    return None


def take_back(folder: Path, step: int | None) -> None:
    """Remove what a run kept after the step that it goes on from; None: it begins anew, and nothing stays.

    The run comes by those steps again, or ends before them. Only for the process that holds the run's lock.
    """
    for later in reversed(list_steps(folder)):
        if step is None or later > step:
            _remove(step_folder(folder, later))


def thin(folder: Path, budget: int = 500_000_000) -> None:
    """Keep the two newest full checkpoints and besides them as many snapshots as `budget` bytes hold, evenly spread.

    An older full checkpoint becomes a snapshot. While there are too many, the one whose neighbours stand closest, on
    the logarithmic scale of steps, goes first; the first and the last stay.
    """
    full = [step for step in list_steps(folder) if (step_folder(folder, step) / STATE).exists()]
    kept = full[-_FULL_KEPT:]
    for step in full[:-_FULL_KEPT]:
        _demote(folder, step)
    steps = list_steps(folder)
    # A large model's two full checkpoints alone would use the budget up, and nothing were left to look back at.
    sizes = {step: _size(step_folder(folder, step)) for step in steps if step not in kept}
    while sum(sizes.values()) > budget:
        crowded = _most_crowded(steps, kept)
        if crowded is None:
            break
        steps.remove(crowded)
        del sizes[crowded]
        _remove(step_folder(folder, crowded))


def _optimizer_tensors(state: TrainingState) -> dict[str, Any]:
    return named_state(state.model, state.optimizers)


def _scalars(state: TrainingState) -> dict[str, Any]:
    return {
        "format": _FORMAT,
        "step": state.step,
        "looked": state.looked,
        "tokens": state.tokens,
        "seconds": state.seconds,
        "final_evaluation_seconds": state.final_evaluation_seconds,
        "source": state.source.state(),
        "scaler": state.scaler.state_dict(),
        "watch": vars(state.watch),
        "threads": state.threads,
        "precision": state.precision,
        "corpus": state.corpus_digest,
        "config": state.config.model_dump(mode="json"),
    }


def read_scalars(folder: Path) -> dict[str, Any]:
    """What a full checkpoint holds beside tensors, how it computes checked, for others may have brought it.

    Raises Damaged, or UserError where another version wrote it.
    """
    try:
        scalars: dict[str, Any] = json.loads((folder / STATE).read_bytes())
        if scalars["format"] != _FORMAT:
            raise UserError("The checkpoint at step {step} was written by another version.", step=int(folder.name))
        threads, known = scalars["threads"], isinstance(scalars["config"], dict)
        if type(threads) is not int or not 1 <= threads <= max(_MOST_THREADS, physical_cores()) or not known:
            raise ValueError("threads, config")
        if scalars["precision"] not in get_args(Precision):
            raise ValueError("precision")
    except (ValueError, KeyError, TypeError) as error:
        raise Damaged("{folder} is damaged: {reason}.", folder=str(folder), reason=str(error)) from error
    return scalars


def _demote(folder: Path, step: int) -> None:
    path = step_folder(folder, step)
    try:
        verify(path)
        files = model_files(load_model(path), half=True)
    except UserError:
        return  # damaged: what is left of it stays for a person to look at
    write_folder(folder, path.name, files)


def _most_crowded(steps: list[int], kept: list[int]) -> int | None:
    gaps = {
        steps[index]: math.log((steps[index + 1] + 1) / (steps[index - 1] + 1))
        for index in range(1, len(steps) - 1)
        if steps[index] not in kept
    }
    return min(gaps, key=lambda step: gaps[step]) if gaps else None


def _size(path: Path) -> int:
    return sum(file.stat().st_size for file in path.iterdir())


def _remove(path: Path) -> None:
    # The manifest goes first: half removed, the folder is no checkpoint any more.
    for file in sorted(path.iterdir(), key=lambda file: file.name != MANIFEST):
        file.unlink(missing_ok=True)
    path.rmdir()
