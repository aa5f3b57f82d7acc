"""The view of neurons: what it lists and draws of a neuron holds against the model itself."""

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest

from llm_core.interpret.attribution.logit_attribution import attribute_logit
from llm_core.interpret.components import Component
from llm_core.interpret.reading import as_batch, read
from llm_core.interpret.target import Target
from llm_core.runs.own_texts import own_texts
from llm_core.runs.store import Store
from llm_core.taps import observe
from pages.ui import state
from pages.ui.inside import direct, selection
from pages.ui.inside.computed import ask
from pages.ui.inside.features import neuron_data, neurons
from pages.ui.inside.features.neuron_data import TEXTS
from pages.ui.state import INSIDE_NEURON_KEY, INSIDE_OFF_KEY
from tests.pages.made_inside import TEXT, made
from tests.pages.opened_inside import open_inside

DECODER, ENCODER = "d" * 16, "e" * 16


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    root = tmp_path_factory.mktemp("made") / "runs"
    root.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TERRARIUM_RUNS", str(root))
        patch.setattr("llm_core.runs.store.BUNDLED_MODELS", root / "none")
        patch.setattr(state, "_warm_up", lambda: None)
        state.store.cache_clear()
        made(root, DECODER)
        made(root, ENCODER, "encoder", masked=True)
        yield state.store()
    state.store.cache_clear()


def open_page(**query: str) -> AppTest:
    return open_inside(**{"run": DECODER, "text": TEXT, "view": "neurons", **query})


def part_of(test: AppTest, name: str) -> dict[str, Any]:
    parts = [json.loads(node.proto.json) for node in test.get("bidi_component")]
    (found,) = [data for data in parts if data.get("name") == name]
    return found


def rows_of(test: AppTest, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(part_of(test, name)["table"])))


def test_the_neuron_that_adds_most_comes_first(store: Store) -> None:
    test = open_page(layer="1", token="2", target="5", against="3")
    model, tokenizer = store.model(store.find(DECODER))
    found = attribute_logit(model, read(model, tokenizer, TEXT), Target(2, 5, 3), neurons=10_000)
    expected = {neuron.index: value for neuron, value in zip(found.neurons, found.neuron_contributions, strict=True) if neuron.layer == 1}  # fmt: skip
    rows = rows_of(test, f"terrarium-neurons-{DECODER}-1-decoder-1")
    assert len(rows) == len(expected) == 64
    for row in rows:
        assert float(row["effect"]) == pytest.approx(float(expected[int(row["neuron"])]), abs=1e-5)
    strongest = max(expected, key=lambda neuron: abs(expected[neuron]))
    assert test.session_state[INSIDE_NEURON_KEY] == strongest
    query = test.query_params["neuron"]
    assert int(query if isinstance(query, str) else query[0]) == strongest


def test_its_texts_are_those_in_which_it_is_highest(store: Store) -> None:
    test = open_page(layer="0", neuron="3")
    run = store.find(DECODER)
    model, tokenizer = store.model(run)
    peaks = []
    for text, _source in own_texts(run, tokenizer, TEXTS):
        with torch.no_grad(), observe(model, only=["blocks.0.feed_forward.activations"]) as seen:
            model(as_batch(read(model, tokenizer, text)))
        peaks.append(float(seen["blocks.0.feed_forward.activations"][0, :, 3].max()))
    name = f"terrarium-neuron-{DECODER}-1-decoder.0.feed_forward.3"
    shown = part_of(test, f"{name}-texts")["rows"]
    values = [row["values"][row["peak"]] for row in shown]
    np.testing.assert_allclose(
        values, sorted((peak for peak in peaks if peak > 0), reverse=True)[: len(shown)], rtol=1e-4
    )
    assert len(shown) == min(8, sum(peak > 0 for peak in peaks)) > 0
    assert all(max(row["values"]) == row["values"][row["peak"]] for row in shown)
    counts = rows_of(test, f"{name}-histogram")
    assert sum(int(row["tokens"]) for row in counts) > len(peaks)


def test_one_click_takes_it_away_and_another_puts_it_back(store: Store) -> None:
    name = "decoder.1.feed_forward.2"
    test = open_page(layer="1", neuron="2")
    test.button(key=f"inside_switch_{name}").click().run()
    assert test.session_state[INSIDE_OFF_KEY] == (name,)
    assert any("layer 1, neuron 2" in text.value for text in test.text)
    test.button(key=f"inside_switch_{name}").click().run()
    assert test.session_state[INSIDE_OFF_KEY] == ()
    test.button(key="inside_switch_decoder.1.feed_forward").click().run()
    assert test.session_state[INSIDE_OFF_KEY] == ("decoder.1.feed_forward",)


@pytest.mark.parametrize("listed", ["height", "label"])
def test_an_encoder_has_neurons_too(store: Store, listed: str) -> None:
    test = open_page(run=ENCODER, listed=listed, neuron="5", layer="0")
    assert part_of(test, f"terrarium-neuron-{ENCODER}-1-encoder.0.feed_forward.5-tokens")["table"].count("\n") > 2


def test_what_comes_from_the_browser_is_checked(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: dict[str, Any] = {}
    monkeypatch.setattr(neurons.st, "session_state", kept)
    for picked in ("1", -1, 1.0, None, [1], True, 10**9):
        neurons.pick(picked)
    assert kept == {}
    neurons.pick(7)
    assert kept == {INSIDE_NEURON_KEY: 7}


def test_what_is_found_in_texts_of_the_model_stays_while_another_is_typed(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (neuron_data.without_text(ask(DECODER, 1, text)) for text in (TEXT, "a dog"))
    found = neuron_data.layer_of(first, "decoder", 1)
    assert found is neuron_data.layer_of(second, "decoder", 1)
    assert found.own
    assert TEXT not in {text for text, _source in found.texts}
    monkeypatch.setattr(neuron_data, "_own", lambda *_model: ())
    typed = neuron_data.without_text(ask(DECODER, 0, TEXT))
    assert neuron_data.layer_of(typed, "decoder", 1).texts == ((TEXT, None),)


def test_a_neuron_of_another_layer_is_not_the_chosen_one(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: dict[str, Any] = {INSIDE_NEURON_KEY: 7, "inside_layer": 1}
    monkeypatch.setattr(selection.st, "session_state", kept)
    selection.choose_piece(1, 0)
    assert kept[INSIDE_NEURON_KEY] == 7
    selection.choose_piece(0)
    assert kept == {"inside_layer": 0, "inside_head": 0}


def test_a_neuron_among_those_that_add_most_is_looked_at_with_a_click(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: dict[str, Any] = {}
    monkeypatch.setattr(direct.st, "session_state", kept)
    for picked in ("1", -1, None, [1], True, 10**9):
        direct._pick_neuron("decoder", picked)
    assert kept == {}
    direct._pick_neuron("encoder", direct._number_of(Component("encoder", 3, "neuron", 411)))
    assert kept == {"inside_layer": 3, "inside_part": "encoder", INSIDE_NEURON_KEY: 411, "inside_view": "neurons"}
