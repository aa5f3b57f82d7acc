"""Probes and other arrays in files: what is broken, or belongs to another model, is refused in a sentence."""

import json
from pathlib import Path

import numpy as np
import pytest

from llm_core.errors import UserError
from llm_core.interpret.array_files import in_16_bits, read_about, read_arrays, write_arrays
from llm_core.runs.inquiries.probes import FILE, readers_of
from llm_core.runs.store import BUNDLED_MODELS


def test_a_file_gives_back_its_arrays_and_the_text_about_them(tmp_path: Path) -> None:
    path = tmp_path / "arrays.safetensors"
    write_arrays(path, {"a": np.arange(3), "b": np.ones((2, 2), np.float16)}, "of 中文")
    b, a = read_arrays(path, "b", "a")
    assert (a.tolist(), b.dtype, read_about(path)) == ([0, 1, 2], np.float16, "of 中文")
    write_arrays(path, {"a": np.arange(4)})
    assert (len(read_arrays(path, "a")[0]), read_about(path)) == (4, "")
    assert [each.name for each in tmp_path.iterdir()] == [path.name]
    with pytest.raises(UserError, match="missing or broken"):
        read_arrays(path, "b")
    path.write_bytes(b"torn")
    for read in (read_arrays, read_about):
        with pytest.raises(UserError, match="missing or broken"):
            read(path)


def test_numbers_too_large_for_16_bits_keep_32() -> None:
    assert in_16_bits(np.array([1.5, -2], np.float32)).dtype == np.float16
    assert in_16_bits(np.array([1.5, -7e4], np.float32)).tolist() == [1.5, -7e4]


def test_probes_of_another_model_are_refused(tmp_path: Path) -> None:
    path = tmp_path / FILE
    weights, biases = np.ones((3, 2, 8), np.float32), np.zeros((3, 2), np.float32)
    biases[0, 1] = -np.inf  # a label that never came
    write_arrays(path, {"weights": weights, "biases": biases})
    first, *others = readers_of(path, 3, 2, 8)
    assert len(others) == 2
    assert first.shares(np.ones((1, 8), np.float32)).tolist() == [[1, 0]]
    for sizes in ((4, 2, 8), (3, 5, 8), (3, 2, 9)):
        with pytest.raises(UserError, match="missing or broken"):
            readers_of(path, *sizes)


def test_those_that_come_with_models_fit_their_rows() -> None:
    paths = sorted(BUNDLED_MODELS.glob(f"*/inquiries/*.{FILE}"))
    assert paths
    for path in paths:
        rows = [json.loads(line) for line in path.with_name(f"{path.name.partition('.')[0]}.jsonl").read_text().splitlines()]  # fmt: skip
        asked = next(row for row in rows if row["kind"] == "asked")
        width = json.loads((path.parents[1] / "run.json").read_text())["config"]["model"]
        width = width.get("body", width)["width"]
        assert readers_of(path, sum(row["kind"] == "probe" for row in rows), len(asked["names"]), width)
