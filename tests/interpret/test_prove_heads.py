"""Heads are found and proved where a model is known to have them: one set by hand, and the bundled one."""

from pathlib import Path

import numpy as np
import pytest
import torch

from llm_core.config import NgramConfig, TaskConfig, TransformerConfig
from llm_core.errors import UserError
from llm_core.interpret.attention.attention import HeadName
from llm_core.interpret.circuits.proof_texts import copying_texts, sequence_texts, sequences_of
from llm_core.interpret.circuits.prove_heads import Kind, Proof, find_heads, prove_heads
from llm_core.interpret.components import Component
from llm_core.interpret.loss_texts import UNASKED
from llm_core.interpret.outcome import outcome
from llm_core.models.base import Model
from llm_core.models.build import build
from llm_core.runs.store import Store
from tests.interpret.known_circuit import (
    HEADS,
    INDUCTION_HEAD,
    LETTERS,
    NEXT,
    POSITION,
    PREVIOUS_HEAD,
    SIZE,
    TOKEN,
    TOKENIZER,
    VOCABULARY,
    Letters,
    known_circuit,
    nothing,
    set_head,
)
from tests.interpret.opened import model_of

SUCCESSOR_HEAD = HeadName("decoder", 0, 0)


class Hiding(Letters):
    """The same letters, with a sign for a hidden one."""

    mask = VOCABULARY


def prove(model: Model, kind: Kind) -> Proof:
    return outcome(prove_heads(model, TOKENIZER, kind, texts=8))


def highest(model: Model, tokenizer: Letters, kind: Kind, texts: int) -> float:
    """A threshold that one head reaches."""
    return float(find_heads(model, tokenizer, kind, texts=texts).scores.max())


def with_successor() -> Model:
    """The known circuit, and a head that looks at its own position and says the letter that comes next in the alphabet."""
    model = known_circuit()
    query, key, value, output = nothing()
    places, letters = torch.arange(SIZE), torch.arange(1, VOCABULARY - 1)
    query[places, POSITION.start + places] = 4.0
    key[places, POSITION.start + places] = 1.0
    value[:VOCABULARY, TOKEN] = 0.02 * torch.eye(VOCABULARY)
    output[NEXT.start + letters + 1, letters] = 1.0
    set_head(model, SUCCESSOR_HEAD, query, key, value, output)
    return model


@pytest.mark.parametrize(("kind", "head"), [("induction", INDUCTION_HEAD), ("previous_token", PREVIOUS_HEAD)])
def test_exactly_the_known_heads_are_found_and_proved(kind: Kind, head: HeadName) -> None:
    proof = prove(known_circuit(), kind)
    name = Component.of_head(head)
    assert proof.found.chosen == (name,)
    place = proof.found.heads.index(name)
    assert proof.found.scores[place] > 0.99
    assert np.delete(proof.found.scores, place).max() < 0.3
    chosen = proof.accuracy.chosen
    assert chosen.before.mean() == 1.0
    assert chosen.after.mean() < 0.15
    assert proof.loss.change > 1.0
    partner = INDUCTION_HEAD if head == PREVIOUS_HEAD else PREVIOUS_HEAD
    for other in proof.accuracy.others:
        missed = Component.of_head(partner) in other.components
        assert (other.after.mean() < 0.15) == missed
        assert missed or other.after.mean() == 1.0
    assert len(proof.accuracy.others) == 2 * HEADS - 1
    assert proof.rank <= 2
    assert proof.share == proof.rank / (2 * HEADS)


def test_a_head_that_says_the_next_letter_is_a_successor_head() -> None:
    proof = prove(with_successor(), "successor")
    assert proof.found.chosen == (Component.of_head(SUCCESSOR_HEAD),)
    assert proof.items == len(LETTERS) - 3
    assert proof.accuracy.chosen.before.mean() == 1.0
    assert proof.accuracy.chosen.after.mean() == 0.0
    assert all(other.after.mean() == 1.0 for other in proof.accuracy.others)
    assert proof.rank == 1
    assert proof.found.baseline == pytest.approx(1 / len(LETTERS))
    induction = proof.found.heads.index(Component.of_head(INDUCTION_HEAD))
    assert proof.found.scores[induction] == 0.0  # it copies


def test_a_head_that_is_not_missed_has_the_last_rank() -> None:
    model = known_circuit()
    query, key, value, output = nothing()
    query[:VOCABULARY, TOKEN] = key[:VOCABULARY, TOKEN] = 4.0 * torch.eye(VOCABULARY)
    key[:VOCABULARY, POSITION.start : POSITION.start + 1] = -99.0
    query[VOCABULARY - 1, POSITION] = 0.0
    set_head(model, HeadName("decoder", 0, 3), query, key, value, output)
    found = find_heads(model, TOKENIZER, "duplicate_token", texts=12)
    assert found.chosen == (Component("decoder", 0, "head", 3),)
    proof = prove(model, "duplicate_token")
    assert proof.accuracy.chosen.change == 0.0
    assert proof.rank == 2 * HEADS
    assert proof.share == 1.0


def test_the_induction_heads_of_the_bundled_model_carry_its_copying(tmp_path: Path) -> None:
    store = Store(tmp_path)
    model, tokenizer = store.model(store.find("induction-en"))
    names = ("Lily", "Tom", "Sam", "apple", "garden", "river", "old", "new", "happy", "looked", "found", "saw", "cat", "ball", "red")  # fmt: skip
    vocabulary = [token for name in names for token in tokenizer.encode(f" {name}")]
    proofs = {
        kind: outcome(prove_heads(model, tokenizer, kind, vocabulary=vocabulary, texts=8, draws=10))  # type: ignore[arg-type]
        for kind in ("previous_token", "induction")
    }
    (previous,) = proofs["previous_token"].found.chosen
    for proof in proofs.values():
        assert proof.accuracy.chosen.before.mean() > 0.85
        assert proof.accuracy.chosen.after.mean() < 0.2
        # The circuit has two halves: as many other heads break it only where the previous-token head is among them.
        kept = [other.after.mean() for other in proof.accuracy.others if previous not in other.components]
        assert len(kept) > 2
        assert min(kept) > 0.5
    assert 1 <= len(proofs["induction"].found.chosen) <= 3


def test_what_is_asked_is_what_a_model_should_say() -> None:
    asked = copying_texts(known_circuit(), TOKENIZER, range(1, VOCABULARY), 5, seed=3)
    count = 0
    for batch, truth in zip(asked.batches, asked.truths, strict=True):
        assert batch.tokens is not None
        assert batch.lengths is not None
        for row, right, length in zip(batch.tokens.tolist(), truth.tolist(), batch.lengths.tolist(), strict=True):
            half = (length - 1) // 2
            assert row[1 : 1 + half] == row[1 + half : length]
            assert [at for at, token in enumerate(right) if token != UNASKED] == list(range(1 + half, length - 1))
            assert right[1 + half : length - 1] == row[2 + half : length]
            count += 1
    assert count == 5


def test_an_encoder_is_asked_for_one_hidden_token_of_the_second_copy() -> None:
    model = model_of(architecture="encoder", vocabulary_size=VOCABULARY + 1, context=24)
    tokenizer = Hiding()
    tokenizer.pieces.append("[MASK]")
    asked = copying_texts(model, tokenizer, range(1, VOCABULARY), 4, seed=0)
    for row, right, length in zip(asked.batches[0].tokens.tolist(), asked.truths[0].tolist(), asked.batches[0].lengths.tolist(), strict=True):  # type: ignore[union-attr]  # fmt: skip
        (place,) = [at for at, token in enumerate(right) if token != UNASKED]
        assert row[place] == VOCABULARY
        assert row[place - (length - 1) // 2] == right[place]
    least = highest(model, tokenizer, "duplicate_token", 4)
    proof = outcome(prove_heads(model, tokenizer, "duplicate_token", texts=4, least=least, draws=2, method="mean"))
    assert proof.items == 4
    with pytest.raises(UserError, match="sees the whole text"):
        find_heads(model, tokenizer, "induction", texts=4)
    with pytest.raises(UserError, match="left to right"):
        find_heads(model, tokenizer, "successor")
    with pytest.raises(UserError, match="needs a mask"):
        copying_texts(model, TOKENIZER, range(1, VOCABULARY), 4, seed=0)


def test_an_encoder_decoder_is_asked_too() -> None:
    model = model_of(architecture="encoder_decoder", vocabulary_size=VOCABULARY, context=24)
    least = highest(model, TOKENIZER, "induction", 6)
    proof = outcome(prove_heads(model, TOKENIZER, "induction", texts=6, least=least, draws=2, method="resample"))
    assert {name.part for name in proof.found.heads} == {"decoder"}
    assert len(proof.accuracy.chosen.after) == 6


def test_sequences_are_what_a_tokenizer_has_as_single_tokens() -> None:
    assert sequences_of(TOKENIZER) == [tuple(range(1, 1 + len(LETTERS)))]
    asked = sequence_texts(TOKENIZER)
    assert asked.batches[0].tokens is not None
    assert asked.batches[0].tokens[0].tolist() == [0, 1, 2, 3]
    assert asked.truths[0][0].tolist() == [UNASKED, UNASKED, UNASKED, 4]

    class Unknowing(Letters):
        def encode(self, text: str) -> list[int]:
            return [11]

    with pytest.raises(UserError, match="no sequence"):
        sequences_of(Unknowing())


def test_what_cannot_be_proved_is_refused_with_a_reason() -> None:
    with pytest.raises(UserError, match="No head of this model scores"):
        prove(known_circuit(), "duplicate_token")
    body = TransformerConfig(architecture="encoder", vocabulary_size=VOCABULARY, width=24)
    with pytest.raises(UserError, match="says no tokens"):
        copying_texts(build(TaskConfig(body=body, labels=2), seed=0), TOKENIZER, [1, 2, 3], 2, 0)
    with pytest.raises(UserError, match="no attention heads"):
        find_heads(build(NgramConfig(vocabulary_size=9), seed=0), TOKENIZER, "induction")
    with pytest.raises(UserError, match="no room"):
        copying_texts(known_circuit(), TOKENIZER, [3], 2, 0)
