"""Model files that are broken, or made to break something, end in one sentence."""

import contextlib
import json
import pickle
import struct
import tempfile
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save

from llm_core.config import TransformerConfig
from llm_core.errors import UserError
from llm_core.models.build import build
from llm_core.models.files import CONFIG, WEIGHTS, load_model, model_files, read_tensors, save_model

CONFIG_OF = TransformerConfig(vocabulary_size=11, context=8, width=8, layers=1, heads=2)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_model(build(CONFIG_OF), tmp_path)
    return tmp_path


def safetensors(header: bytes, body: bytes = b"") -> bytes:
    return struct.pack("<Q", len(header)) + header + body


def tensors_of(n: int) -> bytes:
    return json.dumps({str(i): {"dtype": "U8", "shape": [0], "data_offsets": [0, 0]} for i in range(n)}).encode()


BROKEN = {
    "empty": b"",
    "short": b"1234567",
    "pickle": pickle.dumps({"weights": [1.0]}),
    "huge header": struct.pack("<Q", 2**40) + b"{}",
    "many tensors": safetensors(tensors_of(10_001)),
    "not json": safetensors(b"{{{{"),
    "deep json": safetensors(b"[" * 500_000),
    "list": safetensors(b"[1, 2]"),
    "number": safetensors(b"7"),
    "overlap": safetensors(b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}}', b"x" * 6),
    "huge shape": safetensors(b'{"a":{"dtype":"F32","shape":[1000000,1000000],"data_offsets":[0,4]}}', b"xxxx"),
    "trailing": safetensors(b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', b"xxxxyyyy"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_refused(name: str, folder: Path) -> None:
    (folder / WEIGHTS).write_bytes(BROKEN[name])
    with pytest.raises(UserError):
        load_model(folder)


def test_a_truncated_file_is_refused_at_every_length(folder: Path) -> None:
    whole = (folder / WEIGHTS).read_bytes()
    for length in range(0, len(whole), 97):
        (folder / WEIGHTS).write_bytes(whole[:length])
        with pytest.raises(UserError):
            load_model(folder)


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_but_our_error(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / WEIGHTS
        for whole in (content, safetensors(content)):
            path.write_bytes(whole)
            with contextlib.suppress(UserError):
                read_tensors(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "config|cannot|model"),
        (b"{}", "family|cannot"),
        (b'{"family": "transformer", "width": 1e999, "vocabulary_size": 11}', "width"),
        (b'{"family": "transformer", "width": 7, "heads": 2, "vocabulary_size": 11}', "heads"),
        (b'{"family": "transformer", "layers": 1000000, "vocabulary_size": 11}', "layers"),
        (b'{"family": "transformer", "evil": 1}', "evil"),
        (b'{"family": "transformer"}', "vocabulary"),
        (b'{"family": "mamba"}', "family|mamba|cannot"),
        (b"\xff", "cannot|model"),
    ],
)
def test_a_broken_config_is_refused(content: bytes, words: str, folder: Path) -> None:
    (folder / CONFIG).write_bytes(content)
    with pytest.raises(UserError, match=words):
        load_model(folder)


def test_missing_files_are_named(folder: Path) -> None:
    (folder / WEIGHTS).unlink()
    with pytest.raises(UserError, match=WEIGHTS):
        load_model(folder)
    (folder / CONFIG).unlink()
    with pytest.raises(UserError, match=CONFIG):
        load_model(folder)


@pytest.mark.parametrize("change", ["missing", "unknown", "shape"])
def test_weights_that_do_not_fit_are_named(change: str, folder: Path) -> None:
    tensors = {name: tensor.clone() for name, tensor in build(CONFIG_OF).state_dict().items()}
    if change == "missing":
        del tensors["token_embedding.weight"]
    elif change == "unknown":
        tensors["token_embedding.evil"] = torch.zeros(1)
    else:
        tensors["token_embedding.weight"] = torch.zeros(12, 8)
    (folder / WEIGHTS).write_bytes(save(tensors))
    with pytest.raises(UserError, match="token_embedding"):
        load_model(folder)


def test_half_files_are_half_as_large() -> None:
    model = build(TransformerConfig(vocabulary_size=500, width=64, layers=2))
    whole, half = model_files(model)[WEIGHTS], model_files(model, half=True)[WEIGHTS]
    assert len(half) < 0.55 * len(whole)
