"""A model as files: `model.safetensors` beside `model.json`, its config. No pickle, in or out."""

import json
import struct
from collections.abc import Mapping
from pathlib import Path

import torch
from pydantic import TypeAdapter, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import load, save
from torch import Tensor

from llm_core.config import ModelConfig, explain
from llm_core.errors import N_, UserError
from llm_core.models.base import Model
from llm_core.models.build import outline

WEIGHTS, CONFIG = "model.safetensors", "model.json"
MAXIMUM_HEADER = 1_000_000
MAXIMUM_TENSORS = 10_000
FLOATS = {"F16": torch.float16, "BF16": torch.bfloat16, "F32": torch.float32, "F64": torch.float64}
"""The types that weights may have, by the names of safetensors."""

_configs: TypeAdapter[ModelConfig] = TypeAdapter(ModelConfig)


def model_files(model: Model, half: bool = False) -> dict[str, bytes]:
    """Name and content of each file that makes a model. `half` stores floating point weights in 16 bits."""
    tensors = {name: _stored(tensor, half) for name, tensor in model.state_dict().items()}
    return {WEIGHTS: save(tensors), CONFIG: model.config.model_dump_json(indent=1).encode()}


def save_model(model: Model, folder: Path, half: bool = False) -> None:
    """Write the model's files into a folder, which is made where it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in model_files(model, half).items():
        (folder / name).write_bytes(content)


def load_model(folder: Path) -> Model:
    """The model in a folder, in fp32 and eval mode, on the CPU. Raises UserError on files that do not fit."""
    try:
        config = _configs.validate_json((folder / CONFIG).read_bytes())
    except FileNotFoundError:
        raise UserError("{folder} holds no model: {file} is missing.", folder=folder.name, file=CONFIG) from None
    except ValidationError as error:
        raise explain(error) from None
    tensors = read_tensors(folder / WEIGHTS)
    try:
        model = outline(config)
    except ValueError:
        missing = N_("{file} names no vocabulary size.")
        if config.vocabulary_size is not None:
            missing = N_("{file} does not say how many labels there are.")
        raise UserError(missing, file=CONFIG) from None
    load_tensors(model, tensors)
    return model.eval()


def read_tensors(path: Path) -> dict[str, Tensor]:
    """All tensors of a safetensors file. The header is looked at first: an oversized one is never parsed."""
    check_header(path)
    try:
        return load(path.read_bytes())
    except (SafetensorError, ValueError, RecursionError, TypeError) as error:
        raise _unsound(path, error) from None


def read_shapes(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file without their numbers, on torch's "meta" device: only the header is read.

    What cannot be weights, whole numbers for one, comes as bool.
    """
    check_header(path)
    try:
        with safe_open(path, framework="pt") as file:
            slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118 (it is no dict)
            return {
                name: torch.empty(one.get_shape(), dtype=FLOATS.get(one.get_dtype(), torch.bool), device="meta")
                for name, one in slices.items()
            }
    except (SafetensorError, ValueError, RecursionError, TypeError, OSError, RuntimeError) as error:
        raise _unsound(path, error) from None


def check_header(path: Path) -> None:
    """Raises UserError unless the file begins like a safetensors file, with a header of a size that may be parsed."""
    try:
        with path.open("rb") as file:
            beginning = file.read(8)
            (size,) = struct.unpack("<Q", beginning) if len(beginning) == 8 else (0,)
            text = file.read(size) if size <= MAXIMUM_HEADER else b""
    except FileNotFoundError:
        raise UserError("{file} is missing.", file=path.name) from None
    except OSError as error:
        raise UserError("{file} cannot be read: {reason}.", file=path.name, reason=error.strerror or str(error)) from None  # fmt: skip
    if len(beginning) < 8:
        raise UserError("{file} is not a safetensors file: it has {size} bytes.", file=path.name, size=len(beginning))
    if size > MAXIMUM_HEADER:
        raise UserError(
            "{file} is not a safetensors file, or its header is too large: {size:,} bytes, at most {limit:,}.",
            file=path.name, size=size, limit=MAXIMUM_HEADER,
        )  # fmt: skip
    try:
        header = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _unsound(path, error) from None
    if isinstance(header, dict) and len(header) > MAXIMUM_TENSORS:
        raise UserError(
            "{file} holds {count:,} tensors; at most {limit:,} are allowed.",
            file=path.name, count=len(header), limit=MAXIMUM_TENSORS,
        )  # fmt: skip


def _unsound(path: Path, error: Exception) -> UserError:
    return UserError("{file} is not a sound safetensors file: {reason}.", file=path.name, reason=str(error)[:200].rstrip("."))  # fmt: skip


def load_tensors(model: Model, tensors: dict[str, Tensor]) -> None:
    """Copy tensors into a model by name; 16-bit floats become the model's own type. Raises UserError on any misfit."""
    model.make_room(tensors)
    check_fit(model, tensors)
    expected = model.state_dict()
    copies = {name: tensor.to(expected[name].dtype, copy=True) for name, tensor in tensors.items()}
    model.load_state_dict(copies, assign=True)


def check_fit(model: Model, tensors: Mapping[str, Tensor]) -> None:
    """Raises UserError unless there is a tensor of the right shape for each name of the model, and no other."""
    expected = model.state_dict()
    missing, extra = sorted(expected.keys() - tensors.keys()), sorted(tensors.keys() - expected.keys())
    if missing or extra:
        raise UserError(
            "The weights do not fit the model: {missing} missing and {extra} unknown, the first is {name}.",
            missing=len(missing), extra=len(extra), name=(missing + extra)[0],
        )  # fmt: skip
    for name, tensor in expected.items():
        if tensors[name].shape != tensor.shape:
            raise UserError(
                "{name} has shape {found} in the file; the model needs {needed}.",
                name=name, found=list(tensors[name].shape), needed=list(tensor.shape),
            )  # fmt: skip


def _stored(tensor: Tensor, half: bool) -> Tensor:
    tensor = tensor.detach().to("cpu").contiguous()
    return tensor.to(torch.float16) if half and tensor.is_floating_point() else tensor
