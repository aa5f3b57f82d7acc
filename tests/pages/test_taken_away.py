"""What is taken away on the page *Inside*: feed-forward layers, neurons and tokens, in every view and in the link."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from streamlit.testing.v1 import AppTest

from llm_core.interpret.reading import as_batch, read
from llm_core.runs.store import Store
from llm_core.taps import observe
from pages.ui.attention.shape import Shape
from pages.ui.inside.off import is_there, named
from tests.pages.made_inside import TEXT, made
from tests.pages.shared_store import shared_store

PAGE = Path(__file__).parents[2] / "pages" / "inside.py"
RUN = "d" * 16


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with shared_store(tmp_path_factory) as store:
        made(store.root, RUN)
        yield store


def open_page(**query: str) -> AppTest:
    test = AppTest.from_file(PAGE, default_timeout=90)
    for name, value in {"run": RUN, "text": TEXT, **query}.items():
        test.query_params[name] = value
    test.run()
    assert not test.exception
    return test


def parts(test: AppTest) -> list[dict[str, Any]]:
    return [json.loads(node.proto.json) for node in test.get("bidi_component")]


def drawn(test: AppTest, name: str) -> dict[str, Any]:
    (data,) = [data for data in parts(test) if str(data.get("name", "")).startswith(f"terrarium-{name}-{RUN}")]
    return data


def logits(store: Store, zeroed: dict[str, Any]) -> NDArray[np.float32]:
    """(T, V) with zeros at these places of taps."""
    model, tokenizer = store.model(store.find(RUN))

    def zero(places: Any) -> Any:
        def edit(tensor: torch.Tensor) -> torch.Tensor:
            changed = tensor.clone()
            changed[places] = 0
            return changed

        return edit

    edits = {tap: zero(places) for tap, places in zeroed.items()}
    with torch.inference_mode(), observe(model, only=(), edits=edits):
        return model(as_batch(read(model, tokenizer, TEXT)))[0].numpy()


def test_the_views_show_the_model_without_what_is_taken_away(store: Store) -> None:
    off = "decoder.0.feed_forward,decoder.1.feed_forward.3,position.1"
    test = open_page(off=off, target="5")
    changed = logits(store, {
        "blocks.0.feed_forward.added": slice(None), "blocks.1.feed_forward.activations": (..., 3), "embedding": (slice(None), 1),
    })  # fmt: skip
    assert not np.allclose(changed, logits(store, {}), atol=1e-3)
    (rows,) = [data["rows"] for data in parts(test) if "rows" in data and "tokens" in data]
    share = next(choice["share"] for choice in rows[0]["choices"] if choice["value"] == 5)
    last = torch.from_numpy(changed[-1]).softmax(-1)
    assert share is None or share == pytest.approx(float(last[5]), abs=1e-5)
    lens = list(csv.DictReader(io.StringIO(drawn(test, "logit-lens")["table"])))
    at_the_end = [
        row for row in lens if row["place"] == "decoder.1.residual_after" and int(row["position"]) == len(changed) - 1
    ]
    assert [int(row["id"]) for row in at_the_end] == np.argsort(-changed[-1])[: len(at_the_end)].tolist()
    for row in at_the_end:
        assert float(row["probability"]) == pytest.approx(float(last[int(row["id"])]), abs=1e-4)
    assert any("layer 0, feed-forward; layer 1, neuron 3; the token at position 1" in text.value for text in test.text)
    query = test.query_params["off"]
    assert (query if isinstance(query, str) else query[0]) == off
    namespace: dict[str, Any] = {}
    code = drawn(test, "logit-lens")["code"].split("lens = ")[0]
    exec(compile(code, "notebook", "exec"), namespace)
    with torch.no_grad(), observe(namespace["model"], only=(), edits=namespace["edits"]):
        again = namespace["model"](as_batch(namespace["reading"]))[0].numpy()
    np.testing.assert_allclose(again, changed, atol=1e-4)


def test_a_bar_says_what_the_target_loses_without_a_token(store: Store) -> None:
    test = open_page(view="ablation", token="2", target="5", against="3")
    before = logits(store, {})[2]
    rows = list(csv.DictReader(io.StringIO(drawn(test, "tokens-off")["table"])))
    assert len(rows) == len(logits(store, {}))
    for row in rows:
        after = logits(store, {"embedding": (slice(None), int(row["position"]))})[2]
        expected = (after[5] - after[3]) - (before[5] - before[3])
        assert float(row["change"]) == pytest.approx(float(expected), abs=1e-4)
    assert any(abs(float(row["change"])) > 1e-2 for row in rows)
    assert all(float(row["change"]) == 0 for row in rows[3:]), "what comes later cannot matter"


def test_a_token_that_the_text_has_not_is_put_back(store: Store) -> None:
    test = open_page(off="position.40,decoder.1.feed_forward")
    query = test.query_params["off"]
    assert (query if isinstance(query, str) else query[0]) == "decoder.1.feed_forward"


@pytest.mark.parametrize(
    "text", ["decoder.0.feed_forward.", "position.-1", "position.x", "cross.0.feed_forward", "decoder.0.residual_after", "", "a,b"]
)  # fmt: skip
def test_a_name_of_nothing_is_no_name(text: str) -> None:
    assert named(text) is None


def test_only_what_a_model_has_is_taken_away() -> None:
    shape = Shape(("encoder", "decoder", "cross"), layers=2, heads=4, context=16, neurons=8)
    there = ["cross.1.3", "encoder.1.feed_forward", "decoder.0.feed_forward.7", "position.15"]
    absent = ["cross.2.0", "decoder.0.4", "encoder.2.feed_forward", "decoder.0.feed_forward.8", "position.16", "x"]
    assert all(is_there(name, shape) for name in there)
    assert not any(is_there(name, shape) for name in absent)
    only_attention = Shape(("decoder",), 2, 4, 16)
    assert not is_there("decoder.0.feed_forward", only_attention)
