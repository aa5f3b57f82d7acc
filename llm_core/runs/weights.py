"""One tensor of a model that a run has kept, read as numbers: without torch, which takes seconds to be there."""

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from llm_core.errors import UserError
from llm_core.runs.run import Run


def weight(run: Run, name: str, step: int | None = None) -> NDArray[np.float64]:
    """The tensor of that name in the last snapshot, or in that of a step.

    Raises UserError when the run has kept no such step or its model no such tensor.
    """
    steps = run.steps()
    chosen = step if step is not None else steps[-1] if steps else -1
    if chosen not in steps:
        raise UserError("Run {run} kept no model at step {step}.", run=run.id, step=chosen)
    file = run.folder / "steps" / f"{chosen:08d}" / "model.safetensors"
    try:
        with safe_open(file, framework="numpy") as tensors:
            return np.asarray(tensors.get_tensor(name), dtype=np.float64)
    except (OSError, SafetensorError) as error:
        raise UserError("The model of run {run} has no tensor {name} to read: {reason}.", run=run.id, name=name, reason=str(error).rstrip(".")) from None  # fmt: skip
