"""Arrays in a safetensors file, written whole or not at all."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from llm_core.errors import UserError


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Put them in place of what the file holds; a reader sees the old or the new."""
    temporary = path.with_name(f".{path.name}.temp")
    temporary.write_bytes(save(dict(arrays)))
    temporary.replace(path)


def read_arrays(path: Path, *names: str) -> tuple[NDArray[Any], ...]:
    """Those of these names. Raises UserError where the file is missing or holds something else."""
    try:
        arrays = load_file(path)
        return tuple(arrays[name] for name in names)
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise UserError("The file {name} is missing or broken.", name=path.name) from error
