"""Arrays in a safetensors file, written whole or not at all."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from llm_core.errors import UserError


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]], about: str | None = None) -> None:
    """Put them in place of what the file holds, with a text about them; a reader sees the old or the new."""
    temporary = path.with_name(f".{path.name}.temp")
    temporary.write_bytes(save(dict(arrays), metadata=None if about is None else {"about": about}))
    temporary.replace(path)


def read_arrays(path: Path, *names: str) -> tuple[NDArray[Any], ...]:
    """Those of these names. Raises UserError where the file is missing or holds something else."""
    try:
        with safe_open(path, framework="numpy") as file:
            return tuple(file.get_tensor(name) for name in names)
    except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
        raise UserError("The file {name} is missing or broken.", name=path.name) from error


def read_about(path: Path) -> str:
    """The text about them, empty where there is none. Raises UserError as `read_arrays` does."""
    try:
        with safe_open(path, framework="numpy") as file:
            return str((file.metadata() or {}).get("about", ""))
    except (OSError, SafetensorError, ValueError) as error:
        raise UserError("The file {name} is missing or broken.", name=path.name) from error


def in_16_bits(values: NDArray[Any]) -> NDArray[Any]:
    """The same fractions, a thousandth less exact; in 32 bits where one is too large for that."""
    large = np.abs(values).max(initial=0) > np.finfo(np.float16).max
    return np.ascontiguousarray(values, dtype=np.float32 if large else np.float16)
