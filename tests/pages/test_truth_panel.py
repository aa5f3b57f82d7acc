"""The judgement of a written text on its way to the browser, for models of texts that a grammar has written."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient
from streamlit.testing.v1 import AppTest

from llm_core.config import DecodingConfig
from llm_core.data.corpora import Corpus
from llm_core.errors import UserError
from llm_core.runs.files import read_object
from llm_core.runs.run import Run
from pages.ui import truth, writing
from pages.ui.routes import ROUTES
from pages.ui.writing import Writing
from tests.evaluate.given import tales
from tests.pages.grown import STEPS, grown_store

PAGE = Path(__file__).parents[2] / "pages" / "generate.py"
STORY = "Lily put a ball in the box. Lily said, “It is in the"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    with grown_store(tmp_path_factory) as run:
        yield run


@pytest.fixture
def tale(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every run count as one on the tales."""
    corpus = Corpus("tales-en", "Tales", "", "en", kind="grammar", source="tales")
    monkeypatch.setattr(truth, "world_of", lambda _run: corpus)
    monkeypatch.setattr("llm_core.data.grammar.grammar.load_grammar", lambda _name: tales())


@pytest.fixture
def asked(run: Run) -> Writing:
    return Writing(run=run.id, step=STEPS, prompt=STORY, decoding=DecodingConfig(tokens=6))


def client() -> TestClient:
    return TestClient(Starlette(routes=ROUTES))


def test_tokens_come_first_and_sentences_after_them(asked: Writing, tale: None) -> None:
    reply = client().get("/truth", params={"writing": asked.model_dump_json()})
    first, second = [json.loads(line) for line in reply.text.splitlines()]
    assert "".join(text for text, *_rest in first["tokens"]).startswith(STORY)
    assert first["story"] == "left"
    left = first["left"]
    assert [given for *_numbers, given, _start in first["tokens"][: left + 1]] == [1] * left + [0]
    assert all(perfect is None for _text, _model, perfect, *_rest in first["tokens"][left:])
    assert dict(map(tuple, first["expected"])) == {" box": pytest.approx(1.0)}
    assert second["sentences"][0] == [0, STORY.index(".") + 1, True]


def test_what_is_kept_beside_a_model_is_there_without_the_model(run: Run, tale: None, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    kept = writing.keep(run)
    try:
        truth.keep_truth(kept)
        parts = list(truth.judged(kept))
        monkeypatch.setattr("llm_core.evaluate.judging.judge", lambda *_arguments: pytest.fail("judged again"))
        assert [sorted(part) for part in truth.judged(kept)] == [sorted(part) for part in parts]
        assert (read_object(run.folder / writing.STORED) or {})["identity"] == kept.identity
    finally:
        (run.folder / writing.STORED).unlink()


def test_other_texts_have_no_truth(asked: Writing) -> None:
    with pytest.raises(UserError, match="grammar"):
        list(truth.judged(asked))
    reply = client().get("/truth", params={"writing": asked.model_dump_json()})
    assert "grammar" in json.loads(reply.text)["error"]


def test_malformed_and_foreign_requests_are_refused(asked: Writing) -> None:
    address = {"writing": asked.model_dump_json()}
    assert client().get("/truth", params=address, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    for broken in ("", "{", "[" * 5000, "[]", '{"run": 3}'):
        assert client().get("/truth", params={"writing": broken}).status_code == 400
    missing = {"writing": asked.model_copy(update={"run": "f" * 16}).model_dump_json()}
    assert "There is no run" in json.loads(client().get("/truth", params=missing).text)["error"]


def test_the_page_shows_the_panel_only_where_the_truth_is_known(run: Run, request: pytest.FixtureRequest) -> None:
    def panels() -> int:
        test = AppTest.from_file(PAGE, default_timeout=30)
        test.query_params["run"] = run.id
        test.run()
        assert not test.exception
        return sum("./truth?" in node.proto.json for node in test.get("bidi_component"))

    assert panels() == 0
    request.getfixturevalue("tale")
    assert panels() == 1
