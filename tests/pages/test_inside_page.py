"""The page *Inside* as a script: one selection for all views, its link, and pictures that hold against the model."""

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from streamlit.testing.v1 import AppTest

from llm_core.interpret.attention.attention import HeadName, see
from llm_core.interpret.reading import as_batch, read
from llm_core.runs.store import Store
from pages.ui.inside.views import VIEWS
from pages.ui.text import LANGUAGES, translate
from tests.pages.made_inside import TEXT, made
from tests.pages.opened_inside import link_of, open_inside
from tests.pages.shared_store import shared_store

DECODER, ENCODER = "d" * 16, "e" * 16
WORKED_OUT = {"features", "heads", "probes"}
"""Views whose picture comes from a worker: they have tests of their own."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with shared_store(tmp_path_factory) as store:
        made(store.root, DECODER)
        made(store.root, ENCODER, "encoder", masked=True)
        yield store


def open_page(**query: str) -> AppTest:
    return open_inside(**{"run": DECODER, "text": TEXT, **query})


def parts(test: AppTest) -> list[dict[str, Any]]:
    return [json.loads(node.proto.json) for node in test.get("bidi_component")]


def drawn(test: AppTest, name: str) -> dict[str, Any]:
    (data,) = [data for data in parts(test) if str(data.get("name", "")).startswith(f"terrarium-{name}-{DECODER}")]
    return data


def sentence(test: AppTest) -> dict[str, Any]:
    (data,) = [data for data in parts(test) if "rows" in data and "tokens" in data]
    return data


def table(test: AppTest, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(drawn(test, name)["table"])))


def logits(store: Store, run: str = DECODER, **off: Any) -> NDArray[np.float32]:
    """(T, V) by the model itself."""
    model, tokenizer = store.model(store.find(run))
    reading = read(model, tokenizer, TEXT)
    if off:
        return see(model, reading, **off).logits
    with torch.inference_mode():
        return model(as_batch(reading))[0].numpy()


def test_the_page_opens_with_what_the_model_says_next(store: Store) -> None:
    test = open_page()
    link, last = link_of(test), logits(store)[-1]
    first, second = np.argsort(-last)[:2]
    assert (link["view"], int(link["target"]), int(link["against"])) == ("lens", first, second)
    assert int(link["token"]) == len(sentence(test)["tokens"]) - 1
    chosen = [choice for row in sentence(test)["rows"] for choice in row["choices"] if choice["chosen"]]
    assert [choice["value"] for choice in chosen] == [first, second]
    assert chosen[0]["share"] == pytest.approx(float(np.exp(last[first]) / np.exp(last).sum()), abs=1e-5)


def test_a_link_opens_exactly_what_was_seen(store: Store) -> None:
    link = {
        "run": DECODER, "step": "0", "text": TEXT, "view": "ablation", "part": "decoder", "layer": "1", "head": "1",
        "off": "decoder.0.1", "token": "2", "target": "5", "against": "others", "measure": "loss",
    }  # fmt: skip
    assert link_of(open_page(**link)) == link


@pytest.mark.parametrize(
    "broken",
    [
        {"view": "../x"}, {"token": "99"}, {"target": "9999999"}, {"target": "<b>"}, {"against": "-1"}, {"layer": "77", "head": "77"},
        {"off": "decoder.9.9"}, {"off": "decoder.0.0,x"}, {"colour": "red"}, {"part": "cross"},
    ],
)  # fmt: skip
def test_a_broken_link_shows_the_nearest_thing_there_is(store: Store, broken: dict[str, str]) -> None:
    usual, link = link_of(open_page()), link_of(open_page(**broken))
    if "layer" in broken:
        assert (link.pop("layer"), link.pop("head")) == ("1", "1")
        del usual["layer"], usual["head"]
    assert link == usual


def test_the_last_row_of_the_lens_is_what_the_model_says(store: Store) -> None:
    test = open_page()
    found, expected = drawn(test, "logit-lens"), torch.from_numpy(logits(store)).softmax(-1)
    (heatmap,) = [trace for trace in found["figures"]["light"]["data"] if trace["type"] == "heatmap"]
    assert heatmap["z"][-1] == pytest.approx(expected.max(-1).values.tolist(), abs=1e-5)
    rows = [row for row in table(test, "logit-lens") if row["place"] == "decoder.1.residual_after" and row["rank"] == "1"]  # fmt: skip
    assert [int(row["id"]) for row in rows] == expected.argmax(-1).tolist()
    lines = found["figures"]["light"]["data"]
    assert lines != found["figures"]["dark"]["data"], "both looks are drawn"


@pytest.mark.parametrize("colour", ["entropy", "rank", "divergence"])
def test_the_lens_is_coloured_by_what_is_asked(store: Store, colour: str) -> None:
    plain, coloured = drawn(open_page(), "logit-lens"), drawn(open_page(colour=colour), "logit-lens")
    first, second = (data["figures"]["light"]["data"][0] for data in (plain, coloured))
    assert first["text"] == second["text"]
    assert first["z"] != second["z"]


def test_direct_attributions_add_up_to_the_difference_of_logits(store: Store) -> None:
    test = open_page(view="direct", token="2", target="5", against="3")
    row = logits(store)[2]
    rows = table(test, "logit-attribution-heads")
    parts_of_it = [float(row["contribution"]) for row in rows if row["component"] not in ("target", "remainder")]
    assert sum(parts_of_it) == pytest.approx(float(row[5] - row[3]), abs=1e-3)
    assert {f"decoder.{layer}.{head}" for layer in range(2) for head in range(2)} <= {row["component"] for row in rows}


def test_a_cell_of_the_ablation_map_is_what_the_target_loses(store: Store) -> None:
    test = open_page(view="ablation", token="2", target="5", against="3")
    changes = {row["component"]: float(row["change"]) for row in table(test, "ablation")}
    before = logits(store)[2]
    for layer, head in ((0, 1), (1, 0)):
        after = logits(store, heads_off=[HeadName("decoder", layer, head)])[2]
        expected = float((after[5] - after[3]) - (before[5] - before[3]))
        assert changes[f"decoder.{layer}.{head}"] == pytest.approx(expected, abs=1e-4)
    control = table(test, "ablation-control")
    assert [row["chosen"] for row in control].count("True") == 1
    assert len(control) == 4, "every other head stands beside it"


def test_heads_that_are_taken_away_are_missing_in_the_other_views(store: Store) -> None:
    test = open_page(off="decoder.0.1", target="5")
    after = torch.from_numpy(logits(store, heads_off=[HeadName("decoder", 0, 1)])).softmax(-1)
    heatmap = drawn(test, "logit-lens")["figures"]["light"]["data"][0]
    assert heatmap["z"][-1] == pytest.approx(after.max(-1).values.tolist(), abs=1e-5)
    test.button("inside_put_back").click().run()
    assert "off" not in link_of(test)


def test_patching_brings_all_back_where_the_texts_part_and_the_answer_is_made(store: Store) -> None:
    test = open_page(view="patching", other="the dog sees the dog", target="5", against="3")
    rows = table(test, "patching")
    values = {(row["place"], int(row["column"])): float(row["brought_back"]) for row in rows}
    assert values["decoder.0.residual_before", 1] == 0, "the text is the same up to there"
    heatmap = drawn(test, "patching")["figures"]["light"]["data"][0]
    assert np.array(heatmap["z"]).shape == (2, 6)
    assert heatmap["zmin"] == -heatmap["zmax"]


def test_patching_asks_for_another_text_and_says_what_is_wrong_with_it(store: Store) -> None:
    test = open_page(view="patching")
    assert any("Type another text" in info.value for info in test.info)
    shorter = open_page(view="patching", other="the dog")
    assert any("each token needs a partner" in info.value.replace("\\", "") for info in shorter.info)
    assert "inside_go_ablation" in {button.key for button in shorter.button}


@pytest.mark.parametrize("method", ["gradient_input", "occlusion"])
def test_a_score_stands_under_every_word(store: Store, method: str) -> None:
    test = open_page(view="inputs", method=method, target="5", against="3")
    rows = table(test, "input-attribution")
    assert [row["token"] for row in rows] == sentence(test)["tokens"]
    assert any(float(row["score"]) for row in rows)
    for curve in ("deletion", "insertion"):
        assert len(table(test, curve)) == len(rows)  # none of the words, and up to all but the sign before them


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_opens_for_an_encoder_and_says_what_it_does_not_prove(store: Store, view: str) -> None:
    test = open_page(run=ENCODER, view=view, text="the [MASK] sees the cat", other="a [MASK] sees the cat")
    assert not test.error
    said = [caption.value.replace("\\", "") for caption in test.caption]
    assert any(VIEWS[view].does_not_prove in each and VIEWS[view].function in each for each in said)
    assert sentence(test)["chosen"] == sentence(test)["tokens"].index("[MASK]")
    assert [data for data in parts(test) if "figures" in data or (view in WORKED_OUT and "address" in data)], "something is drawn, or offered"  # fmt: skip


@pytest.mark.parametrize("view", [view for view in VIEWS if view not in WORKED_OUT])
def test_what_is_given_away_as_python_runs(store: Store, view: str, capsys: pytest.CaptureFixture[str]) -> None:
    test = open_page(view=view, other="the dog sees the dog", off="decoder.0.1", target="5", against="3", method="occlusion")  # fmt: skip
    codes = {data["code"] for data in parts(test) if "figures" in data}
    assert codes
    for code in codes:
        exec(compile(code, view, "exec"), {})
        assert capsys.readouterr().out.strip(), code


def test_a_text_that_is_too_long_is_refused_in_a_sentence(store: Store) -> None:
    test = open_page(text="")
    assert not test.exception
    test = open_page(text="cat " * 400)
    assert any("left out" in caption.value for caption in test.caption)


def test_every_sentence_about_a_view_is_translated() -> None:
    for view in VIEWS.values():
        for text in (view.title, view.shows, view.does_not_prove):
            assert all(translate(text, code) != text for code in LANGUAGES if code != "en"), text


def clicked(values: list[object]) -> None:
    """Let every part of the page hear each of these."""
    from pages.ui.inside import sentence
    from pages.ui.inside.ablation import ablation
    from pages.ui.inside.computed import Predicted
    from pages.ui.inside.pictures import head_grid
    from pages.ui.inside.selection import Selection

    now = Selection("d" * 16, 1, "a b", "", "lens", "decoder", 0, 0, (), 1, 0, 1)
    said = Predicted(("a", "b"), (), 0, ("x", "y", "z"), ((0, 1), (0, 1)), ((0.6, 0.3), (0.6, 0.3)), (1, None), 1)
    for value in values:
        sentence.obey(value, now, said)
        ablation.pick(value)
        head_grid.pick_head(value)


def told(*values: Any) -> dict[str, Any]:
    test = AppTest.from_function(clicked, args=(list(values),), default_timeout=90).run()
    assert not test.exception
    names = (f"inside_{name}" for name in ("token", "target", "against", "part", "layer", "head", "off"))
    return {name: test.session_state[name] for name in names if name in test.session_state}


def test_what_comes_from_the_browser_is_checked() -> None:
    wild = [None, "x", [], ["token", -1], ["token", 2], ["token", True], ["target", 3], ["target", "x"], ["against", "all"],
            ["off", 1], [0, 0], [9, 0, 0], [0, -1, 0], [0, 0, "0"], {"token": 1}, [0, 5000, 0]]  # fmt: skip
    assert told(*wild) == {}


def test_a_click_chooses_a_word_a_token_to_explain_and_a_head() -> None:
    assert told(["token", 0])["inside_token"] == 0
    assert told(["target", 2])["inside_target"] == 2
    swapped = told(["target", 1])
    assert (swapped["inside_target"], swapped["inside_against"]) == (1, 0), "the two change places"
    assert told(["against", "others"])["inside_against"] == "others"
    head = told([0, 1, 1])
    assert (head["inside_layer"], head["inside_head"], head["inside_off"]) == (1, 1, ("decoder.1.1",))
    assert told([0, 1, 1], [0, 1, 1])["inside_off"] == (), "a second click puts it back"
