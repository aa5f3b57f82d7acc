"""`python -m llm_core neurons`: what it prints holds against the model."""

import json
from pathlib import Path

import pytest
import torch

from llm_core.__main__ import main
from llm_core.interpret.reading import as_batch, read
from llm_core.runs.store import Store
from llm_core.taps import observe
from tests.pages.made_inside import TEXT, made

NAME = "d" * 16


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("neurons") / "runs"
    root.mkdir()
    made(root, NAME)
    return root


def asked(runs: Path, *words: str) -> list[str]:
    return ["neurons", NAME, "--runs", str(runs), *words]


def test_the_texts_that_excite_a_neuron_come_with_its_activation(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = (TEXT, "the dog sees a dog")
    status = main(asked(runs, "--layer", "1", "--neuron", "6", "--text", texts[0], "--text", texts[1], "--json"))
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    model, tokenizer = Store(runs).model(Store(runs).find(NAME))
    seen_in = []
    for text in texts:
        with torch.no_grad(), observe(model, only=["blocks.1.feed_forward.activations"]) as seen:
            model(as_batch(read(model, tokenizer, text)))
        seen_in.append(seen["blocks.1.feed_forward.activations"][0, :, 6])
    assert status == 0
    assert (told["neuron"], told["texts"], told["tokens"]) == ("decoder.1.feed_forward.6", 2, sum(map(len, seen_in)))
    assert told["highest"] == pytest.approx(max(float(each.max()) for each in seen_in), rel=1e-4)
    for each in told["most"]:
        activations = seen_in[each["text"]]
        assert each["position"] == int(activations.argmax())
        assert each["activation"] == pytest.approx(float(activations.max()), rel=1e-4)
    assert len(told["promoted"]) == len(told["suppressed"]) == 8
    assert min(told["promoted"].values()) > max(told["suppressed"].values())


def test_its_texts_are_lines_without_json(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(asked(runs, "--layer", "0", "--neuron", "3", "--texts", "5")) == 0
    out = capsys.readouterr().out
    assert "neuron: decoder.0.feed_forward.3" in out
    assert "texts: 5" in out


@pytest.mark.parametrize(
    "words", [("--layer", "9", "--neuron", "0"), ("--layer", "0", "--neuron", "9999"), ("--layer", "0", "--neuron", "0", "--part", "cross")]
)  # fmt: skip
def test_what_is_not_there_is_bad_input(runs: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]) -> None:
    assert main(asked(runs, *words)) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
