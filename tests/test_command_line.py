"""The command line as scripts rely on it: flags, the last line of stdout, exit statuses, signals."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from llm_core import __main__ as command_line
from llm_core import devices
from llm_core.commands import training
from llm_core.config import RunConfig
from llm_core.data.corpora import CORPORA
from llm_core.errors import UserError
from llm_core.runs import history, truth
from llm_core.runs.settings import with_settings

ROOT = Path(__file__).parents[1]

RECIPE = """
[about]
title = "A tiny model"
description = "For tests."
[model]
family = "transformer"
width = 16
heads = 2
layers = 1
context = 16
[data]
tokenizer = "character"
[training]
steps = 12
batch_size = 2
evaluation_every = 6
evaluation_tokens = 256
sample_every = 12
sample_tokens = 4
checkpoint_every = 6
threads = 1
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("command line")
    (made / "recipes").mkdir()
    (made / "recipes" / "tiny.toml").write_text(RECIPE)
    words = [
        "the",
        "cat",
        "sat",
        "on",
        "the",
        "mat",
        "and",
        "looked",
        "at",
        "the",
        "rain",
        "for",
        "a",
        "while",
        "until",
        "the",
        "rain",
        "was",
        "over",
    ]
    text = "\n\n".join(" ".join(words[i % 7 :] + words[: i % 5]) + "." for i in range(60))
    (made / "text.txt").write_text(text + " 雪の日")
    return made


@pytest.fixture(autouse=True)
def at_home(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "RECIPES", folder / "recipes")
    monkeypatch.setenv("TERRARIUM_RUNS", str(folder / "runs"))
    monkeypatch.chdir(folder)


class Outcome:
    """What a command line printed and ended with."""

    def __init__(self, capsys: pytest.CaptureFixture[str], *words: str) -> None:
        capsys.readouterr()
        self.status = command_line.main(list(words))
        self.out, self.err = capsys.readouterr()

    @property
    def json(self) -> dict[str, Any]:
        assert self.status == 0, self.err
        value = json.loads(self.out.splitlines()[-1], parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
        assert isinstance(value, dict)
        return value


@pytest.fixture(scope="module")
def trained(folder: Path) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "RECIPES", folder / "recipes")
        patch.setenv("TERRARIUM_RUNS", str(folder / "runs"))
        patch.chdir(folder)
        assert command_line.main(["train", "tiny", "--corpus", "text.txt", "--name", "My run"]) == 0
    return str(next(name.parent for name in (folder / "runs").glob("*/name.txt") if name.read_text() == "My run"))


def everything(root: Path) -> dict[str, tuple[int, bytes]]:
    return {str(p): (p.stat().st_mtime_ns, p.read_bytes()) for p in root.rglob("*") if p.is_file()}


def test_train_gives_its_figures_as_one_object(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = Outcome(capsys, "train", "tiny", "--corpus", "text.txt", "--set", "training.steps=8", "training.seed=7", "--set", "model.layers=2", "--runs", str(folder / "elsewhere"), "--json")  # fmt: skip
    values = outcome.json
    assert outcome.out.count("\n") == 1
    run = Path(values["run"])
    assert run.parent == folder / "elsewhere"
    assert (values["steps"], values["tokens"]) == (8, 8 * 2 * 16)
    assert values["seconds"] > 0
    assert 0 < values["validation_loss"] < 6
    assert 0 < values["bits_per_character"] < 9
    rows = history.records(run)
    assert [row["step"] for row in rows if row["kind"] == "step"] == list(range(1, 9)), "a line every step"
    assert rows[0] == {"kind": "snapshot", "step": 0, "full": True}, "a full checkpoint at step 0"
    config = json.loads((run / "run.json").read_text())["config"]
    assert (config["training"]["seed"], config["model"]["layers"]) == (7, 2)


def test_the_same_command_gives_the_same_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    losses = [
        Outcome(capsys, "train", "tiny", "--corpus", "text.txt", "--json").json["validation_loss"] for _ in range(2)
    ]
    assert losses[0] == losses[1]


def test_a_text_with_defaults_brings_them_and_what_is_set_wins(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = (
        "train",
        "tiny",
        "--corpus",
        "copy",
        "--set",
        "data.documents=90",
        "training.batch_size=5",
        "training.steps=12",
        "--json",
    )
    values = Outcome(capsys, *words).json
    assert set(values["measures"]) == {"accuracy"}
    run = json.loads((Path(values["run"]) / "run.json").read_text())
    assert run["grammar"] is None
    config = run["config"]
    assert (config["data"]["rows"], config["data"]["documents"], config["model"]["context"]) == ("documents", 90, 32)
    assert (config["training"]["batch_size"], config["training"]["steps"]) == (5, 12)
    assert 12 * 5 * 10 <= values["tokens"] <= 12 * 5 * 26
    refused = Outcome(capsys, *words, "--set", "model.context=16")
    assert refused.status == 2
    assert "The longest document has 26 tokens with its end, but the context is 16." in refused.err


@pytest.mark.parametrize("way", ["id", "folder", "relative", "name"])
def test_resuming_a_finished_run_changes_nothing(
    folder: Path, trained: str, capsys: pytest.CaptureFixture[str], way: str
) -> None:
    before = everything(Path(trained))
    reference = {"id": Path(trained).name, "folder": trained, "relative": os.path.relpath(trained), "name": trained + "/"}[way]  # fmt: skip
    values = Outcome(capsys, "resume", reference, "--json").json
    assert (values["run"], values["steps"]) == (trained, 12)
    assert everything(Path(trained)) == before


def test_a_time_limit_replaces_the_steps(capsys: pytest.CaptureFixture[str]) -> None:
    began = time.monotonic()
    values = Outcome(capsys, "train", "tiny", "--corpus", "text.txt", "--seconds", "1.5", "--json").json
    assert 1.0 < values["seconds"] < 2.5
    assert time.monotonic() - began < 15
    assert values["steps"] > 0
    assert json.loads((Path(values["run"]) / "run.json").read_text())["config"]["training"]["seconds"] == 1.5


def test_generate_writes_and_repeats_itself(trained: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("generate", trained, "--prompt", "the ", "--tokens", "20", "--temperature", "0.9", "--top-k", "9", "--top-p", "0.9", "--seed", "3")  # fmt: skip
    values = Outcome(capsys, *words, "--json").json
    assert set(values) == {"text", "tokens", "seconds"}
    assert 0 < values["tokens"] <= 20
    assert Outcome(capsys, *words, "--json").json["text"] == values["text"]
    assert Outcome(capsys, *words).out == "the " + values["text"] + "\n"


def test_generate_looks_back_at_an_earlier_step(trained: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("generate", trained, "--prompt", "the cat", "--temperature", "0", "--tokens", "30", "--json")
    assert Outcome(capsys, *words, "--step", "0").json["text"] != Outcome(capsys, *words).json["text"]
    refused = Outcome(capsys, *words, "--step", "5")
    assert refused.status == 2
    assert "0, 1, 2, 3, 4, 6, 8, 12" in refused.err


def test_branch_goes_on_from_a_step_with_other_settings(trained: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = (
        "branch",
        trained,
        "--step",
        "6",
        "--set",
        "training.learning_rate=0.001",
        "training.steps=9",
        "--name",
        "slower",
    )
    values = Outcome(capsys, *words, "--json").json
    assert values["steps"] == 9
    made = json.loads((Path(values["run"]) / "run.json").read_text())
    assert made["branched_from"]["step"] == 6
    assert made["config"]["training"]["learning_rate"] == 0.001
    refused = Outcome(capsys, "branch", trained, "--set", "model.width=32")
    assert (refused.status, "model.width" in refused.err) == (2, True)


@pytest.mark.parametrize("prompt", ["", "雪", "🙂\n\t", "\udc80", "<|endoftext|>", "x" * 300])
def test_any_prompt_can_be_written_after(trained: str, capsys: pytest.CaptureFixture[str], prompt: str) -> None:
    assert Outcome(capsys, "generate", trained, "--prompt", prompt, "--tokens", "3", "--json").json["tokens"] <= 3


def test_evaluate_measures_the_held_out_text_and_any_other(trained: str, capsys: pytest.CaptureFixture[str]) -> None:
    values = Outcome(capsys, "evaluate", trained, "--json").json
    resumed = Outcome(capsys, "resume", trained, "--json").json
    assert values["validation_loss"] == pytest.approx(resumed["validation_loss"], rel=1e-5)
    assert values["bits_per_character"] == pytest.approx(resumed["bits_per_character"], rel=1e-5)
    assert values["perplexity"] > 1
    Path("other.txt").write_text("the mat sat on the cat.")
    other = Outcome(capsys, "evaluate", trained, "--corpus", "other.txt", "--json").json
    assert other["tokens"] == len("the mat sat on the cat.")
    assert other["validation_loss"] != values["validation_loss"]
    assert "no floor" in values["no_floor"]
    assert "entropy_floor" not in values


def test_evaluate_holds_a_story_model_against_the_truth(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(truth, "WRITTEN", 2)
    monkeypatch.setattr(devices, "physical_cores", lambda: 1)
    settings = (
        "data.documents=200",
        "data.held_out=0.05",
        "model.context=256",
        "training.steps=2",
        "training.batch_size=2",
    )
    run = Outcome(capsys, "train", "tiny", "--corpus", "stories-en", "--set", *settings, "--json").json["run"]
    values = Outcome(capsys, "evaluate", run, "--json").json
    assert 0 < values["entropy_floor"] < values["ngram_loss"]
    assert values["excess_per_story"] > 0
    assert values["gap_closed"] < 0  # after two steps it does worse than counting
    assert {values["sentences_valid"], values["stories_valid"], values["stories_copied"]} <= {0.0, 0.5, 1.0}
    assert all(0 <= found["accuracy"] <= 1 and found["items"] > 0 for found in values["skills"].values())
    assert {"place", "pronoun", "quote"} <= set(values["skills"])


def test_what_belongs_to_a_name_stands_under_it(capsys: pytest.CaptureFixture[str]) -> None:
    command_line._print_values({"loss": 0.123456789, "measures": {"accuracy": 0.5}, "skills": {"place": {"accuracy": 1.0, "items": 3}}})  # fmt: skip
    assert capsys.readouterr().out.splitlines() == [
        "loss: 0.123457", "measures: accuracy 0.5", "skills:", "  place: accuracy 1, items 3",
    ]  # fmt: skip


def test_lists_have_one_a_line_the_name_first(trained: str, capsys: pytest.CaptureFixture[str]) -> None:
    corpora = Outcome(capsys, "corpora").out.splitlines()
    names = [line.split("\t")[0] for line in corpora]
    assert names == list(CORPORA)
    assert {"python-reference", "python-library", "stories-en", "stories-zh", "copy"} <= set(names)
    assert Outcome(capsys, "recipes").out == "tiny\tA tiny model\n"
    lines = [line.split("\t") for line in Outcome(capsys, "runs").out.splitlines()]
    assert ["My run", Path(trained).name, "finished", "12"] in lines


BAD = {
    "no command": [],
    "unknown command": ["fly"],
    "unknown flag": ["train", "tiny", "--fast"],
    "shortened flag": ["generate", "RUN", "--pro", "x"],
    "unknown recipe": ["train", "no-such"],
    "recipe path": ["train", "../../etc/passwd"],
    "missing file": ["train", "tiny", "--corpus", "no-such.txt"],
    "zero byte": ["train", "tiny", "--corpus", "a\0b"],
    "empty corpus": ["train", "tiny", "--corpus", ""],
    "encoding": ["train", "tiny", "--corpus", "text.txt", "--encoding", "klingon"],
    "device": ["train", "tiny", "--device", "tpu"],
    "seconds": ["train", "tiny", "--seconds", "soon"],
    "no seconds": ["train", "tiny", "--seconds", "0"],
    "endless": ["train", "tiny", "--seconds", "inf"],
    "no number": ["train", "tiny", "--seconds", "nan"],
    "no value": ["train", "tiny", "--set", "training.steps"],
    "no section": ["train", "tiny", "--set", "steps=3"],
    "unknown setting": ["train", "tiny", "--set", "training.stepz=3"],
    "below a setting": ["train", "tiny", "--set", "training.steps.a=3"],
    "NaN": ["train", "tiny", "--set", "training.learning_rate=NaN"],
    "overflow": ["train", "tiny", "--set", "training.learning_rate=1e999"],
    "too high": ["train", "tiny", "--set", "training.learning_rate=1e9"],
    "fullwidth": ["train", "tiny", "--set", "training.steps=１２"],
    "string": ["train", "tiny", "--set", 'training.steps="3"'],
    "fraction": ["train", "tiny", "--set", "training.steps=3.5"],
    "digits": ["train", "tiny", "--set", "training.steps=" + "9" * 5000],
    "too many steps": ["train", "tiny", "--set", "training.steps=1000000000000"],
    "heads": ["train", "tiny", "--set", "model.heads=3"],
    "too large": ["train", "tiny", "--set", "model.width=4096", "model.layers=64"],
    "context": ["train", "tiny", "--corpus", "text.txt", "--set", "model.context=8192"],
    "vocabulary": ["train", "tiny", "--corpus", "text.txt", "--set", "model.vocabulary_size=7"],
    "list": ["train", "tiny", "--set", "training.steps=[1"],
    "no run": ["resume", "0123456789abcdef"],
    "run path": ["resume", "../.."],
    "generate no run": ["generate", "nothing", "--prompt", "x"],
    "no prompt": ["generate", "RUN"],
    "temperature": ["generate", "RUN", "--prompt", "x", "--temperature", "-1"],
    "tokens": ["generate", "RUN", "--prompt", "x", "--tokens", "0"],
    "top p": ["generate", "RUN", "--prompt", "x", "--top-p", "2"],
    "name that is no text": ["train", "tiny", "--corpus", "a\udcff"],
    "evaluate a name that is no text": ["evaluate", "RUN", "--corpus", "a\udcff"],
    "evaluate nothing": ["evaluate", "RUN", "--corpus", "no-such.txt"],
}  # fmt: skip


@pytest.mark.parametrize("words", BAD.values(), ids=BAD)
def test_bad_input_is_one_sentence_and_leaves_nothing(
    folder: Path, trained: str, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    before = everything(folder), sorted(folder.rglob("*"))
    outcome = Outcome(capsys, *[trained if word == "RUN" else word for word in words])
    assert outcome.status == 2
    assert outcome.out == ""
    assert outcome.err.count("\n") == 1
    assert len(outcome.err) < 700
    assert "Traceback" not in outcome.err
    assert (everything(folder), sorted(folder.rglob("*"))) == before


def test_a_refused_setting_names_the_nearest_that_would_do_unless_the_sentence_does(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(*settings: str) -> str:
        return Outcome(capsys, "train", "tiny", "--corpus", "text.txt", "--set", *settings).err

    assert "What would do: model.width=24 or 32." in refused("model.width=30", "model.heads=4")
    assert "What would do" not in refused("model.dropout=2")


def test_a_run_that_diverges_ends_with_one_sentence_and_status_1(capsys: pytest.CaptureFixture[str]) -> None:
    hot = ("training.optimizer=sgd", "training.learning_rate=10", "training.momentum=0.999", "training.gradient_clipping=1000000.0", "training.schedule=constant", "training.steps=300", "training.warmup=0")  # fmt: skip
    outcome = Outcome(capsys, "train", "tiny", "--corpus", "text.txt", "--set", *hot, "--json")
    assert outcome.status == 1
    assert "step" in outcome.err.splitlines()[-1]
    run = outcome.err.splitlines()[0].removeprefix("run ")
    again = Outcome(capsys, "resume", run, "--json")
    assert again.status == 1
    assert again.err.count("\n") == 1


def test_settings_are_strict_json_and_bare_words_are_strings() -> None:
    config = with_settings(
        RunConfig(),
        ["model.family=recurrent", "model.width=64", "data.corpus=my file.txt", "training.seconds=2.5",
         "training.gradient_clipping=null", "training.sample_prompt=Once = upon", 'data.tokenizer="word"'],
    )  # fmt: skip
    assert (config.model.family, config.data.corpus, config.data.tokenizer) == ("recurrent", "my file.txt", "word")
    assert (config.training.seconds, config.training.gradient_clipping) == (2.5, None)
    assert config.training.sample_prompt == "Once = upon"
    for text in ("training.steps=true", "training.steps=-1", "model=3", ".=1", "training.=1", "model.family=bert"):
        with pytest.raises(UserError):
            with_settings(RunConfig(), [text])


def start(folder: Path, *words: str) -> "subprocess.Popen[str]":
    program = f"import sys; from pathlib import Path; from llm_core import __main__ as c; from llm_core.commands import training; training.RECIPES = Path({str(folder / 'recipes')!r}); sys.exit(c.main(sys.argv[1:]))"  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii"}
    return subprocess.Popen([sys.executable, "-c", program, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)  # fmt: skip


def test_stopped_by_a_signal_and_killed_it_goes_on_to_the_same_end(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("train", "tiny", "--corpus", "text.txt", "--set", "training.steps=400", "training.checkpoint_every=100", "training.evaluation_every=50", "--json")  # fmt: skip
    whole = Outcome(capsys, *words).json
    with start(folder, *words) as process:
        assert process.stderr is not None
        assert process.stdout is not None
        run = Path(process.stderr.readline().removeprefix("run ").strip())
        wait_for_step(run, 60)
        process.send_signal(signal.SIGTERM)
        values = json.loads(process.stdout.read().splitlines()[-1])
    assert process.returncode == 0
    assert (values["state"], values["run"]) == ("stopped", str(run))
    assert 0 < values["steps"] < 400
    with start(folder, "resume", str(run), "--json") as process:
        wait_for_step(run, values["steps"] + 90)
        process.kill()
    values = Outcome(capsys, "resume", run.name, "--json").json
    assert (values["state"], values["steps"], values["validation_loss"]) == ("finished", 400, whole["validation_loss"])
    ours, theirs = ([row["loss"] for row in history.records(place) if row["kind"] in ("step", "evaluation")] for place in (run, Path(whole["run"])))  # fmt: skip
    assert ours == theirs


def wait_for_step(run: Path, step: int) -> None:
    deadline = time.monotonic() + 60
    while not any(row.get("step", 0) >= step for row in history.records(run)):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_the_lists_need_no_torch() -> None:
    program = "import sys; from llm_core.__main__ import main; main(['runs']); main(['corpora']); main(['recipes']); sys.exit('torch' in sys.modules)"  # fmt: skip
    assert subprocess.run([sys.executable, "-c", program], check=False, cwd=ROOT, stdout=subprocess.DEVNULL).returncode == 0  # fmt: skip
