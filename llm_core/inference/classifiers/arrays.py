"""Arrays of a classifier as one safetensors file, and back, with every name, type and shape looked at."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from llm_core.errors import UserError
from llm_core.inference.classifiers.base import ARRAYS


def packed(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """The content of a safetensors file with these arrays."""
    return bytes(save({name: np.ascontiguousarray(array) for name, array in arrays.items()}))


def unpacked(folder: Path, shapes: Mapping[str, tuple[int | None, ...]]) -> dict[str, NDArray[Any]]:
    """The arrays of these names from a classifier's folder; None in a shape stands for any length.

    Raises UserError where one is missing, has another shape, or holds a number that is not finite.
    """
    from llm_core.models.files import check_header

    check_header(folder / ARRAYS)
    try:
        arrays: dict[str, NDArray[Any]] = load((folder / ARRAYS).read_bytes())
    except (SafetensorError, ValueError, TypeError, KeyError) as error:
        raise UserError("{file} is not a sound safetensors file: {reason}.", file=ARRAYS, reason=str(error)[:200].rstrip(".")) from None  # fmt: skip
    for name, shape in shapes.items():
        if name not in arrays:
            raise UserError("{file} lacks {name}.", file=ARRAYS, name=name)
        found = arrays[name].shape
        fits = len(found) == len(shape) and all(
            want is None or want == have for want, have in zip(shape, found, strict=True)
        )
        if not fits or not np.isfinite(arrays[name]).all():
            raise UserError("{name} in {file} does not fit the classifier.", name=name, file=ARRAYS)
    return {name: arrays[name] for name in shapes}
