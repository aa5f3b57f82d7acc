"""What a model writes for the Generate page: parts, errors, the routes, and what is kept."""

import asyncio
import csv
import io
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from llm_core.config import DecodingConfig
from llm_core.errors import UserError
from llm_core.runs.run import Run
from pages.ui import state, writing
from pages.ui.generate.python import python_of
from pages.ui.routes import ROUTES
from pages.ui.streaming import Part, lines_of
from pages.ui.writing import Writing, as_csv, painted, whole, write
from tests.pages.grown import STEPS, grown_store

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    with grown_store(tmp_path_factory) as run:
        yield run


@pytest.fixture
def asked(run: Run) -> Writing:
    return Writing(run=run.id, step=STEPS, prompt="the cat", decoding=DecodingConfig(tokens=12))


@pytest.fixture(autouse=True)
def _nothing_finished(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "_finished", writing._Finished())


def client() -> TestClient:
    return TestClient(Starlette(routes=ROUTES))


def post(values: dict[str, object], language: str = "en") -> list[dict[str, object]]:
    response = client().post("/write", json=values | {"language": language})
    assert response.status_code == 200
    return [json.loads(line) for line in response.text.splitlines()]


def text_of(part: Part) -> list[str]:
    return [token["text"] for token in part["tokens"]]


def test_parts_come_in_order(asked: Writing) -> None:
    parts = list(write(asked))
    assert "".join(parts[0]["prompt"]) == "the cat"
    assert all(len(part["tokens"]) == 1 for part in parts[1:-1])
    assert parts[-1]["done"]["seconds"] > 0
    for token in whole(asked)["tokens"]:
        shares = [share for _id, _text, share in token["alternatives"]]
        assert len(shares) == 10
        assert shares == sorted(shares, reverse=True)
        assert 0 <= token["probability"] <= 1
        known = {other: share for other, _text, share in token["alternatives"]}
        assert known.get(token["id"], token["probability"]) == pytest.approx(token["probability"], abs=1e-6)


def test_the_same_settings_write_the_same_text(asked: Writing, monkeypatch: pytest.MonkeyPatch) -> None:
    first = text_of(whole(asked))
    monkeypatch.setattr(writing, "_finished", writing._Finished())
    assert text_of(whole(asked)) == first
    assert asked.identity == Writing.model_validate_json(asked.model_dump_json()).identity


@pytest.mark.parametrize(
    "change", [{"step": 0}, {"prompt": "the sea"}, {"decoding": DecodingConfig(tokens=12, seed=5)}]
)
def test_other_settings_write_another_text(asked: Writing, change: dict[str, object]) -> None:
    other = asked.model_copy(update=change)
    assert other.identity != asked.identity
    assert text_of(whole(other)) != text_of(whole(asked))


def test_a_finished_text_is_painted_without_writing_again(asked: Writing) -> None:
    assert painted(asked) is None
    written = whole(asked)
    assert painted(asked) == written
    assert len(list(write(asked))) == 1


def test_the_route_streams_what_write_yields(asked: Writing) -> None:
    parts = post(asked.model_dump())
    assert parts[0].keys() == {"prompt"}
    assert [token["text"] for part in parts for token in part.get("tokens", [])] == text_of(whole(asked))  # type: ignore[attr-defined]
    assert parts[-1].keys() == {"done"}


@pytest.mark.parametrize(
    ("change", "english", "chinese"),
    [
        ({"run": "0" * 16}, "There is no run", "找不到训练"),
        ({"run": "../../etc"}, "There is no run", "找不到训练"),
        ({"run": "/etc/passwd"}, "There is no run", "找不到训练"),
        ({"step": 7}, "kept no model at step 7", "第 7 步没有保存模型"),
        ({"prompt": "x" * 4_001}, "at most 4,000", "4,000"),
        ({"decoding": {"temperature": 0}}, "must be more than 0", "必须大于 0"),
        ({"decoding": {"tokens": 10**9}}, "must be at most 4,096", "最多为 4,096"),
        ({"decoding": {"seed": "１２"}}, "must be a number", "必须是数"),
        ({"shell": "rm"}, "There is no setting shell", "没有 shell 这个设置"),
    ],
)
def test_what_cannot_be_written_is_one_sentence(
    asked: Writing, change: dict[str, object], english: str, chinese: str
) -> None:
    (part,) = post(asked.model_dump() | change)
    assert part.keys() == {"error"}
    assert english in str(part["error"])
    assert "Traceback" not in str(part["error"])
    assert chinese in str(post(asked.model_dump() | change, "zh")[0]["error"])


def test_malformed_and_oversized_requests_are_refused(asked: Writing) -> None:
    kind = {"Content-Type": "application/json"}
    assert client().post("/write", content=b"not json", headers=kind).status_code == 400
    assert client().post("/write", content=b"[1]", headers=kind).status_code == 400
    assert client().post("/write", content=b"[" * 5000, headers=kind).status_code == 400
    assert client().post("/write", content=b"{}" + b" " * 300_000, headers=kind).status_code == 413
    assert (
        client().post("/write", content=asked.model_dump_json(), headers={"Content-Type": "text/plain"}).status_code
        == 415
    )
    assert client().get("/write").status_code == 405
    assert client().get("/written.csv").status_code in (400, 404)
    assert client().get("/written.csv", params={"writing": "{"}).status_code == 400
    assert client().get("/written.csv", params={"writing": "[" * 5000}).status_code == 400
    assert client().get("/written.csv", params={"writing": '{"run": "../x"}'}).status_code == 404


@pytest.mark.parametrize("language", [["zh"], {"zh": 1}, 7, None, "xx"])
def test_a_language_that_is_none_is_english(asked: Writing, language: Any) -> None:
    (part,) = post(asked.model_dump() | {"run": "0" * 16}, language)
    assert "There is no run" in str(part["error"])


def test_the_table_has_a_row_for_each_token(asked: Writing) -> None:
    response = client().get("/written.csv", params={"writing": asked.model_dump_json()})
    assert response.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(response.text)))
    tokens = whole(asked)["tokens"]
    assert [float(row["probability"]) for row in rows] == [token["probability"] for token in tokens]
    assert rows[0]["alternative_1"].lstrip("'") == tokens[0]["alternatives"][0][1]


def test_the_table_is_refused_to_a_page_elsewhere_and_errors_speak_its_language(asked: Writing) -> None:
    query = {"writing": asked.model_dump_json()}
    assert client().get("/written.csv", params=query, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert client().get("/written.csv", params=query, headers={"Sec-Fetch-Site": "same-origin"}).status_code == 200
    missing = {"writing": asked.model_copy(update={"step": 7}).model_dump_json()}
    assert "第 7 步" in client().get("/written.csv", params=missing | {"lang": "zh"}).text
    for other in ({}, {"lang": "xx"}):
        assert "kept no model at step 7" in client().get("/written.csv", params=missing | other).text


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@sum", "\tx"])
def test_a_spreadsheet_runs_no_token_as_a_formula(asked: Writing, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    token = {"id": 1, "text": text, "probability": 0.5, "entropy": 1.0, "alternatives": [(1, text, 0.5)]}
    monkeypatch.setattr(writing, "whole", lambda _asked: {"tokens": [token]})
    (row,) = csv.DictReader(io.StringIO(as_csv(asked)))
    assert row["token"] == row["alternative_1"] == f"'{text}"


def test_a_third_writer_waits_and_says_so(asked: Writing) -> None:
    others = [write(asked.model_copy(update={"step": step})) for step in (0, 1)]
    for other in others:
        next(other)
    waiting = threading.Event()
    third = threading.Thread(target=lambda: list(write(asked, waiting.set)), daemon=True)
    third.start()
    assert waiting.wait(10)
    for other in others:
        other.close()
    third.join(30)
    assert painted(asked) is not None


def test_who_stops_listening_frees_the_place(asked: Writing) -> None:
    for seed in range(5):
        long = asked.model_copy(update={"decoding": DecodingConfig(tokens=4096, seed=seed)})
        left = write(long)
        assert len(list(islice(left, 3))) == 3
        left.close()
        assert painted(long) is None
    assert len(whole(asked)["tokens"]) <= 12


def test_a_browser_that_goes_away_ends_the_writing(asked: Writing) -> None:
    long = asked.model_copy(update={"decoding": DecodingConfig(tokens=4096, seed=99)})

    async def listen() -> None:
        lines = lines_of(lambda waiting: write(long, waiting), "en")
        assert "prompt" in await anext(lines)
        await lines.aclose()

    # In a thread of its own: the browser that other tests drive keeps a loop running in this one.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: asyncio.run(listen())).result(60)
    for thread in [thread for thread in threading.enumerate() if thread.name == "writing"]:
        thread.join(20)
        assert not thread.is_alive()
    assert painted(long) is None


def test_the_python_on_the_page_runs_and_writes_the_same(asked: Writing, run: Run) -> None:
    code = python_of(asked)
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT,
        env={"TERRARIUM_RUNS": str(run.folder.parent), "PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "PYTHONUTF8": "1"},
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    tokens = whole(asked)["tokens"]
    assert len(lines) == len(tokens)
    assert all(line.startswith(repr(token["text"])) for line, token in zip(lines, tokens, strict=True))
    assert all(
        abs(float(line.split()[-1]) - token["probability"]) < 2e-3 for line, token in zip(lines, tokens, strict=True)
    )


def test_what_is_kept_beside_a_model_is_painted_without_torch(run: Run) -> None:
    writing.keep(run)
    code = (
        "import sys\n"
        "from pages.ui.state import store\n"
        "from pages.ui.writing import DEFAULT, Writing, default_prompt, painted\n"
        f"run = store().find({run.id!r})\n"
        "first = Writing(run=run.id, step=run.steps()[-1], prompt=default_prompt(run), decoding=DEFAULT)\n"
        "assert painted(first)['tokens'], 'nothing kept'\n"
        "assert 'torch' not in sys.modules, 'torch was imported'\n"
    )
    try:
        environment = {"TERRARIUM_RUNS": str(run.folder.parent), "PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
        result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT, env=environment)  # fmt: skip
        assert result.returncode == 0, result.stderr
    finally:
        (run.folder / writing.STORED).unlink()


def test_a_bundled_model_that_writes_shows_its_first_text_at_once() -> None:
    writers = [
        run
        for run in state.store().bundled()
        if run.config.training.objective in ("next_token", "sequence_to_sequence")
    ]
    assert len(writers) == 5
    for bundled in writers:
        first = Writing(
            run=bundled.id, step=bundled.steps()[-1], prompt=writing.default_prompt(bundled), decoding=writing.DEFAULT
        )
        assert painted(first) is not None, f"{bundled.id} keeps no text of these settings; run: make models"


def test_an_unknown_run_raises(asked: Writing) -> None:
    with pytest.raises(UserError, match="There is no run"):
        list(write(asked.model_copy(update={"run": "f" * 16})))
