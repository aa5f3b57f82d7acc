"""The command line with an encoder: train, resume and evaluate say what it knows, and nothing that it has not."""

from pathlib import Path

import pytest

from llm_core import __main__ as command_line
from llm_core.runs.store import Store
from tests.test_command_line import Outcome

SMALL = (
    "--set", "data.documents=120", "model.width=16", "model.heads=2", "model.layers=1", "training.batch_size=8",
    "training.evaluation_every=6", "training.sample_every=6", "training.checkpoint_every=6", "training.threads=1",
    "training.steps=6",
)  # fmt: skip


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> str:
    root = tmp_path_factory.mktemp("reading") / "runs"
    assert command_line.main(["train", "cloze", *SMALL, "--runs", str(root)]) == 0
    (run,) = Store(root).runs()
    return str(run.folder)


def test_an_encoder_is_scored_on_hidden_tokens(
    trained: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    finished = Outcome(capsys, "resume", trained, "--json").json
    assert (finished["perplexity"], finished["bits_per_character"]) == (None, None)
    assert set(finished["measures"]) == {"accuracy"}
    values = Outcome(capsys, "evaluate", trained, "--json").json
    assert values["validation_loss"] == pytest.approx(finished["validation_loss"], rel=1e-5)
    assert values["accuracy"] == pytest.approx(finished["measures"]["accuracy"])
    assert (values["perplexity"], values["bits_per_character"]) == (None, None)
    assert "how likely a hidden word is" in values["no_floor"]
    assert values["tokens"] > 0
    (tmp_path / "mine.txt").write_text("Tom saw a boat on the lake. " * 40, encoding="utf-8")
    other = Outcome(capsys, "evaluate", trained, "--corpus", str(tmp_path / "mine.txt"), "--json").json
    assert other["validation_loss"] != values["validation_loss"]


def test_an_encoder_does_not_write_and_says_so(trained: str, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = Outcome(capsys, "generate", trained, "--prompt", "Lily")
    assert outcome.status == 2
    assert "it is an encoder" in outcome.err


def test_a_report_tells_the_share_that_is_right(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = Outcome(capsys, "train", "xlnet", *SMALL, "--runs", str(tmp_path / "runs"))
    assert outcome.status == 0
    last = [line for line in outcome.err.splitlines() if line.startswith("step 6:")]
    assert "% right" in last[-1]
    assert "bits" not in last[-1]


def test_settings_that_do_not_go_with_an_encoder_leave_nothing_behind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = Outcome(capsys, "train", "cloze", "--set", "data.mask_token=false", "--runs", str(tmp_path / "runs"))
    assert outcome.status == 2
    assert "data.mask_token = true" in outcome.err
    assert not (tmp_path / "runs").exists()
