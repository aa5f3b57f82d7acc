"""Resume is exact: stopped anywhere and taken up from files, a run ends with the same bits as one never stopped."""

import random
from pathlib import Path
from typing import Any, Literal

import pytest
import torch

from llm_core.config import RecurrentConfig, RunConfig, TransformerConfig
from llm_core.data.corpora import with_corpus
from llm_core.data.prepare import TokenizedCorpus, prepare
from llm_core.training import loop
from llm_core.training.checkpoints import newest_full, read_state, write
from llm_core.training.loop import train
from llm_core.training.records import Evaluation, Finish, Layers, Record, Sample, Snapshot, Step, Text
from llm_core.training.state import TrainingState
from tests.training.conftest import run_config

MODEL = TransformerConfig(context=16, width=16, layers=2, heads=2, dropout=0.1)
STEPS = 40


def telling(records: list[Record]) -> list[tuple[Any, ...]]:
    """What must be equal to the bit: every figure but those of the clock."""
    figures: list[tuple[Any, ...]] = []
    for record in records:
        match record:
            case Step():
                figures.append(("step", record.step, record.tokens, record.loss, record.learning_rate, record.gradient_norm))  # fmt: skip
            case Evaluation():
                figures.append(("evaluation", record.step, record.loss))
            case Sample():
                figures.append(("sample", record.step, record.text))
            case Layers():
                figures.append(("layers", record.step, *record.gradient, *record.weight, *record.update))
            case Text():
                figures.append(("text", record.step, *record.losses))
            case Finish():
                figures.append(("finish", record.step))
    return figures


def run(
    config: RunConfig, corpus: TokenizedCorpus, steps: Path, kill_after: int | None = None
) -> tuple[list[Record], TrainingState | None]:
    """Go on from the newest checkpoint if there is one, until the end or until killed after a step."""
    newest = newest_full(steps)
    state = read_state(newest, config, corpus) if newest else None
    records: list[Record] = []
    for record in train(config, corpus, state):
        records.append(record)
        if isinstance(record, Snapshot):
            write(steps, record)
            state = record.state
        if isinstance(record, Step) and record.step == kill_after:
            break
    return records, state


def stitched(parts: list[list[Record]]) -> list[Record]:
    """What a history shows: what a resumed part repeats replaces what came after its checkpoint."""
    whole: list[Record] = []
    for part in parts:
        first = min((record.step for record in part if isinstance(record, Step)), default=0)
        begins = bool(part) and isinstance(part[0], Snapshot) and part[0].step == 0
        whole = [] if begins else [record for record in whole if record.step < first]
        whole += part
    return whole


def hard(name: str, precision: str, **settings: Any) -> RunConfig:
    # Epochs of 419 windows: steps of 2 x 24 run over the end of one, so that both sides of the seam are met.
    return run_config(
        MODEL, steps=STEPS, batch_size=24, accumulation=2, optimizer=name, precision=precision,
        evaluation_every=7, sample_every=11, checkpoint_every=5, weight_decay=0.01, **settings,
    )  # fmt: skip


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("name", ["adamw", "sgd", "muon"])
def test_killed_at_random_steps_it_ends_with_the_same_bits(
    tmp_path: Path, corpus: TokenizedCorpus, name: Literal["adamw", "sgd", "muon"], precision: str
) -> None:
    config = hard(name, precision)
    straight, last = run(config, corpus, tmp_path / "straight")
    dice = random.Random(f"{name} {precision}")
    parts = []
    for kill in sorted(dice.sample(range(1, STEPS), 3)):
        parts.append(run(config, corpus, tmp_path / "broken", kill_after=kill)[0])
    records, resumed = run(config, corpus, tmp_path / "broken")
    assert telling(stitched([*parts, records])) == telling(straight)
    assert last is not None
    assert resumed is not None
    expected = last.model.state_dict()
    assert all(torch.equal(expected[key], value) for key, value in resumed.model.state_dict().items())


def test_other_runs_in_between_change_nothing(tmp_path: Path, corpus: TokenizedCorpus) -> None:
    config = hard("muon", "fp32")
    straight, _ = run(config, corpus, tmp_path / "straight")
    first, _ = run(config, corpus, tmp_path / "broken", kill_after=23)
    torch.manual_seed(99)
    list(train(run_config(), corpus))
    second, _ = run(config, corpus, tmp_path / "broken")
    assert telling(stitched([first, second])) == telling(straight)


def test_an_lstm_resumes_exactly(tmp_path: Path, corpus: TokenizedCorpus) -> None:
    model = RecurrentConfig(context=16, width=16, layers=2, dropout=0.1)
    config = run_config(model, steps=20, checkpoint_every=6)
    straight, _ = run(config, corpus, tmp_path / "straight")
    first, _ = run(config, corpus, tmp_path / "broken", kill_after=15)
    second, _ = run(config, corpus, tmp_path / "broken")
    assert telling(stitched([first, second])) == telling(straight)


def test_rows_of_whole_documents_resume_exactly(tmp_path: Path) -> None:
    data = with_corpus(RunConfig(), "copy").data.model_copy(update={"documents": 90})
    lines = prepare(data, tmp_path / "corpora")
    # Epochs of three batches, so that steps of two run over the end of one.
    config = run_config(MODEL.model_copy(update={"context": 32}), steps=12, batch_size=24, accumulation=2)
    straight, _ = run(config, lines, tmp_path / "straight")
    parts = [run(config, lines, tmp_path / "broken", kill_after=kill)[0] for kill in (2, 6, 11)]
    records, _ = run(config, lines, tmp_path / "broken")
    assert telling(stitched([*parts, records])) == telling(straight)


def test_fp16_resumes_exactly_with_its_scaler(tmp_path: Path, corpus: TokenizedCorpus) -> None:
    config = hard("adamw", "fp16")
    straight, _ = run(config, corpus, tmp_path / "straight")
    first, _ = run(config, corpus, tmp_path / "broken", kill_after=23)
    second, _ = run(config, corpus, tmp_path / "broken")
    assert telling(stitched([first, second])) == telling(straight)


def test_a_snapshot_taken_after_any_step_can_be_gone_on_from(tmp_path: Path, corpus: TokenizedCorpus) -> None:
    config = hard("muon", "bf16")
    straight, _ = run(config, corpus, tmp_path / "straight")
    records: list[Record] = []
    state = None
    for record in train(config, corpus):
        records.append(record)
        if isinstance(record, Snapshot):
            state = record.state
        if isinstance(record, Step) and record.step == 17:
            assert state is not None
            write(tmp_path / "stopped", state.snapshot())
            break
    second, _ = run(config, corpus, tmp_path / "stopped")
    assert telling(stitched([records, second])) == telling(straight)


def test_a_finished_run_taken_up_again_only_says_that_it_is_finished(tmp_path: Path, corpus: TokenizedCorpus) -> None:
    config = run_config()
    run(config, corpus, tmp_path)
    records, _ = run(config, corpus, tmp_path)
    assert records == [Finish(12, "finished")]


def test_a_run_ended_during_a_long_last_look_goes_on_with_that_look(
    tmp_path: Path, corpus: TokenizedCorpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = hard("muon", "fp32")
    straight, _ = run(config, corpus, tmp_path / "straight")
    monkeypatch.setattr(loop, "_LONG_LOOK", 1000)
    first: list[Record] = []
    for record in train(config, corpus):
        first.append(record)
        if isinstance(record, Snapshot) and record.step == STEPS:
            assert record.full
            write(tmp_path / "broken", record)
            break
    assert isinstance(first[-2], Step)
    second, _ = run(config, corpus, tmp_path / "broken")
    assert [type(record) for record in second] == [Snapshot, Evaluation, Text, *[Sample] * 3, Snapshot, Finish]
    assert telling([*first, *second]) == telling(straight)
    assert run(config, corpus, tmp_path / "broken")[0] == [Finish(STEPS, "finished")]


def test_a_resumed_run_keeps_its_thread_count(tmp_path: Path, corpus: TokenizedCorpus) -> None:
    run(run_config(threads=2), corpus, tmp_path, kill_after=6)
    newest = newest_full(tmp_path)
    assert newest is not None
    state = read_state(newest, run_config(threads=1), corpus)
    assert state.threads == 2
    next(train(run_config(threads=1), corpus, state))
    assert torch.get_num_threads() == 2


def test_a_time_limit_counts_the_time_before_the_break(tmp_path: Path, corpus: TokenizedCorpus) -> None:
    config = run_config(steps=100_000, seconds=1.0)
    run(config, corpus, tmp_path, kill_after=9)
    newest = newest_full(tmp_path)
    assert newest is not None
    state = read_state(newest, config, corpus)
    assert 0 < state.seconds < 1
    before = state.seconds
    records = list(train(config, corpus, state))
    first = next(record for record in records if isinstance(record, Step))
    assert first.seconds > before
