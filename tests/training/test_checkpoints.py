"""Checkpoints hold everything or are refused; the newest sound one is found; what is kept stays in bounds."""

import json
from pathlib import Path

import pytest
import torch

from llm_core.config import NgramConfig, TransformerConfig
from llm_core.data.prepare import TokenizedCorpus
from llm_core.errors import UserError
from llm_core.models.base import Batch
from llm_core.training.atomic import Damaged, write_folder
from llm_core.training.checkpoints import (
    list_steps,
    newest_full,
    read_model,
    read_state,
    step_folder,
    take_back,
    thin,
    write,
)
from llm_core.training.loop import train
from llm_core.training.records import Snapshot
from tests.training.conftest import run_config

FULL = {"model.safetensors", "model.json", "optimizer.safetensors", "state.json", "manifest.json"}


def write_run(folder: Path, corpus: TokenizedCorpus, steps: int = 12) -> None:
    for record in train(run_config(steps=steps), corpus):
        if isinstance(record, Snapshot):
            write(folder, record)


def test_a_full_checkpoint_has_everything_and_a_snapshot_half_size_weights(
    tmp_path: Path, corpus: TokenizedCorpus
) -> None:
    write_run(tmp_path, corpus)
    assert list_steps(tmp_path) == [0, 1, 2, 3, 4, 6, 8, 12]
    assert {path.name for path in step_folder(tmp_path, 4).iterdir()} == FULL
    assert {path.name for path in step_folder(tmp_path, 3).iterdir()} == {"model.safetensors", "model.json", "manifest.json"}  # fmt: skip
    sizes = [(step_folder(tmp_path, step) / "model.safetensors").stat().st_size for step in (3, 4)]
    assert 0.45 < sizes[0] / sizes[1] < 0.65


def test_a_model_comes_back_equal_from_a_full_one_and_nearly_from_a_snapshot(
    tmp_path: Path, corpus: TokenizedCorpus
) -> None:
    batch = Batch(tokens=torch.arange(16)[None])
    for record in train(run_config(), corpus):
        if isinstance(record, Snapshot):
            model = read_model(write(tmp_path, record))
            assert not model.training
            record.state.model.eval()
            with torch.no_grad():
                expected, found = record.state.model(batch), model(batch)
            record.state.model.train()
            torch.testing.assert_close(found, expected, rtol=0, atol=0 if record.full else 2e-2)


def test_the_newest_full_checkpoint_that_verifies_is_found(tmp_path: Path, corpus: TokenizedCorpus) -> None:
    assert newest_full(tmp_path / "none") is None
    write_run(tmp_path, corpus)
    assert newest_full(tmp_path) == step_folder(tmp_path, 12)
    weights = step_folder(tmp_path, 12) / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.write_bytes(content)
    assert newest_full(tmp_path) == step_folder(tmp_path, 8)
    (step_folder(tmp_path, 8) / "manifest.json").unlink()
    assert newest_full(tmp_path) == step_folder(tmp_path, 4)
    with pytest.raises(Damaged):
        read_model(step_folder(tmp_path, 12))


def test_a_state_of_another_text_or_model_is_refused(tmp_path: Path, corpus: TokenizedCorpus) -> None:
    write_run(tmp_path, corpus, steps=4)
    folder = step_folder(tmp_path, 4)
    assert read_state(folder, run_config(steps=4), corpus).step == 4
    with pytest.raises(UserError, match="other settings"):
        read_state(folder, run_config(TransformerConfig(context=16, width=32, layers=2, heads=2)), corpus)
    with pytest.raises(UserError, match="look at only"):
        read_state(step_folder(tmp_path, 3), run_config(), corpus)
    other = corpus.__class__(**(vars(corpus) | {"digest": "0" * 32}))
    with pytest.raises(UserError, match="another text"):
        read_state(folder, run_config(), other)


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"format": 99}', b'{"format": 1}', b"\xff\xfe"])
def test_a_state_file_that_is_no_state_gives_one_sentence(
    tmp_path: Path, corpus: TokenizedCorpus, content: bytes
) -> None:
    write_run(tmp_path, corpus, steps=1)
    folder = step_folder(tmp_path, 1)
    files = {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "manifest.json"}
    write_folder(tmp_path, folder.name, files | {"state.json": content})
    with pytest.raises(UserError):
        read_state(folder, run_config(steps=1), corpus)


def test_only_the_two_newest_stay_full(tmp_path: Path, corpus: TokenizedCorpus) -> None:
    write_run(tmp_path, corpus)
    thin(tmp_path)
    assert list_steps(tmp_path) == [0, 1, 2, 3, 4, 6, 8, 12]
    full = [step for step in list_steps(tmp_path) if (step_folder(tmp_path, step) / "state.json").exists()]
    assert full == [8, 12]
    assert all(read_model(step_folder(tmp_path, step)) for step in list_steps(tmp_path))


def bytes_of(folder: Path, steps: list[int]) -> int:
    return sum(file.stat().st_size for step in steps for file in step_folder(folder, step).iterdir())


def test_thinning_keeps_the_ends_and_an_even_spread(tmp_path: Path, corpus: TokenizedCorpus) -> None:
    write_run(tmp_path, corpus, steps=64)
    thin(tmp_path)
    total = bytes_of(tmp_path, list_steps(tmp_path)[:-2])
    thin(tmp_path, budget=total // 2)
    kept = list_steps(tmp_path)
    assert kept[0] == 0
    assert kept[-2:] == [60, 64]
    assert len(kept) > 4
    assert bytes_of(tmp_path, kept[:-2]) <= total // 2
    inner = [step for step in kept if 0 < step < 60]
    assert min(inner) <= 8
    assert max(inner) >= 12


def test_full_checkpoints_take_no_room_from_the_snapshots(tmp_path: Path, corpus: TokenizedCorpus) -> None:
    write_run(tmp_path, corpus)
    thin(tmp_path)
    room = bytes_of(tmp_path, [0, 1, 2, 3, 4, 6])
    thin(tmp_path, budget=room)
    assert list_steps(tmp_path) == [0, 1, 2, 3, 4, 6, 8, 12]
    thin(tmp_path, budget=room - 1)
    assert len(list_steps(tmp_path)) == 7


def test_what_was_kept_after_the_step_that_a_run_goes_on_from_is_removed(
    tmp_path: Path, corpus: TokenizedCorpus
) -> None:
    write_run(tmp_path, corpus)
    (step_folder(tmp_path, 6) / "manifest.json").unlink()  # half removed by a worker that was killed
    take_back(tmp_path, 4)
    assert list_steps(tmp_path) == [0, 1, 2, 3, 4]
    assert newest_full(tmp_path) == step_folder(tmp_path, 4)
    take_back(tmp_path, None)
    assert list_steps(tmp_path) == []
    take_back(tmp_path / "none", None)


def test_a_state_is_json_without_code_in_it(tmp_path: Path, corpus: TokenizedCorpus) -> None:
    write_run(tmp_path, corpus, steps=4)
    state = json.loads((step_folder(tmp_path, 4) / "state.json").read_text())
    assert state["step"] == 4
    assert state["threads"] == 1
    assert state["corpus"] == corpus.digest
    assert state["config"]["training"]["steps"] == 4


def test_an_ngram_is_kept_whole(tmp_path: Path, corpus: TokenizedCorpus) -> None:
    config = run_config(NgramConfig(context=16, order=3))
    for record in train(config, corpus):
        if isinstance(record, Snapshot):
            folder = write(tmp_path, record)
            batch = Batch(tokens=torch.arange(16)[None])
            assert torch.equal(read_model(folder)(batch), record.state.model(batch))
    state = read_state(step_folder(tmp_path, 1), config, corpus)
    assert [type(record).__name__ for record in train(config, corpus, state)] == ["Finish"]
