"""The routes of the Attention page: arrays, files, and what they refuse."""

import base64
import csv
import io
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from llm_core.interpret.attention.attention import see
from llm_core.interpret.reading import read
from llm_core.runs.run import Run
from pages.ui import state
from pages.ui.attention import files, first_text, route, seen
from pages.ui.routes import ROUTES
from tests.pages.grown import STEPS, grown_store
from tests.pages.recorded import write_run

TEXT = "the cat sees the sea. my old friend likes a red house."
STRANGE = "<script>alert(1)</script> </title>\u202e\u0000 <img src=x onerror=alert(1)> %{z} <b>{text}</b>"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    with grown_store(tmp_path_factory) as run:
        yield run


@pytest.fixture(autouse=True)
def _nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_seen", "_patterns"):
        monkeypatch.setattr(seen, name, seen._Kept(200_000_000))


@pytest.fixture
def asked(run: Run) -> dict[str, Any]:
    return {"run": run.id, "step": STEPS, "text": TEXT, "part": "decoder", "layer": 0, "head": 1}


def client() -> TestClient:
    return TestClient(Starlette(routes=ROUTES))


def post(values: dict[str, Any], language: str = "en") -> Any:
    return client().post("/patterns", json=values | {"language": language})


def got(values: dict[str, Any]) -> dict[str, Any]:
    response = post(values)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


def numbers(text: str, *shape: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.frombuffer(base64.b64decode(text), dtype="<f4").reshape(shape)


def truth(run: Run, text: str = TEXT) -> Any:
    model, tokenizer = state.store().model(run, STEPS)
    return see(model, read(model, tokenizer, text)).parts["decoder"]


def test_all_heads_come_as_exact_numbers_with_their_tokens(run: Run, asked: dict[str, Any]) -> None:
    reply, expected = got(asked), truth(run)
    pattern = numbers(reply["all"], reply["layers"], reply["heads"], reply["rows"], reply["columns"])
    np.testing.assert_allclose(pattern, expected.pattern, atol=1e-6)
    np.testing.assert_allclose(pattern.sum(-1), 1, atol=1e-5)
    assert not pattern[..., *np.triu_indices(reply["rows"], 1)].any()
    assert tuple(reply["queries"]) == tuple(reply["keys"]) == expected.query_tokens
    assert (reply["step"], reply["steps"], reply["left_out"]) == (STEPS, run.steps(), 0)


def test_of_many_numbers_one_head_is_exact_and_the_others_are_small(
    asked: dict[str, Any], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(route, "SMALL", 10)
    monkeypatch.setattr(route.thumbnails, "__defaults__", (5,))
    reply, expected = got(asked), truth(run).pattern
    rows, columns = expected.shape[2:]
    assert "all" not in reply
    np.testing.assert_allclose(numbers(reply["pattern"], rows, columns), expected[0, 1], atol=1e-6)
    small = reply["thumbnails"]
    shape = (*expected.shape[:2], small["rows"], small["columns"])
    shown = np.frombuffer(base64.b64decode(small["values"]), dtype=np.uint8).reshape(shape)
    block = -(-rows // 5)
    for row in range(small["rows"]):
        for column in range(small["columns"]):
            part = expected[:, :, row * block : (row + 1) * block, column * block : (column + 1) * block]
            np.testing.assert_allclose(shown[:, :, row, column] / 255, part.max((2, 3)), atol=0.5 / 255 + 1e-6)
    assert "thumbnails" not in got(asked | {"grid": False})


def test_the_newest_step_comes_without_asking_for_it_and_only_once(run: Run, asked: dict[str, Any]) -> None:
    reply = got(asked | {"step": None})
    assert reply["step"] == STEPS
    assert "all" in reply
    assert reply["poll_milliseconds"] >= 300
    assert reply["live"] is False
    light = got(asked | {"step": None, "have": STEPS})
    assert "all" not in light
    assert light["steps"] == run.steps()


@pytest.mark.parametrize(
    ("part", "sides"), [("encoder", "source source"), ("decoder", "text text"), ("cross", "text source")]
)
def test_a_translator_looks_in_its_source_in_its_text_and_from_one_to_the_other(
    run: Run, part: str, sides: str
) -> None:
    model, tokenizer = state.store().model(state.store().find("translate-en-zh"))
    reading = read(model, tokenizer, first_text.CHINESE_SENTENCE, first_text.ENGLISH_SENTENCE)
    assert reading.source is not None
    step = state.store().find("translate-en-zh").steps()[-1]
    reply = got({
        "run": "translate-en-zh", "step": step, "part": part, "layer": 1, "head": 0,
        "text": first_text.CHINESE_SENTENCE, "source": first_text.ENGLISH_SENTENCE,
    })  # fmt: skip
    tokens = {"text": list(reading.text.tokens), "source": list(reading.source.tokens)}
    looks, looked_at = sides.split()
    assert (reply["queries"], reply["keys"]) == (tokens[looks], tokens[looked_at])
    pattern = numbers(reply["all"], reply["layers"], reply["heads"], reply["rows"], reply["columns"])
    np.testing.assert_allclose(pattern, see(model, reading).parts[part].pattern, atol=1e-6)  # type: ignore[index]


def test_another_step_another_pattern(run: Run, asked: dict[str, Any]) -> None:
    first = got(asked | {"step": run.steps()[0]})
    assert first["all"] != got(asked)["all"]


def test_what_is_switched_off_changes_the_pattern(asked: dict[str, Any]) -> None:
    reply = got(asked | {"tokens_off": [3]})
    pattern = numbers(reply["all"], reply["layers"], reply["heads"], reply["rows"], reply["columns"])
    rows = [row for row in range(reply["rows"]) if row != 3]
    assert not pattern[:, :, rows, 3].any()
    np.testing.assert_allclose(pattern.sum(-1), 1, atol=1e-5)


def test_the_same_is_computed_once(asked: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    monkeypatch.setattr(seen, "_see_patterns", lambda looking, see=seen._see_patterns: calls.append(looking) or see(looking))  # fmt: skip
    assert got(asked) == got(asked | {"head": 0})
    assert len(calls) == 1


def test_little_is_kept() -> None:
    kept = seen._Kept(25)
    for name in "abc":
        assert kept.get((name,), lambda name=name: name, lambda _: 10) == name  # type: ignore[misc]
    assert list(kept._kept) == [("b",), ("c",)]
    kept.get(("b",), lambda: pytest.fail("it was kept"), lambda _: 10)
    kept.get(("large",), lambda: 0, lambda _: 1000)
    assert list(kept._kept) == [("large",)]


def test_a_long_text_is_cut_where_the_context_ends_and_this_is_said(run: Run, asked: dict[str, Any]) -> None:
    long = TEXT * 6
    _model, tokenizer = state.store().model(run, STEPS)
    reply = got(asked | {"text": long})
    assert reply["rows"] == run.model_config.context
    assert reply["left_out"] == len(tokenizer.encode(long)) + 1 - reply["rows"]


def test_no_more_tokens_are_looked_at_than_memory_allows(
    asked: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = got(asked)
    monkeypatch.setattr(seen, "MOST_TOKENS", 8)
    monkeypatch.setattr(seen, "_patterns", seen._Kept(1000))
    short = got(asked)
    assert short["rows"] == 8
    assert short["left_out"] == whole["rows"] - 8
    assert short["queries"] == whole["queries"][:8]


def test_strange_text_comes_back_as_text(asked: dict[str, Any]) -> None:
    response = post(asked | {"text": STRANGE})
    tokens = response.json()["queries"]
    assert response.headers["content-type"] == "application/json"
    assert "".join(tokens[1:])[:7] == STRANGE[:7]


@pytest.mark.parametrize(
    ("change", "english", "chinese"),
    [
        ({"run": "0" * 16}, "There is no run", "找不到训练"),
        ({"run": "../../etc"}, "There is no run", "找不到训练"),
        ({"run": "/etc/passwd"}, "There is no run", "找不到训练"),
        ({"step": 7}, "kept no model at step 7", "第 7 步没有保存模型"),
        ({"step": "7"}, "must be a number", "必须是数"),
        ({"layer": 5}, "no head decoder.5.1", "decoder.5.1"),
        ({"head": -1}, "must be at least 0", "至少为 0"),
        ({"part": "cross"}, "no head cross.0.1", "cross.0.1"),
        ({"part": "<b>"}, "must be one of", "<b>"),
        ({"text": "x" * 4_001}, "at most 4,000", "4,000"),
        ({"text": None}, "must be text", "必须是文本"),
        ({"heads_off": ["decoder.9.9"]}, "There is no head decoder.9.9", "decoder.9.9"),
        ({"heads_off": ["<script>"]}, "names no head", "<script>"),
        ({"tokens_off": [900]}, "There is no token 900", "900"),
        ({"tokens_off": [0] * 1001}, "tokens_off", "tokens_off"),
        ({"shell": "rm"}, "There is no setting shell", "没有 shell 这个设置"),
    ],
)
def test_what_cannot_be_looked_at_is_one_sentence(
    asked: dict[str, Any], change: dict[str, Any], english: str, chinese: str
) -> None:
    for language, says in (("en", english), ("zh", chinese)):
        response = post(asked | change, language)
        assert response.status_code == 404
        assert says in response.json()["error"]
        assert "Traceback" not in response.text


def test_only_a_page_of_ours_can_ask(asked: dict[str, Any]) -> None:
    body = json.dumps(asked | {"language": "en"})
    assert client().post("/patterns", content=body, headers={"content-type": "text/plain"}).status_code == 415
    assert client().get("/patterns").status_code == 405
    for name in ("csv", "html"):
        url = f"/attention.{name}?looking={json.dumps(asked)}"
        assert client().get(url, headers={"sec-fetch-site": "cross-site"}).status_code == 403


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"run": "x"}', b"null", b"[" * 100_000])
def test_what_is_no_question_is_refused(body: bytes) -> None:
    response = client().post("/patterns", content=body, headers={"content-type": "application/json"})
    assert response.status_code == 400


def test_too_large_a_question_is_refused(asked: dict[str, Any]) -> None:
    assert post(asked | {"text": "x" * 300_000}).status_code == 413


def table(asked: dict[str, Any], **other: Any) -> list[dict[str, str]]:
    values = {"looking": json.dumps(asked)} | {name: json.dumps(value) for name, value in other.items()}
    response = client().get("/attention.csv", params=values)
    assert response.status_code == 200
    return list(csv.DictReader(io.StringIO(response.content.decode("utf-8-sig"))))


def test_the_table_has_a_row_for_each_pair_of_tokens(run: Run, asked: dict[str, Any]) -> None:
    rows, expected = table(asked), truth(run)
    count = len(expected.query_tokens)
    assert len(rows) == count * count
    for row in rows[:: count + 3]:
        query, key = int(row["query_position"]), int(row["key_position"])
        assert (row["query"], row["key"]) == (expected.query_tokens[query], expected.key_tokens[key])
        assert float(row["attention"]) == pytest.approx(expected.pattern[0, 1, query, key], abs=1e-6)


def test_the_table_of_a_difference_is_the_difference_of_the_tables(run: Run, asked: dict[str, Any]) -> None:
    other = asked | {"head": 0, "text": "the cat sees."}
    difference = table(asked, other=other)
    first = {(row["query_position"], row["key_position"]): float(row["attention"]) for row in table(asked)}
    second = {(row["query_position"], row["key_position"]): float(row["attention"]) for row in table(other)}
    assert len(difference) == len(second)
    for row in difference:
        place = row["query_position"], row["key_position"]
        assert float(row["difference"]) == pytest.approx(first[place] - second[place], abs=1e-6)


def test_a_cell_that_a_spreadsheet_would_run_is_text(asked: dict[str, Any]) -> None:
    cells = [row["query"] for row in table(asked | {"text": "=1+1 @x"})]
    assert "'=" in "".join(cells)
    assert not any(cell.startswith(("=", "+", "-", "@")) for cell in cells)


@pytest.mark.parametrize("other", [None, {"head": 0}])
def test_the_page_to_take_away_needs_nothing_else_and_runs_nothing(asked: dict[str, Any], other: Any) -> None:
    strange = asked | {"text": STRANGE}
    values = {"looking": json.dumps(strange)} | ({"other": json.dumps(strange | other)} if other else {})
    response = client().get("/attention.html", params=values)
    page = response.text
    assert response.headers["content-type"].startswith("text/html")
    assert "attachment" in response.headers["content-disposition"]
    assert "Plotly.newPlot" in page
    assert 'src="http' not in page
    assert "<img" not in page.split("Plotly.newPlot", 1)[1]
    assert "</script> <" not in page


def test_the_colours_of_the_page_to_take_away_are_those_of_the_screen() -> None:
    assert [files._position(share, False) for share in (0, 0.5, 1)] == [0, 0.25, 1]
    assert [files._position(share, True) for share in (0, 0.25, 0.5, 0.75, 1)] == [0, 0.375, 0.5, 0.625, 1]


@pytest.mark.parametrize("query", ["", "looking=[]x", "looking={", "looking=" + "[" * 5000])
def test_a_file_of_nothing_is_refused(query: str) -> None:
    for name in ("csv", "html"):
        assert client().get(f"/attention.{name}?{query}").status_code == 400


@pytest.mark.parametrize("suffix", ["csv", "html"])
def test_a_file_of_the_newest_step_of_a_run_that_has_none_is_one_sentence(run: Run, asked: dict[str, Any], suffix: str) -> None:  # fmt: skip
    empty = write_run(run.folder.parent / ("c" * 16 if suffix == "csv" else "d" * 16), state="running", until=1)
    newest = {name: value for name, value in asked.items() if name != "step"} | {"run": empty.name}
    response = client().get(f"/attention.{suffix}", params={"looking": json.dumps(newest)})
    assert response.status_code == 404
    assert "has not kept a model yet" in response.text


def test_a_file_of_no_run_is_one_sentence(asked: dict[str, Any]) -> None:
    query = {"looking": json.dumps(asked | {"run": "0" * 16}), "lang": "zh"}
    response = client().get("/attention.csv", params=query)
    assert response.status_code == 404
    assert "找不到训练" in response.text
