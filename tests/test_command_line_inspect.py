"""`inspect` on the command line: the same numbers as the library gives, in aligned tables or as one JSON object."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from llm_core import __main__ as command_line
from llm_core import devices
from llm_core.interpret.ablation.ablation import map_ablations, target_of
from llm_core.interpret.attribution.logit_attribution import attribute_logit
from llm_core.interpret.lenses.logit_lens import logit_lens
from llm_core.interpret.patching.pairs import pair_of_readings
from llm_core.interpret.patching.patching import Patching
from llm_core.interpret.reading import as_batch, read
from llm_core.interpret.target import Target
from llm_core.runs.store import Store
from tests import foreign

TEXT, OTHER = "the quick fox", "the brown fox"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TERRARIUM_RUNS", str(tmp_path / "runs"))
    monkeypatch.setattr(devices, "physical_cores", lambda: 1)
    for kind in ("bert", "gpt2"):
        foreign.write_model(kind, tmp_path / kind)
        assert command_line.main(["import", kind, "--name", kind]) == 0
    capsys.readouterr()


def call(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    status = command_line.main(["inspect", *words])
    said = capsys.readouterr()
    return status, said.out, said.err


def asked(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, object]:
    status, out, err = call(capsys, *words, "--json")
    assert (status, err, out.count("\n")) == (0, "", 1)
    found: dict[str, object] = json.loads(out)
    return found


def test_every_method_gives_the_numbers_of_the_library(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = Store(tmp_path / "runs")
    model, tokenizer = store.model(store.find("gpt2", paths=True))
    reading = read(model, tokenizer, TEXT)
    position = len(reading.text.ids) - 2
    with torch.inference_mode():
        best = model(as_batch(reading))[0, position].topk(2).indices.tolist()
    target = Target(position, best[0], best[1])
    at = ("gpt2", "--text", TEXT, "--position", str(position))

    lens = asked(capsys, at[0], "lens", *at[1:])
    expected = logit_lens(model, reading, pinned=[best[0]])
    assert (lens["method"], lens["position"], lens["token"]) == ("lens", position, tokenizer.pieces[best[0]])
    rows: list[dict[str, float]] = lens["rows"]  # type: ignore[assignment]
    assert [row["place"] for row in rows] == [str(row) for row in expected.rows]
    assert [row["token_probability"] for row in rows] == pytest.approx(expected.pinned_probabilities[:, position, 0].tolist(), abs=1e-6)  # fmt: skip
    assert [row["entropy"] for row in rows] == pytest.approx(expected.entropies[:, position].tolist(), abs=1e-5)

    attribution = asked(capsys, at[0], "attribution", *at[1:])
    whole = attribute_logit(model, reading, target)
    assert attribution["contributions"] == pytest.approx(
        {str(name): value for name, value in zip(whole.components, whole.contributions.tolist(), strict=True)}, abs=1e-5
    )
    parts = [*attribution["contributions"].values(), *attribution["constants"].values()]  # type: ignore[attr-defined]
    assert sum(parts) == pytest.approx(attribution["value"], abs=1e-4)

    ablation = asked(capsys, at[0], "ablation", *at[1:])
    each = map_ablations(model, target_of(model, reading, target))
    assert ablation["changes"] == pytest.approx({str(one.components[0]): one.change for one in each}, abs=1e-5)

    patching = asked(capsys, at[0], "patching", *at[1:], "--other", OTHER)
    pair = pair_of_readings(model, reading, read(model, tokenizer, OTHER), tokenizer.pieces, target)
    found = Patching(model, pair).map("residual", "decoder")
    np.testing.assert_allclose(np.array(patching["values"]), found.values, atol=1e-5)
    assert patching["columns"] == list(found.columns)


def test_a_table_stands_in_columns_and_an_encoder_is_asked_at_its_mask(capsys: pytest.CaptureFixture[str]) -> None:
    text = "the [MASK] fox"
    status, out, err = call(capsys, "bert", "ablation", "--text", text, "--against", "others")
    assert (status, err) == (0, "")
    title, header, *lines = out.splitlines()
    assert "minus the mean of all others at position" in title
    begins = {len(line) for line in (header, *lines)}
    assert header.split() == ["piece", "change"]
    assert len(begins) == 1, "numbers end in one column"
    values = asked(capsys, "bert", "ablation", "--text", text, "--against", "others")
    first = lines[0].split()
    assert float(first[1]) == pytest.approx(values["changes"][first[0]], abs=1e-4)  # type: ignore[index]
    changes: dict[str, float] = values["changes"]  # type: ignore[assignment]
    assert abs(changes[first[0]]) == max(map(abs, changes.values()))


def test_heads_are_found_and_proved_and_what_cannot_be_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    found = asked(capsys, "bert", "heads")
    kinds: dict[str, dict[str, float]] = found["kinds"]  # type: ignore[assignment]
    absent: dict[str, str] = found["absent"]  # type: ignore[assignment]
    assert {"induction", "successor", "subject"} <= set(absent)
    for kind in kinds.values():
        assert kind["heads"]
        assert 1 <= kind["rank"] <= kind["of"]
    assert set(kinds) | set(absent) == {"induction", "previous_token", "duplicate_token", "successor", "subject"}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["gpt2", "lens"], "--text"),
        (["gpt2", "patching", "--text", TEXT], "--other"),
        (["gpt2", "lens", "--text", TEXT, "--position", "99"], "no position 99"),
        (["gpt2", "lens", "--text", TEXT, "--position", "-1"], "no position -1"),
        (["gpt2", "attribution", "--text", TEXT, "--token", "no such token at all"], "no single token"),
        (["gpt2", "ablation", "--text", TEXT, "--token", "fox", "--against", "fox"], "with itself"),
        (["gpt2", "patching", "--text", TEXT, "--other", "the quick brown fox jumps"], "tokens"),
        (["gpt2", "magic", "--text", TEXT], "invalid choice"),
        (["nothing", "lens", "--text", TEXT], "nothing"),
        (["gpt2", "lens", "--text", TEXT, "--step", "12345"], "12345"),
        (["gpt2", "heads", "--seed", "-1"], "seed must be at least 0"),
        (["gpt2", "probes", "--seed", "-1"], "seed must be at least 0"),
    ],
)
def test_what_cannot_be_inspected_is_one_sentence(words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    status, out, err = call(capsys, *words, "--json")
    assert (status, out) == (2, "")
    assert sentence in err
    assert err.count("\n") == 1
