"""A branch goes on from a step of another run: bit for bit with the same settings, and by itself once it stands."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from llm_core.config import DataConfig, NgramConfig, RunConfig, TransformerConfig
from llm_core.errors import UserError
from llm_core.runs import history, opened, worker
from llm_core.runs.branch import beginning
from llm_core.runs.run import Run
from llm_core.runs.store import Store
from llm_core.runs.worker import work
from llm_core.training import atomic, checkpoints
from tests.training.conftest import run_config

ME, OTHER = "student-" + 16 * "a", "student-" + 16 * "b"
STEPS = 12
Change = Callable[..., RunConfig]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("branches")


@pytest.fixture(scope="module")
def settings(place: Path) -> RunConfig:
    text = place / "text.txt"
    text.write_text("".join(f"{n} green bottles hanging on the wall.\n" for n in range(99, 0, -1)), encoding="utf-8")
    model = TransformerConfig(context=16, width=16, layers=1, heads=2, dropout=0.1)
    config = run_config(model, steps=STEPS, checkpoint_every=4, optimizer="muon")
    return config.model_copy(update={"data": DataConfig(corpus=str(text), tokenizer="character")})


@pytest.fixture(scope="module")
def keeper(place: Path) -> Store:
    return Store(place / "runs", bundled=place / "models")


@pytest.fixture(scope="module")
def parent(keeper: Store, settings: RunConfig) -> Run:
    run = keeper.create(settings, name="the parent", owner=OTHER)
    assert work(run).state == "finished"
    return run


def changed(config: RunConfig, **training: Any) -> RunConfig:
    return config.model_copy(update={"training": config.training.model_copy(update=training)})


def rows(run: Run, kind: str) -> list[history.Row]:
    return [row for row in history.records(run.folder) if row.get("kind") == kind]


def weights(run: Run, step: int) -> dict[str, torch.Tensor]:
    return dict(checkpoints.read_model(run.folder / "steps" / f"{step:08d}").state_dict())


def telling(run: Run, after: int) -> list[tuple[Any, ...]]:
    """All figures after a step but those of the clock."""
    left_out = {"seconds", "tokens_per_second"}
    return [
        tuple((name, str(value)) for name, value in row.items() if name not in left_out)
        for row in history.records(run.folder)
        if isinstance(row.get("step"), int) and row["step"] > after
    ]


def test_with_the_same_settings_it_repeats_its_parent_to_the_bit(keeper: Store, parent: Run) -> None:
    assert (parent.folder / "steps" / "00000008" / checkpoints.STATE).exists()
    branch = keeper.branch(parent, 8, parent.config, name="", owner=ME)
    assert branch.owner == ME
    assert branch.branched_from is not None
    assert (branch.branched_from.run, branch.branched_from.step) == (parent.id, 8)
    assert work(branch).state == "finished"
    assert telling(branch, 8) == telling(parent, 8)
    ours, theirs = weights(branch, STEPS), weights(parent, STEPS)
    assert all(torch.equal(theirs[name], value) for name, value in ours.items())
    assert rows(branch, "branched") == [
        {"kind": "branched", "from": parent.id, "step": 8, "optimizer": "kept"} | known(parent, 8)
    ]
    looks = [row["step"] for row in rows(branch, "evaluation")]
    assert looks == [8, 10, 12], "what it begins with is looked at once"
    assert [row["step"] for row in rows(branch, "fixed_text")] == [8]
    assert branch.status().step == STEPS


def known(run: Run, step: int) -> history.Row:
    at = next(row for row in rows(run, "step") if row["step"] == step)
    return {"tokens": at["tokens"], "seconds": at["seconds"], "initial_loss": rows(run, "evaluation")[0]["loss"]}


def test_from_weights_alone_the_optimizer_begins_anew_at_the_same_step(keeper: Store, parent: Run) -> None:
    assert not (parent.folder / "steps" / "00000006" / checkpoints.STATE).exists()
    branch = keeper.branch(parent, 6, changed(parent.config, steps=9), name="six", owner=ME)
    assert work(branch).state == "finished"
    (row,) = rows(branch, "branched")
    assert (row["optimizer"], row["step"], row["tokens"]) == ("anew", 6, known(parent, 6)["tokens"])
    steps = rows(branch, "step")
    assert [row["step"] for row in steps] == [7, 8, 9]
    assert steps[0]["tokens"] == row["tokens"] + 4 * 16
    begin, theirs = weights(branch, 6), weights(parent, 6)
    assert all(torch.equal(theirs[name], value) for name, value in begin.items())


def test_other_settings_take_hold_where_it_begins(keeper: Store, parent: Run) -> None:
    config = changed(
        parent.config, learning_rate=0.0123, schedule="constant", warmup=0.0, batch_size=6, steps=10, seed=5
    )
    config = config.model_copy(update={"model": config.model.model_copy(update={"dropout": 0.4})})
    branch = keeper.branch(parent, 8, config, name="", owner=ME)
    assert work(branch).state == "finished"
    steps = rows(branch, "step")
    assert [row["step"] for row in steps] == [9, 10]
    assert {row["learning_rate"] for row in steps} == {0.0123}
    assert steps[1]["tokens"] - steps[0]["tokens"] == 6 * 16
    model, _ = keeper.model(branch, 10)
    assert model.config.dropout == 0.4  # type: ignore[union-attr]


def test_another_kind_of_optimizer_begins_anew(keeper: Store, parent: Run) -> None:
    branch = keeper.branch(parent, 8, changed(parent.config, optimizer="sgd", steps=9), name="", owner=ME)
    assert rows(branch, "branched")[0]["optimizer"] == "anew"
    assert work(branch).state == "finished"


def test_a_branch_needs_its_parent_no_more(keeper: Store, settings: RunConfig) -> None:
    parent = keeper.create(settings, name="short", owner=ME)
    work(parent)
    branch = keeper.branch(parent, 8, changed(parent.config, steps=16), name="", owner=ME)
    shutil.rmtree(parent.folder)

    def stop(row: history.Row) -> None:
        if row["kind"] == "step" and row["step"] == 10:
            keeper.want(branch, "stopped", owner=ME)

    assert work(branch, report=stop).state == "stopped"
    keeper.want(branch, "running", owner=ME)
    assert work(branch).state == "finished"
    assert [row["step"] for row in rows(branch, "step")] == list(range(9, 17))
    assert [row["step"] for row in rows(branch, "evaluation")] == [8, 10, 15, 16]
    again = keeper.branch(branch, 16, changed(branch.config, steps=17), name="", owner=ME)
    assert work(again).state == "finished"
    assert rows(again, "branched")[0]["initial_loss"] == rows(branch, "branched")[0]["initial_loss"]


def test_a_read_only_run_can_be_branched_from(keeper: Store, parent: Run, place: Path) -> None:
    shutil.copytree(parent.folder, place / "models" / "bundled-one")
    bundled = keeper.find("bundled-one")
    assert bundled.read_only
    branch = keeper.branch(bundled, None, changed(bundled.config, steps=STEPS + 1), name="", owner=ME)
    assert branch.branched_from is not None
    assert branch.branched_from.run == "bundled-one"
    assert work(branch).state == "finished"
    assert [row["step"] for row in rows(branch, "step")] == [STEPS + 1]


@pytest.mark.parametrize(
    ("section", "change", "named"),
    [
        ("model", {"width": 32}, "model.width"), ("model", {"layers": 3}, "model.layers"),
        ("data", {"vocabulary_size": 300}, "data.vocabulary_size"), ("data", {"corpus": "copy"}, "data.corpus"),
        ("training", {"steps": 8}, "training.steps"), ("training", {"seconds": 1e-9}, "training.seconds"),
    ],
)  # fmt: skip
def test_what_must_stay_is_named_and_nothing_is_left_behind(
    keeper: Store, parent: Run, section: str, change: dict[str, Any], named: str
) -> None:
    part = getattr(parent.config, section)
    config = parent.config.model_copy(update={section: part.model_copy(update=change)})
    before = sorted(path.name for path in keeper.root.iterdir())
    with pytest.raises(UserError, match=named):
        keeper.branch(parent, 8, config, name="", owner=ME)
    assert sorted(path.name for path in keeper.root.iterdir()) == before


def test_steps_that_were_not_kept_and_runs_without_steps_are_refused(
    keeper: Store, parent: Run, settings: RunConfig
) -> None:
    with pytest.raises(UserError, match="kept no model at step 5"):
        keeper.branch(parent, 5, parent.config, name="", owner=ME)
    counted = settings.model_copy(update={"model": NgramConfig(context=16, order=2)})
    ngram = keeper.create(counted, name="", owner=ME)
    work(ngram)
    with pytest.raises(UserError, match="counts its text once"):
        keeper.branch(ngram, None, counted, name="", owner=ME)


def test_a_damaged_checkpoint_makes_no_branch(keeper: Store, settings: RunConfig) -> None:
    run = keeper.create(changed(settings, steps=1), name="", owner=ME)
    work(run)
    weights_file = run.folder / "steps" / "00000001" / "model.safetensors"
    weights_file.write_bytes(weights_file.read_bytes()[:-1])
    before = len(keeper.runs())
    with pytest.raises(UserError, match="damaged"):
        keeper.branch(run, 1, changed(settings, steps=2), name="", owner=ME)
    assert len(keeper.runs()) == before


def test_a_checkpoint_that_tells_no_settings_lets_the_optimizer_begin_anew(
    keeper: Store, settings: RunConfig, parent: Run
) -> None:
    run = keeper.create(settings, name="odd", owner=OTHER)
    shutil.copytree(parent.folder / "steps", run.folder / "steps")
    folder = run.folder / "steps" / f"{STEPS:08d}"
    files = {path.name: path.read_bytes() for path in folder.iterdir() if path.name != atomic.MANIFEST}
    files["state.json"] = b'{"config": 5}'
    atomic.write_folder(folder.parent, folder.name, files)
    branched = keeper.branch(run, STEPS, changed(settings, steps=STEPS + 2), name="b", owner=ME)
    assert rows(branched, "branched")[0]["optimizer"] == "anew"


def test_a_first_row_that_no_worker_has_written_is_not_relied_on() -> None:
    row = {"kind": "branched", "from": 16 * "a", "step": 3, "tokens": 5, "seconds": 1.0, "initial_loss": None}
    assert beginning([{"kind": "step", "step": 1}, row]) == row
    assert beginning([]) is None
    for name, value in (("step", "3"), ("tokens", None), ("seconds", "1"), ("initial_loss", "x"), ("step", True)):
        assert beginning([row | {name: value}]) is None


def test_a_double_click_makes_one_branch(keeper: Store, parent: Run) -> None:
    first, second = (keeper.branch(parent, 8, parent.config, name="", owner=ME, form_token="t") for _ in range(2))
    assert first.id == second.id


def test_a_step_that_is_asked_for_singly_is_opened(
    keeper: Store, settings: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "PAUSE_SAVES", -1.0)
    run = keeper.create(settings, name="", owner=ME)
    keeper.want(run, "running", until_step=1, owner=ME)

    def on(row: history.Row) -> None:
        if row["kind"] == "step" and row["step"] == 2:
            keeper.want(run, "stopped", owner=ME)

    assert work(run, pause_ends=0.0).state == "paused"
    assert opened.steps(run.folder) == [1]
    assert [row["kind"] for row in history.records(run.folder) if row.get("step") == 1][:3] == ["opened", "layers", "step"]  # fmt: skip
    keeper.want(run, "running", owner=ME)
    assert work(run, report=on).state == "stopped"
    assert opened.steps(run.folder) == [1], "a step that nobody asked for is not"
    read = opened.read(run.folder, 1)
    assert read is not None
    assert read["loss_after"] < read["loss_before"]


def test_an_old_run_that_goes_on_names_the_text_it_is_looked_at_with(keeper: Store, settings: RunConfig) -> None:
    run = keeper.create(settings, name="", owner=ME)

    def stop(row: history.Row) -> None:
        if row["kind"] == "step" and row["step"] == 6:
            keeper.want(run, "stopped", owner=ME)

    work(run, report=stop)
    file = run.folder / history.FILE
    new = ('"kind":"fixed_text"', '"kind":"text"', '"kind":"layers"')
    file.write_text("".join(line for line in file.read_text("utf-8").splitlines(True) if not any(k in line for k in new)), "utf-8")  # fmt: skip
    keeper.want(run, "running", owner=ME)
    assert work(run).state == "finished"
    assert len(rows(run, "fixed_text")) == 1
    assert [row["step"] for row in rows(run, "text")] == [6, 8, 10, 12], "it stopped between the step 6 and its looks"
    unigram = [row for row in rows(run, "baseline") if row["name"] == "unigram"]
    assert len(unigram) == 1
