"""What the views of the Generate page ask the server: the next token, a beam search, two models, many samples."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from starlette.applications import Starlette
from starlette.testclient import TestClient

from llm_core.config import DecodingConfig, RunConfig
from llm_core.data.prepare import prepare
from llm_core.evaluate.repetition import distinct, mean, repeated
from llm_core.models.base import Batch
from llm_core.runs.run import Run
from pages.ui import state, writing
from pages.ui.generate.beams import MOST_STEPS, drawn, searched
from pages.ui.generate.next_token import Place, logits_at
from pages.ui.generate.pair import Both, crossed
from pages.ui.generate.samples import Many, sampled
from pages.ui.routes import ROUTES
from pages.ui.writing import Writing, prompt_ids, whole
from tests.pages.grown import STEPS, grown_store


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    with grown_store(tmp_path_factory) as run:
        yield run


@pytest.fixture(autouse=True)
def _nothing_finished(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "_finished", writing._Finished())


@pytest.fixture
def asked(run: Run) -> Writing:
    return Writing(run=run.id, step=STEPS, prompt="the cat", decoding=DecodingConfig(tokens=12))


def client() -> TestClient:
    return TestClient(Starlette(routes=ROUTES))


def post(address: str, values: dict[str, Any], language: str = "en") -> list[dict[str, Any]]:
    response = client().post(address, json=values | {"language": language})
    return [json.loads(line) for line in response.text.splitlines()]


def shares_after(run: Run, ids: list[int]) -> torch.Tensor:
    model, _tokenizer = state.store().model(run, STEPS)
    with torch.no_grad():
        shares: torch.Tensor = model(Batch(torch.tensor([ids])))[0, -1].softmax(-1)
    return shares


def test_choices_lead_a_text_elsewhere_and_stand_in_its_name(asked: Writing) -> None:
    trunk = whole(asked)["tokens"]
    other = next(token for token, _text, _share in trunk[3]["alternatives"] if token != trunk[3]["id"])
    branch = asked.model_copy(update={"choices": f"3.{other}"})
    led = whole(branch)["tokens"]
    assert [token["id"] for token in led[:3]] == [token["id"] for token in trunk[:3]]
    assert led[3]["id"] == other
    known = {token: share for token, _text, share in trunk[3]["alternatives"]}
    assert led[3]["probability"] == pytest.approx(known[other], abs=1e-6)
    assert branch.identity != asked.identity
    assert whole(Writing.model_validate_json(branch.model_dump_json()))["tokens"] == led


@pytest.mark.parametrize("choices", ["x", "3.5-", "3", "5.1-3.1", "99.1", "3.999999", "-".join(["1.1"] * 70)])
def test_choices_of_no_text_are_one_sentence(asked: Writing, choices: str) -> None:
    part = post("/write", asked.model_dump() | {"choices": choices})[-1]
    assert part.keys() == {"error"}
    assert "Traceback" not in part["error"]


@pytest.mark.parametrize("place", [0, 4])
def test_the_logits_are_those_of_a_whole_forward_pass(asked: Writing, run: Run, place: int) -> None:
    (answer,) = post("/next", Place(writing=asked, place=place).model_dump())
    tokens = whole(asked)["tokens"]
    _model, tokenizer = state.store().model(run, STEPS)
    before = [*prompt_ids(tokenizer, "the cat"), *(token["id"] for token in tokens[:place])]
    logits = torch.from_numpy(np.frombuffer(base64.b64decode(answer["logits"]), dtype="<f4").copy())
    torch.testing.assert_close(logits.softmax(-1), shares_after(run, before), atol=1e-5, rtol=1e-4)
    assert answer["seen"] == sorted(set(before))
    assert answer["pieces"][0] == [int(logits.argmax()), tokenizer.pieces[int(logits.argmax())]]
    assert "".join(answer["text"]) == "the cat"
    assert answer["token"] == (tokens[place]["id"] if place else answer["token"])


def test_a_place_that_a_text_has_not_is_refused(asked: Writing) -> None:
    (answer,) = post("/next", Place(writing=asked, place=40).model_dump(), "zh")
    assert "41" in answer["error"]
    assert client().post("/next", json={"writing": {}, "language": "en"}).status_code == 404
    unwritten = asked.model_copy(update={"prompt": "the moon"})
    assert logits_at(Place(writing=unwritten))["token"] is None, "nothing has been written to stand there"


def test_a_beam_search_is_told_with_the_path_that_it_chose(asked: Writing) -> None:
    asked = asked.model_copy(update={"decoding": DecodingConfig(tokens=6, beams=3, method="beam")})
    parts = list(searched(asked))
    steps = [part["rows"] for part in parts if "rows" in part]
    (path,) = [part["path"] for part in parts if "path" in part]
    ids, parent = [], None
    for rows, row in zip(reversed(steps), reversed(path), strict=False):
        one = rows[row]
        assert parent is None or row == [n for n, each in enumerate(rows) if each[5] == "kept"][parent]
        ids.append(one[1])
        parent = one[0]
    assert ids[::-1] == [token["id"] for token in whole(asked)["tokens"]]
    (greedy,) = [part["greedy"] for part in parts if "greedy" in part]
    taken = asked.model_copy(update={"decoding": DecodingConfig(tokens=6, method="greedy")})
    assert [token[0] for token in greedy] == [token["id"] for token in whole(taken)["tokens"]]
    assert parts[-1] == {"done": {}}


def test_a_search_that_is_too_long_to_draw_is_cut(asked: Writing) -> None:
    long = asked.model_copy(update={"decoding": DecodingConfig(tokens=400, beams=64)})
    assert drawn(long).decoding.tokens == MOST_STEPS
    assert drawn(long).identity == drawn(drawn(long)).identity


def test_each_model_says_what_it_thinks_of_the_others_text(asked: Writing, run: Run) -> None:
    early = asked.model_copy(update={"step": 0})
    told = {name: value for part in crossed(Both(one=asked, other=early)) for name, value in part.items()}
    assert [len(told["one"]), len(told["other"])] == [len(whole(asked)["tokens"]), len(whole(early)["tokens"])]
    _model, tokenizer = state.store().model(run, STEPS)
    ids = prompt_ids(tokenizer, "the cat")
    for place, token in enumerate(whole(early)["tokens"]):
        assert told["other"][place] == pytest.approx(float(shares_after(run, ids)[token["id"]]), rel=1e-3, abs=1e-6)
        ids.append(token["id"])
    with_itself = {name: value for part in crossed(Both(one=asked, other=asked)) for name, value in part.items()}
    own = [token["probability"] for token in whole(asked)["tokens"]]
    assert with_itself["one"] == pytest.approx(own, abs=1e-6)


def test_models_of_other_tokens_say_nothing_of_each_other(asked: Writing, store_of_two: str) -> None:
    parts = list(crossed(Both(one=asked, other=asked.model_copy(update={"run": store_of_two, "step": 0}))))
    assert parts == [{"apart": "apart_tokens", "done": {}}]


@pytest.fixture
def store_of_two(run: Run) -> str:
    """A bundled model with other tokens, and a step 0."""
    bundled = next(each for each in state.store().bundled() if each.id == "stories-en")
    assert 0 in bundled.steps()
    return bundled.id


def alone(asked: Writing, row: int) -> list[dict[str, Any]]:
    """The text of a sample, written by itself."""
    decoding = asked.decoding.model_copy(update={"seed": asked.decoding.seed + row})
    tokens: list[dict[str, Any]] = whole(asked.model_copy(update={"decoding": decoding}))["tokens"]
    return tokens


def test_samples_are_the_texts_of_their_seeds_and_measured_as_by_hand(asked: Writing, run: Run) -> None:
    assert isinstance(run.settings, RunConfig)
    corpus = prepare(run.settings.data, run.corpora)  # a run that was copied came without its text
    assert corpus.digest == run.digest
    parts = list(sampled(Many(writing=asked, count=8)))
    samples = {part["sample"]["row"]: part["sample"] for part in parts if "sample" in part}
    _model, tokenizer = state.store().model(run, STEPS)
    learnt = corpus.training.tolist()
    known = {tuple(learnt[at : at + 4]) for at in range(len(learnt) - 3)}
    assert sorted(samples) == list(range(8))
    texts, copied, nats, written = [], [], 0.0, 0
    for row in range(8):
        tokens = alone(asked, row)
        ids = [token["id"] for token in tokens if token["id"] != tokenizer.end_of_text]
        own = -sum(token["logprobability"] for token in tokens)
        assert samples[row]["text"] == tokenizer.decode(ids)
        assert samples[row]["ended"] == (len(ids) < len(tokens))
        assert samples[row]["nats"] == pytest.approx(own, abs=1e-3)
        assert samples[row]["perplexity"] == pytest.approx(np.exp(own / len(tokens)), rel=1e-3)
        grams = [tuple(ids[at : at + 4]) for at in range(len(ids) - 3)]
        copied.append(np.mean([gram in known for gram in grams]) if grams else None)
        texts.append(ids)
        nats, written = nats + own, written + len(tokens)
    told = [part["measures"] for part in parts if "measures" in part][-1]
    assert [told[f"distinct_{n}"] for n in (1, 2, 3)] == pytest.approx([distinct(texts, n) for n in (1, 2, 3)], abs=1e-5)  # fmt: skip
    assert told["repeated"] == pytest.approx(mean([repeated(text, 4) for text in texts]), abs=1e-5)
    assert told["copied"] == pytest.approx(mean(copied), abs=1e-5)
    assert told["perplexity"] == pytest.approx(np.exp(nats / written), rel=1e-3)
    assert told["different"] == len({tuple(text) for text in texts})
    assert (told["count"], told["length"]) == (8, pytest.approx(np.mean([len(text) for text in texts])))


def test_a_batch_can_be_left(asked: Writing) -> None:
    long = asked.model_copy(update={"decoding": DecodingConfig(tokens=4096)})
    for _attempt in range(3):  # more than there are places
        parts = sampled(Many(writing=long, count=8))
        assert next(parts).keys() == {"prompt"}
        next(parts)
        parts.close()
    assert post("/samples", Many(writing=asked, count=2).model_dump())[-1] == {"done": {}}


@pytest.mark.parametrize("address", ["/next", "/beams", "/crossed", "/samples"])
def test_what_is_no_question_is_refused(asked: Writing, address: str) -> None:
    kind = {"Content-Type": "application/json"}
    assert client().post(address, content=b"not json", headers=kind).status_code == 400
    assert client().post(address, content=b"{}", headers={"Content-Type": "text/plain"}).status_code == 415
    assert client().get(address).status_code == 405
    missing = asked.model_dump() | {"run": "../../etc"}
    values = {"/beams": missing, "/crossed": {"one": missing, "other": missing}}.get(address, {"writing": missing})
    (part,) = post(address, values, "zh")
    assert "找不到" in part["error"]


def test_no_more_samples_than_can_be_shown(asked: Writing) -> None:
    (part,) = post("/samples", {"writing": asked.model_dump(), "count": 65})
    assert "64" in part["error"]
