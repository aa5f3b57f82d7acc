"""Hugging Face folders in and out: GPT-2, BERT, Llama, Qwen 2 and Qwen 3, by tables of names.

A folder is `config.json` beside `model.safetensors` (or its shards). Only keys named in a table are read, only our own
classes are built, nothing is fetched and no code of a folder is run. A setting that our Transformer cannot follow is
refused by name rather than ignored. Tokenizers stand in `data.foreign_files`.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from llm_core.config import MAXIMUM_PARAMETERS, TransformerConfig, parse
from llm_core.errors import UserError
from llm_core.models.base import Model
from llm_core.models.build import outline
from llm_core.models.encoder_decoder import EncoderDecoder
from llm_core.models.files import WEIGHTS, check_fit, load_tensors, read_shapes, read_tensors
from llm_core.models.formats import FORMATS, Format
from llm_core.models.size import count_parameters, inner_width
from llm_core.models.transformer import Transformer

MAXIMUM_CONFIG = 1_000_000
LONGEST_CONTEXT = 8192
INDEX = "model.safetensors.index.json"
_PICKLES = {".bin", ".pt", ".pth", ".ckpt", ".pkl"}
_REFUSED = ("auto_map", "quantization_config")


def read_folder(folder: Path, limit: int = MAXIMUM_PARAMETERS) -> Model:
    """The model of a Hugging Face folder, in fp32 and eval mode. Raises UserError on whatever does not fit.

    limit: most parameters. Settings, then names and shapes are looked at before any weight is read.
    """
    theirs = read_settings(folder)
    kind = find_kind(theirs)
    config = read_config(kind, theirs)
    count = count_parameters(config)
    if count > limit:
        raise UserError("This model has {count:,} parameters; at most {limit:,} can be brought in here.", count=count, limit=limit)  # fmt: skip
    model, files = outline(config), weight_files(folder)
    check_fit(model, _rename(kind, model, _together(files, read_shapes)))
    tensors = _rename(kind, model, _together(files, read_tensors))
    for name, tensor in tensors.items():
        if not bool(tensor.isfinite().all()):
            raise UserError("The weights of {name} are not all finite numbers.", name=name)
    load_tensors(model, tensors)
    return model.eval()


def read_settings(folder: Path) -> dict[str, Any]:
    """What `config.json` says. Raises UserError where it is broken or asks for more than weights of its own family."""
    theirs = _read_json(folder / "config.json")
    for key in _REFUSED:
        if theirs.get(key):
            raise UserError("config.json has {key}: this program runs no code of a folder and reads plain weights only.", key=key)  # fmt: skip
    return theirs


def find_kind(theirs: Mapping[str, Any]) -> Format:
    """The kind of folder that a `config.json` is of. Raises UserError where this program has no table for it."""
    kind = FORMATS.get(str(theirs.get("model_type")))
    if kind is None:
        raise UserError(
            "config.json names the model type {found!r}; this program reads {allowed}.",
            found=str(theirs.get("model_type"))[:80], allowed=", ".join(FORMATS),
        )  # fmt: skip
    return kind


def write_folder(model: Model, folder: Path) -> str:
    """Write the model as a Hugging Face folder; returns its model type. Raises UserError where no type has its options."""
    kind = find_format(model)
    ours = {name: tensor.detach().cpu() for name, tensor in model.state_dict().items()}
    assert isinstance(model.config, TransformerConfig)
    rows = {row.ours: row for row in kind.rows}
    tensors: dict[str, Tensor] = {}
    for name, tensor in ours.items():
        pattern, number = _numbered(name)
        row = rows[pattern]
        parts = list(tensor.split(_sizes(model.config))) if len(row.theirs) > 1 else [tensor]
        parts[: row.halved] = [_halve(part, model.config) for part in parts[: row.halved]]
        for their_name, part in zip(row.theirs, parts, strict=True):
            tensors[their_name.replace("{n}", number)] = (part.T if row.turned else part).contiguous().clone()
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(write_config(kind, model.config), indent=2), encoding="utf-8")
    return kind.model_type


def find_format(model: Model) -> Format:
    """The kind of folder that can say everything about this model. Raises UserError where there is none."""
    if isinstance(model, Transformer):
        for kind in FORMATS.values():
            if _same(read_config(kind, write_config(kind, model.config)), model.config):
                return kind
    if isinstance(model, EncoderDecoder):
        raise UserError("This model is an encoder-decoder, and none of the Hugging Face models that can be written is one: {allowed}.", allowed=", ".join(FORMATS))  # fmt: skip
    raise UserError(
        "No Hugging Face model has the options of this one; {allowed} can be written. Start from one of these presets.",
        allowed=", ".join(FORMATS),
    )


def read_config(kind: Format, theirs: Mapping[str, Any]) -> TransformerConfig:
    """Our config from a `config.json`. Raises UserError for a value that our model cannot follow."""
    for key, allowed in kind.required.items():
        found = _look(theirs, key, allowed[0])
        if found not in allowed:
            raise UserError(
                "config.json sets {key} to {found}; only {allowed} is supported.",
                key=key, found=str(found)[:80], allowed=", ".join(map(str, allowed)),
            )  # fmt: skip
    ours: dict[str, Any] = {**kind.fixed}
    for setting in kind.settings:
        value = _look(theirs, setting.theirs, _look(theirs, setting.older or "", setting.default))
        if setting.values is not None:
            if not isinstance(value, str) or value not in setting.values:
                raise UserError(
                    "config.json sets {key} to {found}; only {allowed} is supported.",
                    key=setting.theirs, found=str(value)[:80], allowed=", ".join(setting.values),
                )  # fmt: skip
            value = setting.values[value]
        ours[setting.ours] = value
    if ours.get("position") == "rotary" and isinstance(ours["context"], int):
        ours["context"] = min(ours["context"], LONGEST_CONTEXT)  # no weight belongs to a position
    config = parse(TransformerConfig, ours)
    size = _look(theirs, "head_dim", None)
    if size is not None and size != config.width // config.heads:
        raise UserError(
            "config.json sets head_dim to {found}; only width divided by heads, {allowed}, is supported.",
            found=str(size)[:80], allowed=config.width // config.heads,
        )  # fmt: skip
    return config


def write_config(kind: Format, config: TransformerConfig) -> dict[str, Any]:
    """A `config.json` for our config, as far as the kind has keys for it."""
    theirs: dict[str, Any] = {"model_type": kind.model_type, "architectures": [kind.class_name], "dtype": "float32"}
    explicit = _canonical(config)
    for setting in kind.settings:
        value = getattr(explicit, setting.ours)
        if setting.values is not None:
            value = next((theirs for theirs, ours in setting.values.items() if ours == value), None)
            if value is None:
                continue
        for key in (setting.theirs, *setting.also):
            _put(theirs, key, value)
    for key, allowed in kind.required.items():
        if allowed[0] is not None and key != "position_embedding_type":
            _put(theirs, key, allowed[0])
    # GPT-2's defaults for these lie outside a small vocabulary.
    return {**theirs, "bos_token_id": None, "eos_token_id": None}


def _canonical(config: TransformerConfig) -> TransformerConfig:
    """The same model with every default spelled out, and nothing that its weights do not show."""
    biases = config.biases if config.query_key_value_biases is None else config.query_key_value_biases
    return config.model_copy(
        update={
            "feed_forward_width": inner_width(config),
            "key_value_heads": config.key_value_heads or config.heads,
            "query_key_value_biases": biases,
            "rotary_base": config.rotary_base if config.position == "rotary" else 10_000.0,
            "initialization": "normal",
        }
    )


def _same(one: TransformerConfig, other: TransformerConfig) -> bool:
    leave_out = {"dropout"}
    return _canonical(one).model_dump(exclude=leave_out) == _canonical(other).model_dump(exclude=leave_out)


def _rename(kind: Format, model: Model, theirs: dict[str, Tensor]) -> dict[str, Tensor]:
    """Their tensors under our names, in our layout. Raises UserError where one is missing or nobody knows it."""
    for old, new in kind.renamed.items():
        theirs = {name.replace(old, new): tensor for name, tensor in theirs.items()}
    if kind.prefix and not any(name.startswith(kind.prefix) for name in theirs):
        theirs = {kind.prefix + name: tensor for name, tensor in theirs.items()}
    config, rows = model.config, {row.ours: row for row in kind.rows}
    assert isinstance(config, TransformerConfig)
    ours: dict[str, Tensor] = {}
    used: set[str] = set()
    for name in model.state_dict():
        pattern, number = _numbered(name)
        names = [their_name.replace("{n}", number) for their_name in rows[pattern].theirs]
        for their_name in names:
            if their_name not in theirs:
                raise UserError("The weights have no tensor {name}.", name=their_name)
        used.update(names)
        parts = [theirs[their_name] for their_name in names]
        if not all(part.is_floating_point() for part in parts):
            raise UserError("The tensor {name} does not hold floating point numbers of 16 bits or more.", name=names[0])
        halved = rows[pattern].halved
        parts[:halved] = [_pair(part, config) for part in parts[:halved]]
        if len(parts) > 1 and (not all(part.ndim for part in parts) or len({part.shape[1:] for part in parts}) > 1):
            raise UserError("{name} and its neighbours have shapes that do not fit together.", name=names[0])
        tensor = torch.cat(parts) if len(parts) > 1 else parts[0]
        ours[name] = tensor.T.contiguous() if rows[pattern].turned and tensor.ndim == 2 else tensor
    unknown = sorted(name for name in theirs.keys() - used if not any(re.fullmatch(skip, name) for skip in kind.ignored))  # fmt: skip
    if unknown:
        raise UserError("The weights have {count} unknown tensors, the first is {name}.", count=len(unknown), name=unknown[0][:80])  # fmt: skip
    return ours


def _numbered(name: str) -> tuple[str, str]:
    """`blocks.3.attention_norm.weight` as `blocks.{n}.attention_norm.weight` and `3`."""
    match = re.match(r"blocks\.(\d+)\.", name)
    return (f"blocks.{{n}}.{name[match.end() :]}", match[1]) if match else (name, "")


def _sizes(config: TransformerConfig) -> list[int]:
    """Rows of queries, keys and values in the fused matrix."""
    size = config.width // config.heads
    groups = config.key_value_heads or config.heads
    return [config.width, groups * size, groups * size]


def _pair(theirs: Tensor, config: TransformerConfig) -> Tensor:
    """The rows of each head in our order: those that are rotated together side by side."""
    size = config.width // config.heads
    if not theirs.ndim or theirs.shape[0] % size:
        return theirs  # of the wrong shape, which the loader will say
    return theirs.reshape(-1, 2, size // 2, *theirs.shape[1:]).transpose(1, 2).flatten(0, 2)


def _halve(ours: Tensor, config: TransformerConfig) -> Tensor:
    """The rows of each head in their order: first all first halves of the pairs, then all second."""
    size = config.width // config.heads
    return ours.reshape(-1, size // 2, 2, *ours.shape[1:]).transpose(1, 2).flatten(0, 2)


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files of a folder, one or its shards. Raises UserError where there are none that may be read."""
    single, index = folder / WEIGHTS, folder / INDEX
    if single.exists():
        return [single]
    if not index.exists():
        require_safetensors(path.name for path in folder.iterdir())
        raise UserError("{file} is missing.", file=WEIGHTS)
    shards = _read_json(index).get("weight_map")
    if not isinstance(shards, dict) or not shards:
        raise UserError("{file} names no shards.", file=index.name)
    names = sorted({str(name) for name in shards.values()})
    for name in names:
        if Path(name).name != name or not name.endswith(".safetensors"):
            raise UserError("{file} names a shard outside the folder: {name!r}.", file=index.name, name=name[:80])
    return [folder / name for name in names]


def require_safetensors(names: Iterable[str]) -> None:
    """Raises UserError where the files of a folder hold weights, but only in a form that may run code when it is read."""
    found = sorted(names)
    pickles = [name for name in found if Path(name).suffix in _PICKLES]
    if pickles and not any(name.endswith(".safetensors") for name in found):
        raise UserError(
            "{file} may run code when it is read; this program reads safetensors only. Save the model again with save_pretrained.",
            file=pickles[0][:80],
        )  # fmt: skip


def _together(files: list[Path], read: Callable[[Path], dict[str, Tensor]]) -> dict[str, Tensor]:
    return {name: tensor for path in files for name, tensor in read(path).items()}


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = path.read_bytes()
        values = json.loads(content) if len(content) <= MAXIMUM_CONFIG else None
    except FileNotFoundError:
        raise UserError("{file} is missing.", file=path.name) from None
    except (ValueError, RecursionError):
        raise UserError("{file} is not valid JSON.", file=path.name) from None
    if not isinstance(values, dict):
        raise UserError("{file} is not a JSON object, or is larger than 1 MB.", file=path.name)
    return values


def _look(values: Mapping[str, Any], key: str, default: Any) -> Any:
    for part in key.split("."):
        if not isinstance(values, Mapping) or part not in values:
            return default
        values = values[part]
    return values


def _put(values: dict[str, Any], key: str, value: Any) -> None:
    *outer, last = key.split(".")
    for part in outer:
        values = values.setdefault(part, {})
    values[last] = value
