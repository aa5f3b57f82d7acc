"""Alignment keeps every token once and in order; divergences and losses are those that are worked out by hand."""

import math

import numpy as np
import pytest
import torch

from llm_core.errors import UserError
from llm_core.interpret.reading import Reading, Side
from llm_core.interpret.side_by_side import (
    Column,
    Subject,
    align_characters,
    align_tokens,
    counterpart,
    lasts_over,
    side_by_side,
    sums_over,
)
from llm_core.models.base import Batch, Model
from tests.interpret.opened import model_of, side_of, task_model_of

NAMES = tuple(f"t{token}" for token in range(19))


def subject(model: Model, *ids: int, names: tuple[str, ...] = NAMES) -> Subject:
    return Subject(model, NAMES, names, Reading(side_of(*ids), None, 0))


def cut(text: str, *pieces: str, begin: bool = False) -> Side:
    spans, at = [(0, 0)] * begin, 0
    for piece in pieces:
        spans.append((at, at + len(piece)))
        at += len(piece)
    assert text.startswith("".join(pieces))
    return Side(tuple(range(len(spans))), (*(("<s>",) * begin), *pieces), tuple(spans))


def test_tokens_are_aligned_by_what_both_have() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        one, other = rng.integers(0, 4, rng.integers(0, 9)).tolist(), rng.integers(0, 4, rng.integers(0, 9)).tolist()
        columns = list(align_tokens(one, other))
        assert [at for column in columns for at in column.one] == list(range(len(one)))
        assert [at for column in columns for at in column.other] == list(range(len(other)))
        assert all(column.same == (bool(column.one) and bool(column.other) and one[column.one[0]] == other[column.other[0]]) for column in columns)  # fmt: skip
    assert [column.same for column in align_tokens([1, 2, 3], [1, 2, 3])] == [True] * 3
    assert list(align_tokens([1, 2, 3], [1, 3])) == [Column((0,), (0,), True), Column((1,), (), False), Column((2,), (1,), True)]  # fmt: skip


def test_two_ways_to_cut_a_text_meet_at_the_same_characters() -> None:
    one, other = cut("unhappily ran", "un", "happily", " ran"), cut("unhappily ran", "unhap", "pily", " r", "an", begin=True)  # fmt: skip
    assert list(align_characters(one, other)) == [
        Column((), (0,), False),
        Column((0, 1), (1, 2), True),
        Column((2,), (3, 4), True),
    ]
    shorter = cut("unhappily ran", "un", "happ")  # its context was at an end
    assert list(align_characters(one, shorter)) == [Column((0,), (0,), True), Column((1, 2), (1,), False)]
    assert list(align_characters(cut("", begin=True), cut("", begin=True))) == [Column((0,), (0,), True)]


def test_an_edited_text_is_held_against_the_first() -> None:
    model = model_of()
    found = side_by_side(subject(model, 0, 3, 7, 5), subject(model, 0, 3, 9, 2, 5), same_text=False)
    assert [(column.one, column.other) for column in found.columns] == [((0,), (0,)), ((1,), (1,)), ((2,), (2,)), ((), (3,)), ((3,), (4,))]  # fmt: skip
    with torch.no_grad():
        scores = [model(Batch(torch.tensor([ids])))[0].double().log_softmax(-1) for ids in ([0, 3, 7, 5], [0, 3, 9, 2, 5])]  # fmt: skip
    assert found.divergences is not None
    for column, value in zip(found.columns, found.divergences, strict=True):
        if not column.one or not column.other:
            assert math.isnan(value)
            continue
        p, q = scores[0][column.one[0]], scores[1][column.other[0]]
        assert value == pytest.approx(float(torch.nn.functional.kl_div(q, p, log_target=True, reduction="sum")), abs=1e-6)  # fmt: skip
    np.testing.assert_allclose(
        found.divergences[:2], 0, atol=1e-7
    )  # before the texts part a decoder knows no difference
    assert found.divergences[2] > 1e-4
    np.testing.assert_allclose(found.losses[:, 0], [math.nan, -scores[0][0, 3], -scores[0][1, 7], math.nan, -scores[0][2, 5]], rtol=1e-5)  # fmt: skip
    np.testing.assert_allclose(found.losses[:, 1], [math.nan, -scores[1][0, 3], -scores[1][1, 9], -scores[1][2, 2], -scores[1][3, 5]], rtol=1e-5)  # fmt: skip
    np.testing.assert_array_equal(found.other.top[:, 0], scores[1].argmax(-1))
    np.testing.assert_allclose(found.one.entropies, torch.distributions.Categorical(logits=scores[0]).entropy(), rtol=1e-5)  # fmt: skip
    assert counterpart(found.columns, 3) == 4
    assert counterpart(found.columns, 3, side=1) is None


def test_two_models_with_one_vocabulary_are_held_against_each_other_at_every_token() -> None:
    one, other = model_of(), model_of(layers=1)
    ids = (0, 3, 7, 5)
    found = side_by_side(subject(one, *ids), subject(other, *ids), same_text=True)
    assert all(column.same for column in found.columns)
    assert found.divergences is not None
    assert (found.divergences > 1e-4).all()
    assert found.why_not is None
    mine = side_by_side(subject(one, *ids), subject(one, *ids), same_text=True)
    assert mine.divergences is not None
    np.testing.assert_array_equal(mine.divergences, np.zeros(4))


def test_two_vocabularies_are_aligned_by_characters_and_compared_by_their_losses() -> None:
    one, other = model_of(), model_of(vocabulary_size=7)
    text = "unhappily"
    left = Subject(one, NAMES, NAMES, Reading(cut(text, "un", "happ", "ily"), None, 0))
    right = Subject(other, tuple("abcdefg"), tuple("abcdefg"), Reading(cut(text, "unh", "appily"), None, 0))
    found = side_by_side(left, right, same_text=True)
    assert found.columns == (Column((0, 1, 2), (0, 1), True),)
    assert found.divergences is None
    assert found.why_not is not None
    assert "different tokens" in str(found.why_not)
    with pytest.raises(UserError, match="only the same text"):
        side_by_side(left, right, same_text=False)
    values = np.array([[1.0, 2.0, 4.0]])
    np.testing.assert_array_equal(sums_over(values, found.columns, 0), [[7.0]])
    np.testing.assert_array_equal(lasts_over(values, found.columns, 0), [[4.0]])
    assert np.isnan(sums_over(values, [Column((), (0,), False)], 0)).all()


def test_an_encoder_is_asked_for_what_stands_there_and_not_compared_with_what_comes_next() -> None:
    decoder, encoder = model_of(), model_of(architecture="encoder")
    found = side_by_side(subject(decoder, 0, 3, 7), subject(encoder, 0, 3, 7), same_text=True)
    assert found.divergences is None
    assert "something else" in str(found.why_not)
    with torch.no_grad():
        scores = encoder(Batch(torch.tensor([[0, 3, 7]])))[0].double().log_softmax(-1)
    np.testing.assert_allclose(found.other.losses, [-scores[0, 0], -scores[1, 3], -scores[2, 7]], rtol=1e-5)


def test_a_whole_text_has_one_place() -> None:
    model = task_model_of("classify")
    labels = ("a", "b", "c")
    found = side_by_side(subject(model, 1, 3, 7, names=labels), subject(model, 1, 4, 7, names=labels), same_text=False)
    assert found.one.top.shape == (1, 3)
    assert found.divergences is not None
    assert found.divergences.shape == (1,)
    assert found.divergences[0] > 0
    assert np.isnan(found.losses).all()
    assert [column.same for column in found.columns] == [True, False, True]
    with pytest.raises(UserError, match="places of a text"):
        side_by_side(*(subject(task_model_of("answer"), 1, 3, 7, names=("begin", "end")),) * 2, same_text=True)
