"""Probes and geometry as a person meets them: pictures hold against the model, choices stand in the link, clicks are checked."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from llm_core.interpret.geometry.clouds import readings_of, states_cloud, states_of_texts
from llm_core.interpret.geometry.hidden_states import hidden_states
from llm_core.interpret.geometry.similarity import similarity
from llm_core.interpret.geometry.token_vectors import input_vectors
from llm_core.runs.inquired import InquiryConfig
from llm_core.runs.inquiries import probes as probing
from llm_core.runs.inquiries import tsne
from llm_core.runs.inquiry_subject import Subject
from llm_core.runs.store import Store
from pages.ui.charts import DARK, LIGHT
from pages.ui.inside.computed import ask
from pages.ui.inside.geometry.geometry_near import _token
from pages.ui.inside.labels import color_of, in_order
from pages.ui.inside.pictures.scatter import Points, figure, groups_of
from pages.ui.inside.probes import probe_rows
from pages.ui.inside.probes.probes import question_of
from pages.ui.inside.vectors import Wanted, cloud, texts_for
from tests.pages.made_inside import made
from tests.pages.shared_store import shared_store

PAGE = Path(__file__).parents[2] / "pages" / "inside.py"
MODEL = "c" * 16
TEXT = "the cat sees the dog"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with shared_store(tmp_path_factory) as store:
        made(store.root, MODEL)
        _answer(store)
        yield store


def _answer(store: Store) -> None:
    """What a worker would leave, as it comes with a bundled model."""
    run = store.find(MODEL)
    step = run.steps()[-1]
    question = question_of("position", "en").model_copy(update={"texts": 200})
    config = InquiryConfig(run=run.id, step=step, question=question)
    folder = run.folder / "inquiries"
    folder.mkdir()
    model, tokenizer = store.model(run, step)
    subject = Subject(store, run, step, model, tokenizer, folder, ())
    rows = [row for row in probing.answer(question.model_copy(update={"texts": 12}), subject) if isinstance(row, dict)]
    (folder / f"{config.digest}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / probing.FILE).rename(folder / f"{config.digest}.{probing.FILE}")


def open_page(**query: str) -> AppTest:
    test = AppTest.from_file(PAGE, default_timeout=90)
    for name, value in {"run": MODEL, "text": TEXT, **query}.items():
        test.query_params[name] = value
    test.run()
    assert not test.exception
    assert not test.error
    return test


def drawn(test: AppTest, name: str) -> dict[str, Any]:
    parts = [json.loads(node.proto.json) for node in test.get("bidi_component")]
    (data,) = [data for data in parts if str(data.get("name", "")).startswith(f"terrarium-{name}-{MODEL}")]
    return data


def names_of(test: AppTest) -> set[str]:
    parts = [json.loads(node.proto.json) for node in test.get("bidi_component")]
    return {str(data.get("name", "")).removeprefix("terrarium-").partition(f"-{MODEL}")[0] for data in parts}


def table(test: AppTest, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(drawn(test, name)["table"])))


def test_probes_are_drawn_with_their_control_and_say_what_each_token_is(store: Store) -> None:
    test = open_page(view="probes", probed="position", layer="0")
    rows = table(test, "probes")
    assert [row["place"] for row in rows] == ["decoder.embedding", "decoder.0.residual_after", "decoder.1.residual_after"]  # fmt: skip
    for row in rows:
        assert float(row["selectivity"]) == pytest.approx(float(row["accuracy"]) - float(row["control"]), abs=1e-6)
    said = table(test, "probes-text")
    run = store.find(MODEL)
    _model, tokenizer = store.model(run, run.steps()[-1])
    ids = tokenizer.encode(TEXT)
    last = [row for row in said if row["place"] == "decoder.1.residual_after"]
    assert [row["token"] for row in last][-len(ids) :] == [tokenizer.pieces[token] for token in ids]
    assert {row["truth"] for row in last} <= {"", *(str(eighth) for eighth in range(1, 9))}
    confusion = table(test, "probes-confusion")
    right = sum(int(row["tokens"]) for row in confusion if row["is"] == row["says"])
    whole = sum(int(row["tokens"]) for row in confusion)
    assert right / whole == pytest.approx(float(rows[1]["accuracy"]), abs=1e-6), "the confusions are those of layer 0"
    code = drawn(test, "probes")["code"].replace("texts=200", "texts=12")
    exec(compile(code, "probes", "exec"), {})


def test_the_link_keeps_what_is_chosen_of_geometry(store: Store) -> None:
    link = {"view": "geometry", "vectors": "states", "at": "all", "axes": "3", "coloured": "layer"}
    test = open_page(**link)
    found = {name: test.query_params[name] for name in link}
    assert {name: value if isinstance(value, str) else value[0] for name, value in found.items()} == link
    data = drawn(test, "geometry")["figures"]["light"]["data"]
    assert {trace["type"] for trace in data} == {"scatter3d"}
    assert len(data) == 3, "a colour for the embedding and for each of two layers"
    run = store.find(MODEL)
    model, tokenizer = store.model(run, run.steps()[-1])
    assert len(table(test, "geometry")) == len(states_cloud(model, tokenizer, None).tokens)


def test_axes_say_how_much_of_the_variance_they_show(store: Store) -> None:
    run = store.find(MODEL)
    test = open_page(view="geometry")
    vectors = input_vectors(store.model(run, run.steps()[-1])[0]).numpy()
    shown = vectors[[int(row["id"]) for row in table(test, "geometry")]].astype(np.float64)
    lengths = np.linalg.svd(shown - shown.mean(0), compute_uv=False) ** 2
    title = drawn(test, "geometry")["figures"]["light"]["layout"]["xaxis"]["title"]["text"]
    assert f"{100 * lengths[0] / lengths.sum():.3g} %" in title


def test_neighbours_are_those_by_cosine(store: Store) -> None:
    run = store.find(MODEL)
    model, tokenizer = store.model(run, run.steps()[-1])
    test = open_page(view="geometry", shown="near", near="dog", layer="1")
    rows = table(test, "neighbours-input")
    vectors = input_vectors(model).numpy()
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    (token,) = [token for token, piece in enumerate(tokenizer.pieces) if piece.strip() == "dog"][:1]
    cosines = unit @ unit[token]
    cosines[token] = -2
    assert [int(row["id"]) for row in rows][:3] == np.argsort(-cosines)[:3].tolist()
    missing = AppTest.from_file(PAGE, default_timeout=90)
    for name, value in {"run": MODEL, "text": TEXT, "view": "geometry", "shown": "near", "near": "no such thing"}.items():  # fmt: skip
        missing.query_params[name] = value
    missing.run()
    assert any("is not one token" in info.value for info in missing.info)


def test_a_space_is_a_token_where_the_model_has_one_and_nothing_typed_elsewhere(store: Store) -> None:
    run = store.find(MODEL)
    pieces = store.model(run, run.steps()[-1])[1].pieces
    asked = ask(MODEL, run.steps()[-1], TEXT)
    blank = [piece for piece in pieces if piece and not piece.strip()]
    assert [_token(asked, piece) for piece in blank] == [pieces.index(piece) for piece in blank]
    assert _token(asked, "") is _token(asked, 7 * " ") is None
    assert "analogy-input" in names_of(open_page(view="geometry", shown="near", first="the", second="cat", third="dog"))
    assert "analogy-input" not in names_of(open_page(view="geometry", shown="near", first=" ", second="cat", third="dog"))  # fmt: skip


def test_likeness_is_cka_and_stands_beside_its_chance(store: Store) -> None:
    run = store.find(MODEL)
    test = open_page(view="geometry", shown="alike", beside="step", beside_step="0")
    models = [store.model(run, step) for step in (run.steps()[-1], 0)]
    first, second = (
        hidden_states(model, readings_of(model, tokenizer, 12)).of_one_length() for model, tokenizer in models
    )
    expected = similarity(first, second)
    rows = table(test, "cka-values")
    assert [float(row["cka"]) for row in rows] == pytest.approx(expected.values.ravel().tolist(), abs=1e-5)
    assert [float(row["chance"]) for row in rows] == pytest.approx(expected.chance.ravel().tolist(), abs=1e-5)


def test_a_path_leads_through_every_layer(store: Store) -> None:
    test = open_page(view="geometry", shown="path", token="2", plane="last")
    traces = drawn(test, "paths")["figures"]["dark"]["data"]
    assert len(traces[0]["x"]) == 3
    assert traces[0]["text"] == ["embedding", "0", "1"]
    rows = [row for row in table(test, "paths") if row["position"] == "2"]
    assert [float(row["axis_1"]) for row in rows] == pytest.approx(traces[0]["x"], abs=1e-3)
    assert float(rows[0]["cosine_to_begin"]) == pytest.approx(1.0)


def test_the_texts_are_read_once_for_all_layers(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    model, tokenizer = store.model(store.find(MODEL), 0)
    expected = {layer: states_cloud(model, tokenizer, layer, texts=texts_for(model)) for layer in (-1, 0, 1, None)}
    read: list[object] = []

    def counted(*given: Any) -> Any:
        read.append(given)
        return states_of_texts(*given)

    monkeypatch.setattr("llm_core.interpret.geometry.clouds.states_of_texts", counted)
    for layer, each in expected.items():
        found = cloud(Wanted(MODEL, 0, -1, "states", layer, "en"))
        np.testing.assert_array_equal(found.vectors, each.vectors)
        assert (found.tokens, found.labels) == (each.tokens, each.labels)
    assert len(read) == 1


@pytest.mark.parametrize("shown", ["map", "near", "path", "alike"])
def test_what_geometry_gives_away_as_python_runs(store: Store, shown: str, capsys: pytest.CaptureFixture[str]) -> None:
    test = open_page(view="geometry", shown=shown)
    codes = {data["code"] for data in (json.loads(node.proto.json) for node in test.get("bidi_component")) if "figures" in data}  # fmt: skip
    assert codes
    for code in codes:
        exec(compile(code, shown, "exec"), {})
        assert capsys.readouterr().out.strip(), code


def test_python_reads_as_many_texts_as_the_page(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pages.ui.inside.vectors.TEXTS", 3)  # of another step, of which nothing is kept yet
    for query, name, column in (
        ({"shown": "map", "vectors": "states"}, "geometry", "id"), ({"shown": "near"}, "neighbours-states", "cosine"), ({"shown": "alike"}, "cka-values", "cka"),
    ):  # fmt: skip
        test, names = open_page(view="geometry", step="0", layer="1", **query), {}
        exec(compile(drawn(test, name)["code"], name, "exec"), names)
        made_there = names["cloud"].ids if column == "id" else names["found"].cosines if column == "cosine" else names["found"].values.ravel()  # fmt: skip
        np.testing.assert_allclose([float(row[column]) for row in table(test, name)], made_there, atol=1e-5)


def test_tsne_is_asked_of_a_worker_and_draws_the_points_of_the_cloud(store: Store) -> None:
    test = open_page(view="geometry", vectors="states", drawn="tsne")
    parts = [json.loads(node.proto.json) for node in test.get("bidi_component")]
    assert any(str(data.get("address", "")).startswith("inquiry/") for data in parts)
    run = store.find(MODEL)
    model, tokenizer = store.model(run, run.steps()[-1])
    subject = Subject(store, run, run.steps()[-1], model, tokenizer, run.folder, ())
    question = tsne.TsneQuestion(vectors="states", layer=1, texts=1, dimensions=2)
    (row,) = [row for row in tsne.answer(question, subject) if isinstance(row, dict)]
    assert len(row["points"]) == len(states_cloud(model, tokenizer, 1, texts=1).tokens)


def test_groups_keep_their_order_and_points_without_a_label_lie_below() -> None:
    groups = groups_of(["b", None, "a", "b"], ["a", "b"])
    assert {name: rows.tolist() for name, rows in groups.items()} == {None: [1], "a": [2], "b": [0, 3]}
    assert next(iter(groups)) is None
    assert in_order("position", ["10", "2"]) == ["2", "10"]
    colors = [color_of("position", str(at), [str(each) for each in range(1, 9)], LIGHT) for at in range(1, 9)]
    assert colors == sorted(colors, key=LIGHT.scale.index)


def test_tags_in_tokens_are_text() -> None:
    points = Points(np.zeros((1, 2)), ["<b>x</b>"], [0], [("<i>", [0], {"light": "#000", "dark": "#fff"})], ["<a>", "y"])  # fmt: skip
    for look, colors in (("light", LIGHT), ("dark", DARK)):
        assert "<b>" not in figure(points, look, colors).to_json().replace("\\u003c", "<")


def test_the_picture_of_probes_grows_with_its_rows() -> None:
    row = {"kind": "probe", "accuracy": 0.9, "low": 0.8, "high": 0.95, "control": 0.6, "majority": 0.2, "by_word": 0.85}
    found = probe_rows.Layers({"names": ["a"]}, tuple({**row, "place": place} for place in ("encoder.embedding", "encoder.0.residual_after")))  # fmt: skip
    made = probe_rows.lines(found, str, LIGHT, marked=0)
    assert [list(trace.y) for trace in made.data[:3]] == [[0.9, 0.9], [0.6, 0.6], [pytest.approx(0.3)] * 2]
    assert found.places == [-1, 0]
    heights = sorted(note.y for note in made.layout.annotations)
    assert min(np.diff(heights)) > 0.06, "names never stand on each other"
