"""Steering and what stands side by side, as scripts: pictures that hold against the model, links, and what is refused."""

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
import torch
from streamlit.testing.v1 import AppTest

from llm_core.interpret.components import Component
from llm_core.interpret.reading import as_batch, read
from llm_core.interpret.side_by_side import Subject, side_by_side
from llm_core.interpret.steering.steering import differences, steer
from llm_core.runs.inquired import InquiryConfig, SteeringQuestion
from llm_core.runs.inquiry import Answer
from llm_core.runs.store import Store
from llm_core.taps import observe
from pages.ui.charts import LIGHT
from pages.ui.inside import first_text
from pages.ui.inside.compare.compare import pick
from pages.ui.inside.inquiry_route import PICTURES
from pages.ui.inside.steering import steering_rows
from pages.ui.inside.steering.first_steering import first_contrast
from tests.pages.made_inside import TEXT, made
from tests.pages.opened_inside import link_of, open_inside
from tests.pages.shared_store import shared_store

DECODER, ENCODER = "3" * 16, "4" * 16


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with shared_store(tmp_path_factory) as store:
        made(store.root, DECODER)
        made(store.root, ENCODER, "encoder", masked=True)
        yield store


def open_page(**query: str) -> AppTest:
    return open_inside(**{"run": DECODER, "text": TEXT, **query})


def drawn(test: AppTest) -> dict[str, dict[str, Any]]:
    found = [json.loads(node.proto.json) for node in test.get("bidi_component")]
    return {str(data["name"]).removeprefix("terrarium-").partition(f"-{DECODER}")[0]: data for data in found if "figures" in data}  # fmt: skip


def table(data: dict[str, Any]) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data["table"])))


def test_a_steered_model_is_drawn_as_it_is(store: Store) -> None:
    sets = {"wanted": "the cat\na cat", "others": "the dog\na dog"}
    test = open_page(view="steering", layer="0", strength="50", where="all", words="cat", tried="the cat sees", **sets)
    model, tokenizer = store.model(store.find(DECODER))
    batches = [[as_batch(read(model, tokenizer, text)) for text in lines.split("\n")] for lines in sets.values()]
    (direction,) = differences(model, [Component("decoder", 0, "residual_after")], *batches)
    for row in table(drawn(test)["steering"]):
        number = tokenizer.pieces.index(row["token"])
        for name, strength in (("without", 0.0), ("steered", 0.5)):
            with torch.no_grad(), observe(model, only=(), edits=steer(model, direction, strength)):
                share = float(model(as_batch(read(model, tokenizer, TEXT)))[0, -1].softmax(-1)[number])
            assert float(row[name]) == pytest.approx(share, abs=1e-5)
    link = link_of(test)
    assert (link["strength"], link["where"], link["wanted"]) == ("50", "all", sets["wanted"])
    again = open_page(**link)
    assert drawn(again)["steering"]["table"] == drawn(test)["steering"]["table"]
    assert any("inquiry/" in str(json.loads(node.proto.json).get("address")) for node in test.get("bidi_component"))


def test_a_direction_is_not_tried_on_its_own_texts_alone(store: Store) -> None:
    test = open_page(view="steering", layer="0", words="cat", tried="a dog", wanted="a cat", others="a dog")
    assert any("tried on" in info.value for info in test.info)
    assert not any("inquiry/" in str(json.loads(node.proto.json).get("address")) for node in test.get("bidi_component"))


def test_what_is_no_word_of_the_model_is_said_so(store: Store) -> None:
    test = open_page(view="steering", by="token", word="zebra")
    assert any("not one token" in info.value for info in test.info)
    assert not any("not one token" in info.value for info in open_page(view="steering", by="token", word="cat").info)


def test_an_encoder_says_what_is_hidden_and_writes_nothing(store: Store) -> None:
    test = open_page(
        run=ENCODER, view="steering", text="the [MASK] sees the cat", wanted="a [MASK] sees", others="the cat [MASK] a", where="written",
    )  # fmt: skip
    assert not any(html.proto.body.count("×") for html in test.get("html"))
    assert any(
        "terrarium-steering" in json.loads(node.proto.json).get("name", "") for node in test.get("bidi_component")
    )
    assert link_of(test).get("where") in (None, "all")


def test_an_edited_text_is_laid_beside_the_first(store: Store) -> None:
    edited = "the cat sees <b>runs</b> a dog"
    test = open_page(view="compare", edited=edited)
    model, tokenizer = store.model(store.find(DECODER))
    pieces = tuple(tokenizer.pieces)
    found = side_by_side(*(Subject(model, pieces, pieces, read(model, tokenizer, text)) for text in (TEXT, edited)), same_text=False)  # fmt: skip
    rows = table(drawn(test)["compare"])
    assert len(rows) == len(found.columns)
    assert found.divergences is not None
    for row, divergence, losses in zip(rows, found.divergences, found.losses, strict=True):
        for name, value in (("divergence", divergence), ("loss_one", losses[0]), ("loss_other", losses[1])):
            assert (row[name] == "") == bool(np.isnan(value))
            assert not row[name] or float(row[name]) == pytest.approx(value, rel=1e-4, abs=1e-6)
    bodies = "".join(html.proto.body for html in test.get("html"))
    assert "<b>runs" not in bodies
    assert link_of(test)["edited"] == edited
    assert open_page(view="compare", edited=" ").info


@pytest.mark.parametrize("shown", ["lens", "inputs"])
def test_lens_and_attribution_stand_side_by_side(store: Store, shown: str) -> None:
    test = open_page(view="compare", edited="a cat sees the cat", compared_shown=shown)
    data = drawn(test)[f"compare-{shown}"]
    rows = table(data)
    assert {row["one"] for row in rows} != {""}
    if shown == "lens":
        last = [row for row in rows if row["place"] == "decoder.1.residual_after"]
        model, tokenizer = store.model(store.find(DECODER))
        target = int(link_of(test)["target"])
        for name, text in (("one", TEXT), ("other", "a cat sees the cat")):
            with torch.no_grad():
                share = float(model(as_batch(read(model, tokenizer, text)))[0, -1].softmax(-1)[target])
            assert float(last[-1][name]) == pytest.approx(share, abs=1e-4)


def test_what_takes_long_is_left_to_the_view_that_asks_a_worker(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pages.ui.inside.computed.AT_ONCE", 1.0)
    test = open_page(view="compare", edited="a dog sees the cat", compared_shown="inputs")
    assert any("Words of the text" in info.value for info in test.info)
    assert "compare-inputs" not in drawn(test)


def test_what_is_laid_side_by_side_is_printed_token_by_token(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    data = drawn(open_page(view="compare", edited="a cat sees the dog"))["compare"]
    exec(compile(data["code"], "compare", "exec"), {})
    said = [line.rsplit(" ", 1)[1] for line in capsys.readouterr().out.splitlines()]
    assert [float(each) for each in said] == pytest.approx([float(row["divergence"] or "nan") for row in table(data)], abs=1e-4, nan_ok=True)  # fmt: skip


def test_two_models_read_the_same_text(store: Store) -> None:
    test = open_page(view="compare", compared="model", beside_run=ENCODER)
    assert any("something else" in info.value for info in test.info)
    assert "compare-losses" in drawn(test)
    step = open_page(view="compare", compared="step", beside_step="0")
    assert link_of(step)["beside_step"] == "0"
    assert max(float(row["divergence"]) for row in table(drawn(step)["compare"])) > 0


def test_clicks_that_are_none_change_nothing() -> None:
    for picked in (None, "0", -1, 10_000, [1], 1.5):
        pick(picked, _Columns())  # type: ignore[arg-type]


class _Columns:
    columns = ()


def rows() -> tuple[dict[str, Any], ...]:
    made_of = [{"kind": "asked", "share": 0.5, "norm": 3.0, "writes": True}]
    for strength in (-0.2, 0.0, 0.4):
        for random in (None, 0, 1):
            values = {
                "wanted": 0.5 + (strength if random is None else 0.0),
                "valid": None if strength > 0.3 else 0.9,
                "loss": 1 + abs(strength),
            }
            made_of.append({"kind": "strength", "place": "decoder.1.residual_after", "strength": strength, "random": random, **values})  # fmt: skip
    for place in ("decoder.embedding", "decoder.0.residual_after"):
        for random in (None, 0):
            made_of.append({"kind": "place", "place": place, "strength": 0.4, "random": random, "wanted": 0.25, "valid": None, "loss": 1.0})  # fmt: skip
    return tuple(made_of)


def test_the_curve_is_drawn_as_far_as_it_is_known() -> None:
    config = InquiryConfig(run=DECODER, step=1, question=SteeringQuestion(place="decoder.1.residual_after", tried=("a",), words=("b",)))  # fmt: skip
    picture = PICTURES["steering"]
    for count in (1, 2, 5, len(rows())):
        answer = Answer(rows()[:count], False, None, "")
        assert picture.points(config, answer) == count - 1
        figure = picture.figure(config, answer, str, LIGHT)
        assert isinstance(figure, go.Figure)
        assert picture.height(config, answer) >= 240
    whole = Answer(rows(), True, None, "")
    own = [trace for trace in steering_rows.curves(whole, str, LIGHT).data if trace.mode == "lines+markers"]
    assert [list(trace.x) for trace in own] == [[-0.2, 0.0, 0.4], [-0.2, 0.0], [-0.2, 0.0, 0.4]]
    assert list(own[0].y) == pytest.approx([0.3, 0.5, 0.9])
    assert len(steering_rows.as_csv(whole).splitlines()) == len(rows())
    bars = steering_rows.by_place(whole, str, LIGHT, marked=0).data[0]
    assert list(bars.customdata) == [-1, 0]


def test_first_texts_have_sets_of_their_own() -> None:
    for text in (
        first_text.ENGLISH_STORY,
        first_text.CHINESE_STORY,
        first_text.ENGLISH_HIDDEN,
        first_text.CHINESE_HIDDEN,
    ):
        contrast = first_contrast(text)
        assert contrast is not None
        assert not set(contrast.tried) & {*contrast.wanted, *contrast.others}
        assert len(contrast.wanted) == len(contrast.others)
    assert first_contrast("anything else") is None
