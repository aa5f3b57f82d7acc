"""The route of the Fill in page: predictions, whole fillings, attention, the table, and what it refuses."""

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from llm_core.inference.fill_mask import fill, predict, predict_everywhere, pseudo_perplexity
from llm_core.inference.masks import read_masked
from llm_core.interpret.attention.attention import see
from llm_core.interpret.reading import read
from llm_core.runs.importing import import_folder
from llm_core.runs.run import Run
from pages.ui import state
from pages.ui.fill_mask import answer
from pages.ui.routes import ROUTES
from tests import foreign
from tests.pages.grown import STEPS, grown_store

TEXT = "the cat sees the sea."
CAT = (3, 7)
STRANGE = "<script>alert(1)</script> </title>\u202e <img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    with grown_store(tmp_path_factory, masked=True) as run:
        yield run


@pytest.fixture(scope="module")
def bert(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return import_folder(state.store(), foreign.write_model("bert", tmp_path_factory.mktemp("bert")))


@pytest.fixture
def asked(run: Run) -> dict[str, Any]:
    return {"run": run.id, "step": STEPS, "text": TEXT, "hidden": [list(CAT)], "top": 4}


def client() -> TestClient:
    return TestClient(Starlette(routes=ROUTES))


def post(values: dict[str, Any], language: str = "en") -> Any:
    return client().post("/fill", json=values | {"language": language})


def got(values: dict[str, Any]) -> list[dict[str, Any]]:
    response = post(values)
    assert response.status_code == 200, response.text
    models: list[dict[str, Any]] = response.json()["models"]
    return models


def test_what_is_hidden_by_its_letters_is_predicted(run: Run, asked: dict[str, Any]) -> None:
    (found,) = got(asked)
    model, tokenizer = state.store().model(run, STEPS)
    assert "".join(found["tokens"]) == TEXT
    hidden = [place for place, span in enumerate(found["spans"]) if span[0] < 7 and span[1] > 3]
    expected = predict(model, tokenizer, TEXT, hidden, top=4)
    assert found["places"] == hidden
    for row, entry in enumerate(found["entries"]):
        assert entry["place"] == hidden[row]
        assert entry["given"] == found["tokens"][hidden[row]]
        assert entry["probability"] == pytest.approx(np.exp(expected.given[row]), abs=1e-6)
        assert entry["rank"] == expected.ranks[row] + 1
        assert [name for _id, name, _share in entry["top"]] == list(expected.pieces[row])
        assert [share for *_, share in entry["top"]] == pytest.approx(expected.probabilities[row], abs=1e-6)
    typed = read_masked(model.config, tokenizer, found["masked_text"])
    assert typed.ids == expected.text.ids, "the text with masks typed in it hides the same"


def test_several_masks_are_also_filled_whole_and_one_at_a_time(run: Run, asked: dict[str, Any]) -> None:
    several = asked | {"hidden": [[0, 3], [7, 12]]}
    (joint,) = got(several)
    model, tokenizer = state.store().model(run, STEPS)
    whole = fill(model, tokenizer, TEXT, joint["places"])
    assert [each["pieces"] for each in joint["fillings"]] == [list(row) for row in whole.pieces]
    assert [each["probability"] for each in joint["fillings"]] == pytest.approx(whole.probabilities)
    assert [each["order"] for each in joint["fillings"]] == whole.order.tolist()
    (single,) = got(several | {"way": "single"})
    assert "fillings" not in single
    alone = predict(model, tokenizer, TEXT, joint["places"], one_at_a_time=True)
    shares = [entry["probability"] for entry in single["entries"]]
    assert shares == pytest.approx(np.exp(alone.given), abs=1e-6)
    assert shares != [entry["probability"] for entry in joint["entries"]]


@pytest.mark.parametrize("way", ["joint", "single"])
def test_the_attention_of_a_mask_is_the_mean_over_the_heads_of_each_layer(run: Run, asked: dict[str, Any], way: str) -> None:  # fmt: skip
    (found,) = got(asked | {"hidden": [[0, 3], [7, 12]], "way": way})
    model, tokenizer = state.store().model(run, STEPS)
    for row, entry in enumerate(found["entries"]):
        text = found["masked_text"]
        if way == "single":
            start, end = found["spans"][entry["place"]]
            text = f"{TEXT[:start]} [MASK]{TEXT[end:]}".strip()
        pattern = see(model, read(model, tokenizer, text)).parts["encoder"].pattern
        np.testing.assert_allclose(
            found["looks"][row], pattern[:, :, found["begin"] + entry["place"]].mean(1), atol=1e-5
        )
    assert len(found["columns"]) == found["begin"] + len(found["tokens"])


def test_every_token_comes_with_the_pseudo_perplexity_of_the_text(run: Run, asked: dict[str, Any]) -> None:
    (found,) = got(asked | {"view": "everywhere"})
    model, tokenizer = state.store().model(run, STEPS)
    expected = predict_everywhere(model, tokenizer, TEXT)
    assert [entry["probability"] for entry in found["entries"]] == pytest.approx(np.exp(expected.given), abs=1e-6)
    whole = pseudo_perplexity(model, tokenizer, TEXT)
    assert found["score"] == {"perplexity": pytest.approx(whole.perplexity), "sum": pytest.approx(whole.score)}
    (typed,) = got(asked | {"view": "everywhere", "text": "the [MASK] sees"})
    assert typed["score"] is None
    assert typed["entries"][1]["given"] is None
    assert typed["entries"][1]["probability"] is None


def test_nothing_hidden_is_no_fault(asked: dict[str, Any]) -> None:
    (found,) = got(asked | {"hidden": []})
    assert found["entries"] == []
    assert found["masked_text"] == TEXT
    (typed,) = got(asked | {"text": "the [MASK] sees", "hidden": [[5, 6]]})
    assert (typed["typed"], typed["places"], len(typed["entries"])) == ([1], [], 1)


def test_two_models_hide_the_same_words(run: Run, bert: Run, asked: dict[str, Any]) -> None:
    first, second = got(asked | {"other_run": bert.id, "other_step": 0})
    assert (first["run"], second["run"], second["step"]) == (run.id, bert.id, 0)
    for found in (first, second):
        hidden = {letter for place in found["places"] for letter in range(*found["spans"][place])}
        assert set(range(4, 7)) <= hidden <= set(range(3, 7)), "cat, with the space before it where words carry it"
    early, late = got(asked | {"step": 0, "other_run": run.id, "other_step": STEPS})
    assert early["entries"] != late["entries"]
    assert late == first


def test_strange_text_comes_back_as_text(asked: dict[str, Any]) -> None:
    response = post(asked | {"text": STRANGE, "hidden": []})
    assert response.headers["content-type"] == "application/json"
    if response.status_code == 200:
        assert "".join(response.json()["models"][0]["tokens"]).startswith("<script>")
    else:
        assert "Shorten it" in response.json()["error"]


@pytest.mark.parametrize(
    ("change", "english"),
    [
        ({"run": "0" * 16}, "There is no run"),
        ({"run": "../../etc"}, "There is no run"),
        ({"other_run": "/etc/passwd", "other_step": 0}, "There is no run"),
        ({"step": 7}, "kept no model at step 7"),
        ({"step": "7"}, "must be a number"),
        ({"way": "<b>"}, "must be one of"),
        ({"view": None}, "view"),
        ({"hidden": [[1]]}, "hidden"),
        ({"hidden": [[-1, 2]]}, "must be at least 0"),
        ({"hidden": [[0, 1]] * 201}, "hidden"),
        ({"text": "x" * 2_001}, "at most 2,000"),
        ({"text": "the cat sees " * 40}, "reads at most 31"),
        ({"text": None}, "must be text"),
        ({"text": " [MASK]" * 25}, "25 tokens are hidden; at most 24"),
        ({"text": "", "view": "everywhere"}, "no text"),
        ({"top": 0}, "must be at least 1"),
        ({"shell": "rm"}, "There is no setting shell"),
    ],
)
def test_what_cannot_be_filled_is_one_sentence(asked: dict[str, Any], change: dict[str, Any], english: str) -> None:
    response = post(asked | change)
    assert response.status_code == 404, response.text
    assert english in response.json()["error"]
    chinese = post(asked | change, "zh")
    assert chinese.json()["error"] != response.json()["error"]
    assert "Traceback" not in response.text


def test_a_model_that_fills_no_masks_says_why(asked: dict[str, Any]) -> None:
    response = post(asked | {"run": "stories-en", "step": state.store().find("stories-en").steps()[-1]})
    assert "from left to right" in response.json()["error"]


def test_what_would_take_too_long_is_refused_before_it_begins(
    asked: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = got(asked | {"view": "everywhere"})[0]
    count = len(whole["tokens"]) + whole.get("begin", 1)
    monkeypatch.setattr(answer, "MOST_OPERATIONS", count * (count * 24 * 32**2 + 2 * 32 * 300) * 0.7)
    error = post(asked | {"view": "everywhere"}).json()["error"]
    assert "would take this model too long" in error
    assert got(asked)[0]["entries"]


def test_a_fault_of_the_program_is_one_sentence(asked: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answer, "entries", lambda found: 1 / 0)
    response = post(asked)
    assert response.status_code == 500
    assert "log of the server" in response.json()["error"]


def test_only_a_page_of_ours_can_ask(asked: dict[str, Any]) -> None:
    body = json.dumps(asked | {"language": "en"})
    assert client().post("/fill", content=body, headers={"content-type": "text/plain"}).status_code == 415
    assert client().get("/fill").status_code == 405
    url = f"/fill.csv?asked={json.dumps(asked)}"
    assert client().get(url, headers={"sec-fetch-site": "cross-site"}).status_code == 403


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"run": "x"}', b"null", b"[" * 100_000])
def test_what_is_no_question_is_refused(body: bytes) -> None:
    response = client().post("/fill", content=body, headers={"content-type": "application/json"})
    assert response.status_code == 400


def table(asked: dict[str, Any]) -> list[dict[str, str]]:
    response = client().get("/fill.csv", params={"asked": json.dumps(asked)})
    assert response.status_code == 200, response.text
    return list(csv.DictReader(io.StringIO(response.content.decode("utf-8-sig"))))


@pytest.mark.parametrize("view", ["masks", "everywhere"])
def test_the_table_has_a_row_for_each_token_that_is_expected(run: Run, asked: dict[str, Any], view: str) -> None:
    asked |= {"view": view, "other_run": run.id, "other_step": 0}
    rows, models = table(asked), got(asked)
    assert len(rows) == sum(len(entry["top"]) for model in models for entry in model["entries"])
    first = models[0]["entries"][0]
    assert (rows[0]["run"], rows[0]["step"], rows[0]["place"]) == (run.id, str(STEPS), str(first["place"]))
    assert float(rows[1]["probability"]) == pytest.approx(first["top"][1][2])
    assert (rows[1]["rank"], rows[1]["token"]) == ("2", first["top"][1][1])
    assert rows[-1]["step"] == "0"


def test_a_table_of_nothing_is_refused(asked: dict[str, Any]) -> None:
    for query in ("", "asked=[]x", "asked={", "asked=" + "[" * 5000):
        assert client().get(f"/fill.csv?{query}").status_code == 400
    missing = client().get("/fill.csv", params={"asked": json.dumps(asked | {"run": "0" * 16}), "lang": "zh"})
    assert missing.status_code == 404
    assert "找不到训练" in missing.text
