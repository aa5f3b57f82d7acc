"""How a direction moves a model, as a run: rows for each strength and each place, with the controls beside them."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from llm_core.errors import UserError
from llm_core.interpret.components import Component
from llm_core.interpret.reading import Reading, as_batch, read
from llm_core.interpret.steering.steering import steer
from llm_core.runs.history import Row
from llm_core.runs.inquired import InquiryConfig, SteeringQuestion
from llm_core.runs.inquiries import steering
from llm_core.runs.inquiries.steering import EVERYWHERE, RANDOM, STRENGTHS, answer, tokens_named
from llm_core.runs.inquiry_job import answering
from llm_core.runs.inquiry_subject import Subject
from llm_core.runs.steered import directions_of, tried_on
from llm_core.runs.store import Store
from llm_core.taps import observe
from tests.interpret.opened import model_of
from tests.pages.made_inside import made

DECODER, ENCODER = "1" * 16, "2" * 16
PLACE = "decoder.0.residual_after"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    root = tmp_path_factory.mktemp("steered") / "runs"
    root.mkdir()
    made(root, DECODER)
    made(root, ENCODER, "encoder", masked=True)
    return Store(root, bundled=root / "none")


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steering, "_COST_TEXTS", 2)
    monkeypatch.setattr(steering, "STRENGTHS", (-1.0, 0.0, 1.0))


def subject_of(store: Store, name: str, folder: Path) -> Subject:
    run = store.find(name)
    model, tokenizer = store.model(run, 1)
    return Subject(store, run, 1, model, tokenizer, folder, ())


def test_a_decoder_is_measured_at_every_strength_and_place(store: Store, tmp_path: Path) -> None:
    question = SteeringQuestion(
        wanted=("the cat", "a cat"), others=("the dog", "a dog"), place=PLACE, tried=("the cat sees",), words=("the",)
    )
    rows = [each for each in answer(question, subject_of(store, DECODER, tmp_path)) if isinstance(each, dict)]
    assert rows[0]["kind"] == "asked"
    by_strength = [row for row in rows if row["kind"] == "strength"]
    assert [(row["strength"], row["random"]) for row in by_strength] == [(s, r) for s in (-1.0, 0.0, 1.0) for r in (None, *range(RANDOM))]  # fmt: skip
    assert len({row["loss"] for row in by_strength if row["strength"] == 0}) == 1
    assert len({row["loss"] for row in by_strength}) > RANDOM
    by_place = [row for row in rows if row["kind"] == "place" and row["random"] is None]
    assert [row["place"] for row in by_place] == ["decoder.embedding", PLACE, "decoder.1.residual_after"]
    assert {row["strength"] for row in by_place} == {EVERYWHERE}
    assert all(row["valid"] is None or 0 <= row["valid"] <= 1 for row in rows[1:])
    assert answering("steering") is answer
    assert 0.0 in STRENGTHS


def test_an_encoder_is_asked_at_its_mask(store: Store, tmp_path: Path) -> None:
    question = SteeringQuestion(
        wanted=("the cat [MASK] the dog",), others=("the dog [MASK] a cat",), place="encoder.0.residual_after",
        tried=("a dog [MASK] the cat",), words=("sees",),
    )  # fmt: skip
    subject = subject_of(store, ENCODER, tmp_path)
    rows = [each for each in answer(question, subject) if isinstance(each, dict)]
    last = next(row for row in rows if row["kind"] == "strength" and row["strength"] == 1.0 and row["random"] is None)
    (direction,) = directions_of(question, store, subject.run, 1, subject.model, subject.tokenizer, (Component.parse(question.place),))  # fmt: skip
    reading = read(subject.model, subject.tokenizer, question.tried[0])
    (mask,) = (at for at, token in enumerate(reading.text.tokens) if token == "[MASK]")
    with torch.no_grad(), observe(subject.model, only=(), edits=steer(subject.model, direction, 1.0)):
        shares = subject.model(as_batch(reading))[0, mask].softmax(-1)
    assert last["wanted"] == pytest.approx(float(shares[tokens_named(subject.names, ["sees"])].sum()), rel=1e-4)
    with pytest.raises(UserError, match="must be hidden"):
        list(answer(question.model_copy(update={"tried": ("the cat",)}), subject))
    with pytest.raises(UserError, match="None of the words"):
        list(answer(question.model_copy(update={"words": ("zebra",)}), subject))


def test_a_token_and_a_neuron_point_somewhere_and_a_missing_feature_is_refused(store: Store, tmp_path: Path) -> None:
    subject = subject_of(store, DECODER, tmp_path)
    common = {"place": PLACE, "tried": ("the cat",), "words": ("the",), "number": 3}
    for source in ("token", "neuron"):
        rows = [each for each in answer(SteeringQuestion(source=source, **common), subject) if isinstance(each, dict)]  # type: ignore[arg-type]  # fmt: skip
        assert len(rows) == 1 + 3 * (1 + RANDOM)  # one place alone
        assert all(math.isfinite(row["loss"]) for row in rows[1:])
    with pytest.raises(UserError, match="has been trained"):
        list(answer(SteeringQuestion(source="feature", **common), subject))  # type: ignore[arg-type]


def test_it_is_not_tried_on_texts_that_the_direction_is_made_of(store: Store, tmp_path: Path) -> None:
    subject = subject_of(store, DECODER, tmp_path)

    def asked(*tried: str) -> list[Row | float]:
        question = SteeringQuestion(wanted=("the cat",), others=("the dog",), place=PLACE, tried=tried, words=("the",))
        return list(answer(question, subject))

    assert asked("a dog", "the dog ", "the cat") == asked("a dog")
    with pytest.raises(UserError, match="made of every text"):
        asked("the cat", " the dog")
    token = SteeringQuestion(source="token", wanted=("the cat",), place=PLACE, tried=("the cat",), words=("the",))
    assert tried_on(token) == ("the cat",)  # the direction is a token's own


def test_texts_in_which_nothing_can_be_asked_cost_nothing(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    def none(*_: object) -> list[Reading]:
        raise UserError("Nobody knows what it has read.")

    monkeypatch.setattr(steering, "own_readings", none)
    subject = subject_of(store, DECODER, tmp_path)

    def losses(*tried: str) -> set[float | None]:
        question = SteeringQuestion(wanted=("the cat",), others=("the dog",), place=PLACE, tried=tried, words=("the",))
        return {row["loss"] for row in answer(question, subject) if isinstance(row, dict) and row["kind"] == "strength"}

    assert losses("") == {None}  # only the sign that a text begins: written on from, but no next token is known
    assert losses("", "a dog sees") == losses("a dog sees") != {None}
    with pytest.raises(UserError, match="There is no text"):
        losses()


def test_a_model_with_a_second_stream_is_refused(store: Store, tmp_path: Path) -> None:
    subject = replace(subject_of(store, DECODER, tmp_path), model=model_of(architecture="encoder", query_stream=True))
    question = SteeringQuestion(wanted=("the cat",), others=("the dog",), place=PLACE, tried=("a dog",), words=("the",))
    with pytest.raises(UserError, match="second stream"):
        next(answer(question, subject))


def test_the_same_question_has_the_same_name() -> None:
    one, other = (
        InquiryConfig(run=DECODER, step=1, question=SteeringQuestion(place=PLACE, tried=("a",), words=words))
        for words in (("b",), ("c",))
    )
    assert one.digest != other.digest
    assert InquiryConfig.model_validate_json(one.model_dump_json()) == one
