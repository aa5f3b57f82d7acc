"""What flows into a token, and what becomes of predictions when something is switched off: on the page, with a small
model of two layers."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest

from llm_core.config import TransformerConfig
from llm_core.data.tokenizers import train_tokenizer
from llm_core.errors import UserError
from llm_core.interpret.attention.attention import HeadName, see
from llm_core.interpret.attention.flow import flow_into
from llm_core.interpret.attention.rollout import rollout
from llm_core.interpret.reading import read
from llm_core.models.build import build
from llm_core.models.files import model_files
from llm_core.runs.run import Run
from llm_core.runs.store import Store
from llm_core.training.atomic import write_folder
from pages.ui import state
from tests.pages.recorded import write_run
from tests.pages.shared_store import shared_store

PAGE = Path(__file__).parents[2] / "pages" / "attention.py"
DECODER, BOTH = "d" * 16, "e" * 16
TEXT = "the cat sees the cat"


def made(root: Path, name: str, architecture: str) -> None:
    """A run whose model has random weights, large enough that every head matters."""
    folder = write_run(root / name, until=1)
    tokenizer = train_tokenizer("word", 300, [TEXT, "a dog <b>runs</b>"])
    values = json.loads((folder / "run.json").read_text())
    config = TransformerConfig(
        architecture=architecture, context=96, width=16, layers=2, heads=2, feed_forward_width=0,  # type: ignore[arg-type]
    )  # fmt: skip
    values["config"]["model"] = config.model_dump(mode="json")
    if architecture == "encoder_decoder":
        values["config"]["training"]["objective"] = "sequence_to_sequence"
        values["config"]["data"] |= {"rows": "pairs", "corpus": "parallel-en-zh"}
    (folder / "run.json").write_text(json.dumps(values))
    tokenizer.save(folder / "tokenizer.json")
    model = build(config.model_copy(update={"vocabulary_size": tokenizer.vocabulary_size}), seed=1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(8.0 if parameter.ndim == 2 else 1.0)
    write_folder(folder / "steps", "00000000", model_files(model, half=False))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with shared_store(tmp_path_factory) as store:
        made(store.root, DECODER, "decoder")
        made(store.root, BOTH, "encoder_decoder")
        yield store


def open_page(**query: str) -> AppTest:
    test = AppTest.from_file(PAGE, default_timeout=90)
    for name, value in {"run": DECODER, "text": TEXT, "view": "flow", **query}.items():
        test.query_params[name] = value
    test.run()
    assert not test.exception
    assert not test.error
    return test


def component(test: AppTest, has: str) -> dict[str, Any]:
    (data,) = [data for data in map(data_of, test.get("bidi_component")) if has in data]
    return data


def table(test: AppTest, kind: str, run: str = DECODER) -> list[dict[str, str]]:
    """What the picture of this kind is drawn from."""
    (data,) = [data for data in map(data_of, test.get("bidi_component")) if data.get("name") == f"terrarium-{kind}-{run}-0"]  # fmt: skip
    return list(csv.DictReader(io.StringIO(data["table"])))


def data_of(node: Any) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(node.proto.json)
    return data


def seen_directly(run: Run, **off: Any) -> Any:
    model, tokenizer = state.store().model(run)
    return see(model, read(model, tokenizer, TEXT), **off)


def test_the_graph_carries_the_rollout_of_the_last_token(store: Store) -> None:
    inputs = [row for row in table(open_page(**{"from": "0.01"}), "rollout") if row["from_column"] == "0"]
    expected = rollout(seen_directly(store.find(DECODER)).parts["decoder"].pattern)[-1, -1]
    found = dict.fromkeys((int(row["from_position"]) for row in inputs), 0.0)
    for row in inputs:
        found[int(row["from_position"])] += float(row["weight"])
    for position, weight in found.items():
        assert 0 < weight <= expected[position] + 1e-5
    assert sum(found.values()) > 0.5  # the rest goes along lines that are too weak to be drawn


def test_a_higher_threshold_draws_only_the_stronger_of_the_same_lines(store: Store) -> None:
    test = open_page(**{"from": "0.01"})
    every = {tuple(row.values()) for row in table(test, "rollout")}
    test.select_slider(key=state.ATTENTION_FLOW_THRESHOLD_KEY).set_value(0.1).run()
    assert not test.exception
    stronger = {tuple(row.values()) for row in table(test, "rollout")}
    assert stronger == {row for row in every if float(row[-1]) >= 0.1} != every
    assert "0.1" in test.query_params["from"]


def test_a_head_shows_its_own_pattern_without_what_is_switched_off(store: Store) -> None:
    test = open_page(layer="1", head="1", tokens_off="2", flow="head", **{"from": "0.01"})
    pattern = seen_directly(store.find(DECODER), tokens_off=[2]).parts["decoder"].pattern[1, 1]
    found = np.zeros_like(pattern)
    for row in table(test, "head"):
        found[int(row["into_position"]), int(row["from_position"])] = float(row["weight"])
    assert found == pytest.approx(np.where(pattern >= 0.01, pattern, 0.0), abs=1e-5)
    assert (found[3:, 2] == 0).all()


def clicking(clicks: list[object]) -> None:
    """A script that clicks one node after another and says what the lines lead to then."""
    import streamlit as st

    from pages.ui.attention.flow import _into, _pick
    from pages.ui.attention.looking import Looking

    now = Looking("r", 0, "t", "", "decoder", 0, 0, "flow")
    for clicked in clicks:
        _pick(clicked, _into(now, "rollout", 2, 5))
        st.text(str(_into(now, "rollout", 2, 5)))
    other = Looking("r", 0, "another text", "", "decoder", 0, 0, "flow")
    st.text(str(_into(other, "rollout", 2, 5)))


def test_a_click_chooses_a_token_a_second_one_lets_it_go_and_another_text_begins_anew() -> None:
    clicks = [[1, 3], [1, 3], [2, 0], [0, 1], ["x", 1], [1, -1], [7, 99]]
    test = AppTest.from_function(clicking, args=(clicks,)).run()
    said = [text.value for text in test.text]
    at = "Into(column={}, token={})".format
    assert said == [at(1, 3), "None", at(2, 0), at(2, 0), at(2, 0), at(2, 0), at(2, 4), at(2, 4)]


def test_without_anything_off_there_is_one_column_of_probabilities(store: Store) -> None:
    test = open_page()
    shown = component(test, "rows")["rows"]
    logits = seen_directly(store.find(DECODER)).logits[-1]
    shares = torch.tensor(logits).softmax(-1).sort(descending=True)
    pieces = store.model(store.find(DECODER))[1].pieces
    assert [row["token"] for row in shown] == [pieces[token] for token in shares.indices[:5]]
    assert [row["shares"][0] for row in shown] == pytest.approx(shares.values[:5].tolist(), rel=1e-4)
    assert all(len(row["shares"]) == 1 for row in shown)


def test_with_something_off_both_predictions_stand_side_by_side_and_the_divergence_at_every_token(
    store: Store,
) -> None:
    test = open_page(heads_off="decoder.1.0", tokens_off="2", view="heads")
    run = store.find(DECODER)
    before = torch.tensor(seen_directly(run).logits).log_softmax(-1)
    off = seen_directly(run, heads_off=[HeadName("decoder", 1, 0)], tokens_off=[2])
    after = torch.tensor(off.logits).log_softmax(-1)
    nats = (before.exp() * (before - after)).sum(-1)
    bars = table(test, "divergence")
    assert [float(row["divergence_nats"]) for row in bars] == pytest.approx(nats.tolist(), abs=2e-6)
    assert max(nats) > 0.01
    pieces = store.model(run)[1].pieces
    for row in component(test, "rows")["rows"]:
        token = pieces.index(row["token"])
        assert row["shares"] == pytest.approx([before[-1, token].exp().item(), after[-1, token].exp().item()], rel=1e-4)
    place = int(nats.argmax())
    assert any(f"position {place}" in each.value.replace("\\", "") for each in test.markdown)
    switches = component(test, "sides")
    assert switches["off"] == {"heads": ["decoder.1.0"], "tokens": [2], "source_tokens": []}


def test_another_place_shows_the_predictions_there(store: Store) -> None:
    test = open_page(tokens_off="1")
    test.selectbox(key=state.ATTENTION_PREDICTED_KEY).set_value(3).run()
    assert not test.exception
    logits = seen_directly(store.find(DECODER)).logits[3]
    before = [row["shares"][0] for row in component(test, "rows")["rows"]]
    assert max(before) == pytest.approx(float(torch.tensor(logits).softmax(-1).max()), rel=1e-4)


SOURCE = "a dog sees the cat"


def test_of_an_encoder_decoder_source_tokens_can_be_switched_off(store: Store) -> None:
    test = open_page(run=BOTH, source=SOURCE, part="cross", source_tokens_off="0,1", view="heads")
    model, tokenizer = store.model(store.find(BOTH))
    reading = read(model, tokenizer, TEXT, SOURCE)
    assert reading.source is not None
    switches = component(test, "sides")
    assert [(side["side"], side["tokens"]) for side in switches["sides"]] == [
        ("source_tokens", list(reading.source.tokens)), ("tokens", list(reading.text.tokens)),
    ]  # fmt: skip
    assert [part["part"] for part in switches["parts"]] == ["cross", "encoder", "decoder"]
    before = torch.tensor(see(model, reading).logits).log_softmax(-1)
    after = torch.tensor(see(model, reading, source_tokens_off=[0, 1]).logits).log_softmax(-1)
    nats = (before.exp() * (before - after)).sum(-1)
    assert [float(row["divergence_nats"]) for row in table(test, "divergence", BOTH)] == pytest.approx(nats.tolist(), abs=2e-6)  # fmt: skip
    assert nats.max() > 0.01


def test_cross_attention_is_drawn_from_the_source_into_the_text(store: Store) -> None:
    test = open_page(run=BOTH, source=SOURCE, part="cross", layer="1", head="0", **{"from": "0.1"})
    model, tokenizer = store.model(store.find(BOTH))
    seen = see(model, read(model, tokenizer, TEXT, SOURCE)).parts["cross"]
    lines = table(test, "head", BOTH)
    assert len(lines) == int((seen.pattern[1, 0] >= 0.1).sum()) > 0
    for row in lines:
        assert row["from_token"].strip("'") == seen.key_tokens[int(row["from_position"])]
        assert row["into_token"].strip("'") == seen.query_tokens[int(row["into_position"])]


def obeying(off: dict[str, object]) -> None:
    """A script that is told by the browser what is off, and says what the page takes."""
    import streamlit as st

    from pages.ui.attention.shape import shape_of
    from pages.ui.attention.switches import SWITCHES, _obey
    from pages.ui.state import (
        ATTENTION_HEADS_OFF_KEY,
        ATTENTION_SOURCE_OFF_KEY,
        ATTENTION_TOKENS_OFF_KEY,
        store,
    )

    class Told:
        def __init__(self) -> None:
            from llm_core.interpret.reading import Reading, Side

            side = Side((1, 2, 3), ("a", "b", "c"), ((0, 1), (1, 2), (2, 3)))
            self.reading = Reading(side, Side((1, 2), ("x", "y"), ((0, 1), (1, 2))), 0)

    st.session_state[SWITCHES] = {"off": off}
    _obey(Told(), shape_of(store().find("e" * 16)))  # type: ignore[arg-type]
    for key in (ATTENTION_HEADS_OFF_KEY, ATTENTION_TOKENS_OFF_KEY, ATTENTION_SOURCE_OFF_KEY):
        st.text(str(st.session_state[key]) if key in st.session_state else "untouched")


@pytest.mark.parametrize(
    ("off", "taken"),
    [
        (
            {"heads": ["cross.1.1", "cross.9.1", 7, "x"], "tokens": [2, 1, 1, 9, -1, "0", True], "source_tokens": [1]},
            ["('cross.1.1',)", "(1, 2)", "(1,)"],
        ),
        ({"heads": "cross.1.1", "tokens": None}, ["()", "()", "()"]),
        ({"source_tokens": [0, 1]}, ["untouched"] * 3),
    ],
)
def test_what_the_browser_says_is_off_is_checked(store: Store, off: dict[str, object], taken: list[str]) -> None:
    test = AppTest.from_function(obeying, args=(off,), default_timeout=90).run()
    assert not test.exception
    assert [text.value for text in test.text] == taken


def test_a_link_restores_the_way_the_threshold_the_token_and_the_place(store: Store) -> None:
    link = {"flow": "flow", "from": "0.02", "into": "1.2", "predicted": "1"}
    test = open_page(**link)
    rows = table(test, "flow")
    assert rows
    assert {(row["into_column"], row["into_position"]) for row in rows} == {("1", "2")}
    assert test.selectbox(key=state.ATTENTION_PREDICTED_KEY).value == 1
    written = {name: value if isinstance(value, str) else value[0] for name, value in test.query_params.items()}
    assert {name: written[name] for name in link} == link
    another = open_page(**{**link, "into": "<script>", "from": "7", "flow": "up", "predicted": "9999"})
    assert table(another, "rollout") == table(open_page(), "rollout")
    assert another.selectbox(key=state.ATTENTION_PREDICTED_KEY).value == len(read_ids(store)) - 1


def test_the_maximum_flow_is_searched_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    searched = []

    def search(pattern: Any, position: int) -> Any:
        searched.append(position)
        return flow_into(pattern, position)

    monkeypatch.setattr("llm_core.interpret.attention.flow.flow_into", search)
    test = open_page(flow="flow", into="2.3")
    test.select_slider(key=state.ATTENTION_FLOW_THRESHOLD_KEY).set_value(0.1).run()
    expected = flow_into(seen_directly(store.find(DECODER)).parts["decoder"].pattern, 3)
    found = {int(row["from_position"]): float(row["weight"]) for row in table(test, "flow")}
    assert found == pytest.approx({place: share for place, share in enumerate(expected) if share >= 0.1}, abs=1e-5)
    assert searched == [3]


def read_ids(store: Store) -> tuple[int, ...]:
    model, tokenizer = store.model(store.find(DECODER))
    return read(model, tokenizer, TEXT).text.ids


def test_a_text_too_long_for_the_maximum_flow_is_told_so_and_a_part_of_it_is_searched() -> None:
    from pages.ui.attention.flow import Into, _flow_into
    from pages.ui.attention.looking import Looking

    now = Looking("r", 0, "t", "", "decoder", 0, 0, "flow")
    everywhere = np.full((6, 1, 300, 300), 1 / 300, dtype=np.float32)
    for layers, most in ((1, 256), (6, 85)):
        with pytest.raises(UserError, match=f"at most {most}"):
            _flow_into(everywhere, now, Into(layers, 9), 0.01)
    causal = np.tril(np.ones((1, 1, 300, 300), dtype=np.float32))
    causal /= causal.sum(-1, keepdims=True)
    lines, shares = _flow_into(causal, now, Into(1, 9), 0.01)
    assert lines.from_token.tolist() == list(range(10))
    assert shares[:10] == pytest.approx([0.05] * 9 + [0.55])
