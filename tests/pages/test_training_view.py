"""Learning dynamics on the page *Inside*: numbers that hold against the model, the loss above, clicks, and its way out."""

import csv
import io
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest

from llm_core.interpret.dynamics.step_measures import MEASURES, measure_named
from llm_core.interpret.reading import as_batch, read
from llm_core.runs import history
from llm_core.runs.inquired import InquiryConfig, TrainingQuestion
from llm_core.runs.inquiry import Answer
from llm_core.runs.store import Store
from llm_core.runs.worker import work
from pages.ui import state
from pages.ui.attention.head_rows import read_rows
from pages.ui.charts import DARK, LIGHT
from pages.ui.inside.training import training, training_picture
from pages.ui.inside.training.loss_curve import LossCurve, loss_curve
from pages.ui.inside.training.training_picture import Seen, figure
from pages.ui.inside.training.training_rows import Labels, OverSteps, as_csv, names_in, table_of, table_of_heads
from pages.ui.text import translate
from tests.pages.made_inside import TEXT, made
from tests.pages.opened_inside import open_inside

MODEL = "d" * 16
ENGLISH = partial(translate, code="en")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    root = tmp_path_factory.mktemp("made") / "runs"
    root.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TERRARIUM_RUNS", str(root))
        patch.setattr("llm_core.runs.store.BUNDLED_MODELS", root / "none")
        patch.setattr(state, "_warm_up", lambda: None)
        state.store.cache_clear()
        made(root, MODEL)
        made(root, "a" * 16)
        shutil.rmtree(root / ("a" * 16) / "steps" / "00000001")
        yield state.store()
    state.store.cache_clear()


def open_page(**query: str) -> AppTest:
    return open_inside(**{"run": MODEL, "text": TEXT, "view": "training", **query})


def drawn(test: AppTest) -> dict[str, Any]:
    parts = [json.loads(node.proto.json) for node in test.get("bidi_component")]
    (data,) = [data for data in parts if "figures" in data and data["name"].startswith("terrarium-training-")]
    return data


def made_table(measure: str = "direct", **changes: Any) -> OverSteps:
    values = np.array([[0.0, 0.5], [-1.0, 2.0], [3.0, np.nan]])
    usual: dict[str, Any] = {"names": ("decoder.0.1", "decoder.1.feed_forward"), "values": values, "controls": {}}
    return OverSteps(measure_named(measure), (0, 9, 99), **{**usual, **changes})


CURVE = LossCurve(((1, 5.0), (99, 3.0)), ((0, 6.0), (99, 2.0)))


def test_the_picture_holds_what_the_models_say(store: Store) -> None:
    test = open_page(step="1", token="3", target="7", against="9")
    rows = list(csv.DictReader(io.StringIO(drawn(test)["table"])))
    run = store.find(MODEL)
    for step in run.steps():
        model, tokenizer = store.model(run, step)
        with torch.inference_mode():
            shares = model(as_batch(read(model, tokenizer, TEXT)))[0].softmax(-1)
        found = {row["name"]: float(row["value"]) for row in rows if int(row["step"]) == step}
        assert found["target"] == pytest.approx(float(shares[3, 7]), rel=1e-4)
        assert found["against"] == pytest.approx(float(shares[3, 9]), rel=1e-4)
        assert found["chance"] == pytest.approx(1 / shares.shape[-1], rel=1e-4)
    assert {name: test.query_params[name] for name in ("view", "step")} == {"view": "training", "step": "1"}
    assert "over" not in test.query_params


def test_a_measure_and_an_axis_stand_in_the_link(store: Store) -> None:
    test = open_page(over="lens", axis="linear")
    assert (test.query_params["over"], test.query_params["axis"]) == ("lens", "linear")
    (cells,) = [trace for trace in drawn(test)["figures"]["light"]["data"] if trace["type"] == "heatmap"]
    assert len(cells["z"]) == 4  # the embedding, two layers, and the control
    test = open_page(over="<b>")
    assert "over" not in test.query_params


def test_the_loss_is_drawn_as_far_as_the_run_has_come(store: Store) -> None:
    before = drawn(open_page())["identity"]
    assert drawn(open_page())["identity"] == before
    rows = store.find(MODEL).folder / history.FILE
    known = rows.read_bytes() if rows.is_file() else None
    try:
        with rows.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"kind": "step", "step": 7, "loss": 1.25}) + "\n")
        data = drawn(open_page())
        assert data["identity"] != before
        assert any(trace.get("y") and list(trace["y"])[-1] == 1.25 for trace in data["figures"]["light"]["data"])
    finally:
        rows.unlink() if known is None else rows.write_bytes(known)


def test_what_takes_longer_is_asked_for_and_drawn_when_it_is_known(store: Store) -> None:
    test = open_page(over="copying")
    parts = [json.loads(node.proto.json) for node in test.get("bidi_component")]
    assert not [data for data in parts if str(data.get("name", "")).startswith(f"terrarium-training-{MODEL}") and "figures" in data]  # fmt: skip
    (panel,) = [data for data in parts if str(data.get("address", "")).startswith("inquiry/")]
    question = TrainingQuestion(text="", token=0, measure="copying", until=1)
    config = InquiryConfig(run=MODEL, question=question)
    assert panel["address"] == f"inquiry/{config.digest}"
    assert work(store.create(config, name="copying", identity=config.digest, threads=1)).state == "finished"
    assert {trace["yaxis"] for trace in drawn(open_page(over="copying", text="a dog"))["figures"]["dark"]["data"] if "yaxis" in trace} == {"y2"}  # fmt: skip


def test_what_is_known_of_fewer_steps_is_drawn_and_the_new_ones_can_be_measured(store: Store) -> None:
    question = TrainingQuestion(text="", token=0, measure="composition", until=1)
    before = InquiryConfig(run=MODEL, question=question)
    assert work(store.create(before, name="before", identity=before.digest, threads=1)).state == "finished"
    folder = store.find(MODEL).folder / "steps"
    shutil.copytree(folder / "00000001", folder / "00000005")
    try:
        test = open_page(over="composition", step="1")
        rows = list(csv.DictReader(io.StringIO(drawn(test)["table"])))
        assert {row["step"] for row in rows} == {"0", "1"}
        parts = [json.loads(node.proto.json) for node in test.get("bidi_component")]
        (panel,) = [data for data in parts if str(data.get("address", "")).startswith("inquiry/")]
        after = InquiryConfig(run=MODEL, question=question.model_copy(update={"until": 5}))
        assert panel["address"] == f"inquiry/{after.digest}"
        assert panel["labels"]["measure"] == "Measure the new steps"
    finally:
        shutil.rmtree(folder / "00000005")


def test_a_run_with_one_step_says_that_there_is_nothing_to_see(store: Store) -> None:
    test = open_page(run="a" * 16)
    assert "one step only" in test.info[0].value


def test_a_click_looks_at_the_step_and_at_the_head(store: Store) -> None:
    state_of: dict[str, Any] = {}
    run = store.find(MODEL)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "choose_step", lambda step: state_of.update(step=step))
        patch.setattr(training, "choose_piece", lambda *names: state_of.update(piece=names))
        patch.setattr(training, "choose_token", lambda token: state_of.update(token=token))
        training.pick([1, 0], made_table(), run)
        assert state_of == {"step": 1, "piece": (0, 1, "decoder")}
        state_of.clear()
        training.pick([0, 1], made_table(), run)
        assert state_of == {"step": 0, "piece": (1,)}
        state_of.clear()
        training.pick([0, -1], made_table(), run)
        assert state_of == {"step": 0}
        state_of.clear()
        training.pick([0, 1], made_table("tokens", names=("1", "2")), run)
        assert state_of == {"step": 0, "token": 1}
        state_of.clear()
        training.pick([1, 0], made_table("composition", names=("K decoder.0.1 decoder.1.0", "V decoder.0.1 decoder.1.0")), run)  # fmt: skip
        assert state_of == {"step": 1}
        state_of.clear()
        for broken in (None, [1], [1, 2, 3], ["1", 0], [True, 0], {"step": 1}, [77, 99]):
            training.pick(broken, made_table(), run)
        assert state_of == {}


@pytest.mark.parametrize("logarithmic", [True, False])
def test_cells_stand_under_their_step_of_the_loss(logarithmic: bool) -> None:
    found = made_table()
    made_figure = figure(found, CURVE, Seen(9, logarithmic, (0, 10, 99)), ENGLISH, LIGHT)
    place = (lambda step: float(np.log10(step + 1))) if logarithmic else float
    (cells,) = [trace for trace in made_figure.data if trace.type == "heatmap"]
    for at, step in enumerate(found.steps):
        assert cells.x[at] < place(step) < cells.x[at + 1]
    assert [list(row) for row in cells.z] == [[0.0, -1.0, 3.0], [0.5, 2.0, None]]
    assert (cells.zmin, cells.zmax) == (-3.0, 3.0)
    assert [pick[0] for pick in cells.customdata[0]] == [0, 10, 99]
    assert made_figure.layout.shapes[0].x0 == place(9)
    held_out = made_figure.data[1]
    assert list(held_out.x) == [place(0), place(99)]
    assert list(held_out.y) == [6.0, 2.0]
    marks = made_figure.data[2]
    assert marks.y[1] == pytest.approx(6 - 4 * place(9) / place(99))


def test_lines_have_their_control_and_their_names() -> None:
    found = made_table("probability", names=("target", "against"), values=np.array([[0.1, 0.2], [0.4, 0.1], [0.9, 0.0]]), controls={"chance": np.array([0.05, 0.05, 0.05])})  # fmt: skip
    made_figure = figure(found, CURVE, Seen(labels=Labels(("a", "b"), " <b>", " were")), ENGLISH, DARK)
    lines = [trace for trace in made_figure.data if trace.yaxis is None]
    assert [list(line.y) for line in lines] == [[0.1, 0.4, 0.9], [0.2, 0.1, 0.0], [0.05, 0.05, 0.05]]
    assert [line.line.dash for line in lines] == ["solid", "solid", "dash"]
    written = [note.text for note in made_figure.layout.annotations]
    assert "·&lt;b&gt;" in written
    assert "all tokens alike" in written
    heights = sorted(note.y for note in made_figure.layout.annotations if note.yref == "y")
    assert min(high - low for low, high in pairwise(heights)) > 0.08


def test_a_colour_is_not_spent_on_the_loudest_token() -> None:
    found = made_table("tokens", names=("1", "2"), values=np.array([[7.0, 7.0], [2.0, 60.0], [0.0, 1.0]]), controls={"chance": np.full(3, 7.0)})  # fmt: skip
    cells = figure(found, CURVE, Seen(), ENGLISH, LIGHT).data[-1]
    assert cells.zmax == pytest.approx(8.75)
    assert len(cells.z) == 3


def test_rows_of_a_worker_become_a_table_in_order_of_steps() -> None:
    rows = [
        {"kind": "text", "tokens": ["a"], "target": "b", "against": ""},
        {"kind": "at_step", "at": 9, "measure": "weights", "names": ["x", "y"], "values": [1, None], "controls": {"chance": 2}},
        {"kind": "at_step", "at": 0, "measure": "weights", "names": ["x", "y"], "values": [3, 4], "controls": {}},
        {"kind": "at_step", "at": 5, "measure": "weights", "names": ["z"], "values": [5], "controls": {}},
        {"kind": "at_step", "at": 6, "measure": "lens", "names": ["x", "y"], "values": [1, 1], "controls": {}},
    ]  # fmt: skip
    found = table_of("weights", rows)
    assert found is not None
    assert (found.steps, found.names) == ((0, 9), ("x", "y"))
    np.testing.assert_equal(found.values, [[3, 4], [1, np.nan]])
    np.testing.assert_equal(found.controls["chance"], [np.nan, 2])
    assert "9,weights,size of a weight,y,," in as_csv(found)
    assert table_of("direct", rows) is None


def test_scores_of_heads_that_were_measured_over_many_texts_are_taken() -> None:
    def row(step: int, part: str, mean: list[list[float]], baseline: float | None) -> dict[str, Any]:
        return {"kind": "heads", "step": step, "part": part, "score": "induction", "mean": mean, "low": mean, "high": mean, "items": 1, "texts": 1, "baseline": baseline, "baseline_name": ""}  # fmt: skip

    rows = [row(0, "decoder", [[0.1, 0.2]], 0.3), row(8, "decoder", [[0.5, 0.6]], 0.4), row(8, "encoder", [[0.7, 0.8]], None), row(0, "encoder", [[0.9, 1.0]], None)]  # fmt: skip
    found = table_of_heads("induction", read_rows(rows))
    assert found is not None
    assert found.names == ("decoder.0.0", "decoder.0.1", "encoder.0.0", "encoder.0.1")
    np.testing.assert_allclose(found.values, [[0.1, 0.2, 0.9, 1.0], [0.5, 0.6, 0.7, 0.8]])
    np.testing.assert_allclose(found.controls["best_offset"], [0.3, 0.4])
    assert table_of_heads("induction", read_rows(rows[:1])) is None


def test_names_are_said_in_words_of_both_languages() -> None:
    labels = Labels(("a", " b"), " was", "")
    said = names_in(ENGLISH, ("decoder.0.1", "cross.1.2", "decoder.1.residual_after", "decoder.embedding", "1", "7", "K decoder.0.1 decoder.1.0", "target", "against", "cross.0.attention"), labels)  # fmt: skip
    assert said == ["layer 0, head 1", "layer 1, cross-attention head 2", "after layer 1", "embedding", "1 ·b", "token 7", "0.1 → 1.0, K", "·was", "held against it", "layer 0, cross-attention"]  # fmt: skip
    assert names_in(ENGLISH, ("encoder.0.1",), labels) == ["layer 0, head 1"]
    assert names_in(ENGLISH, ("encoder.0.1", "decoder.0.1"), labels) == ["encoder, layer 0, head 1", "layer 0, head 1"]
    chinese = partial(translate, code="zh")
    for measure in MEASURES.values():
        for words in (measure.title, measure.meaning, measure.unit):
            assert chinese(words) != words or words in ("CKA", "Logit", "logit")


def test_the_route_draws_the_steps_that_are_there(store: Store) -> None:
    config = InquiryConfig(run=MODEL, question=TrainingQuestion(text="", token=0, measure="weights", until=1))
    rows = [{"kind": "at_step", "at": step, "measure": "weights", "names": ["decoder.embedding"], "values": [step + 0.5], "controls": {}} for step in (1, 0)]  # fmt: skip
    one = Answer(tuple(rows[:1]), False, None, "")
    assert training_picture.coming_steps(config, one) == 0
    both = replace(one, rows=tuple(rows))
    assert training_picture.coming_steps(config, both) == 2
    cells = training_picture.coming(config, both, ENGLISH, LIGHT).data[-1]
    assert list(cells.z[0]) == [0.5, 1.5]
    assert training_picture.coming_csv(config, both).count("\n") == 3
    assert training_picture.coming_height(config, both) > 200
    assert loss_curve(store.find(MODEL)).training
