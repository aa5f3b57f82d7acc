"""Heads found and proved as an answer of a worker: row by row what the library finds; the best head where none is good."""

from pathlib import Path

import pytest

from llm_core.config import parse
from llm_core.errors import UserError
from llm_core.interpret.circuits.prove_heads import find_heads, prove_heads
from llm_core.interpret.outcome import outcome
from llm_core.runs.inquired import ProofQuestion
from llm_core.runs.inquiries.proof import answer
from llm_core.runs.inquiry_subject import Subject
from llm_core.runs.store import Store
from llm_core.runs.used_tokens import used_tokens
from tests.pages.made_inside import made

MODEL, ENCODER = "d" * 16, "e" * 16
ASKED = ProofQuestion(about="previous_token", texts=6, draws=3)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    root = tmp_path_factory.mktemp("proof") / "runs"
    root.mkdir()
    made(root, MODEL)
    made(root, ENCODER, "encoder", masked=True)
    return Store(root)


def subject_of(store: Store, name: str, folder: Path) -> Subject:
    run = store.find(name)
    model, tokenizer = store.model(run)
    return Subject(store, run, run.steps()[-1], model, tokenizer, folder, ())


def test_the_rows_are_what_the_library_finds(store: Store, tmp_path: Path) -> None:
    subject = subject_of(store, "induction-en", tmp_path)
    vocabulary = used_tokens(subject.run, subject.tokenizer)
    proof = outcome(
        prove_heads(subject.model, subject.tokenizer, "previous_token", vocabulary=vocabulary, texts=6, draws=3)
    )
    found = list(answer(ASKED, subject))
    shares = [each for each in found if isinstance(each, float)]
    assert shares == sorted(shares)
    assert 0 < shares[0] <= shares[-1] <= 1
    scores, chosen, *others, end = [each for each in found if isinstance(each, dict)]
    assert scores["scores"] == pytest.approx(proof.found.scores.tolist(), abs=1e-5)
    assert scores["reached"]
    assert chosen["components"] == scores["chosen"] == [str(head) for head in proof.found.chosen]
    assert (chosen["kind"], chosen["before"]) == (
        "chosen",
        pytest.approx(proof.accuracy.chosen.before.mean(), abs=1e-6),
    )
    assert chosen["after"] == pytest.approx(proof.accuracy.chosen.after.mean(), abs=1e-6)
    assert [row["kind"] for row in others] == ["other"] * 3
    assert [row["after"] for row in others] == pytest.approx(
        [other.after.mean() for other in proof.accuracy.others], abs=1e-6
    )
    assert (end["rank"], end["of"], end["items"]) == (proof.rank, 4, proof.items)
    assert end["loss_after"] == pytest.approx(proof.loss.after.mean())


def test_where_no_head_is_good_enough_the_best_one_is_taken_away(store: Store, tmp_path: Path) -> None:
    subject = subject_of(store, MODEL, tmp_path)
    asked = ProofQuestion(about="induction", texts=6, draws=2)
    scores, chosen, *_others = [each for each in answer(asked, subject) if isinstance(each, dict)]
    vocabulary = used_tokens(subject.run, subject.tokenizer)
    found = find_heads(subject.model, subject.tokenizer, "induction", vocabulary=vocabulary, texts=6)
    assert not found.chosen
    assert not scores["reached"]
    assert chosen["components"] == scores["chosen"] == [str(found.heads[int(found.scores.argmax())])]


def test_more_draws_than_can_be_shown_are_refused() -> None:
    assert parse(ProofQuestion, {"draws": 400}).draws == 400
    with pytest.raises(UserError, match="at most 400"):
        parse(ProofQuestion, {"draws": 401})


def test_what_cannot_be_looked_for_is_said(store: Store, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="sees the whole text"):
        list(answer(ProofQuestion(about="induction", texts=4), subject_of(store, ENCODER, tmp_path)))
