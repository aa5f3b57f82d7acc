"""What made a model say it: scores against sums by hand, an integral taken step by step, and all orders gone through."""

from itertools import permutations

import numpy as np
import pytest
import torch
from torch import Tensor

from llm_core.config import TaskConfig, TransformerConfig
from llm_core.data.tokenizers import Tokenizer, train_tokenizer
from llm_core.errors import UserError
from llm_core.interpret.attribution.input_attribution import (
    Explained,
    gradient_times_input,
    integrated_gradients,
    occlusion,
    shapley,
)
from llm_core.interpret.reading import Reading, as_batch, read
from llm_core.interpret.target import Target
from llm_core.models.base import Batch, Model
from llm_core.models.build import build
from llm_core.models.transformer import Transformer
from tests.interpret.known_circuit import TOKENIZER as LETTERS
from tests.interpret.known_circuit import known_circuit, read_letters

TOKENIZER = train_tokenizer("character", 20, ["abcab cabba"] * 3, byte_fallback=False)
MASKED = train_tokenizer("character", 20, ["abcab cabba"] * 3, byte_fallback=False, mask_token=True)
SIZE = {"context": 16, "width": 16, "layers": 2, "heads": 2}


def made(architecture: str = "decoder", task: str = "", scale: float = 3.0, **options: object) -> tuple[Model, Tokenizer]:  # fmt: skip
    tokenizer = MASKED if architecture == "encoder" and not task else TOKENIZER
    config = TransformerConfig(vocabulary_size=tokenizer.vocabulary_size, architecture=architecture, **SIZE, **options)  # type: ignore[arg-type]
    model = build(TaskConfig(task=task, body=config, labels=3) if task else config, seed=2)  # type: ignore[arg-type]
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(scale)
    return model.eval().requires_grad_(False), tokenizer


def explained(architecture: str = "decoder", task: str = "", against: int | None = 2, **options: object) -> Explained:
    model, tokenizer = made(architecture, task, **options)  # type: ignore[arg-type]
    source = "cab" if architecture == "encoder_decoder" else None
    text = "ab[MASK]ab" if architecture == "encoder" and not task else "abcab"
    reading = read(model, tokenizer, text, source)
    position = None if task == "classify" else 3
    return Explained(model, tokenizer, reading, Target(position, 1, against))


KINDS = [("decoder", ""), ("encoder", ""), ("encoder_decoder", ""), ("encoder", "classify"), ("encoder", "tag")]


def asked(one: Explained, vectors: Tensor) -> Tensor:
    """The target by hand, from the vectors (..., N, width) of source and text."""
    rows = vectors if vectors.ndim == 3 else vectors[None]
    source = Batch(embeddings=rows[:, : one.source_length]) if one.source_length else None
    logits = one.model(Batch(embeddings=rows[:, one.source_length :], source=source))
    said = logits if one.target.position is None else logits[:, one.target.position]
    assert isinstance(one.target.against, int)
    values: Tensor = said[:, one.target.token] - said[:, one.target.against]
    return values if vectors.ndim == 3 else values[0]


@pytest.mark.parametrize(("architecture", "task"), KINDS)
def test_the_target_of_the_vectors_is_that_of_the_text(architecture: str, task: str) -> None:
    one = explained(architecture, task)
    with torch.no_grad():
        logits = one.model(as_batch(one.reading))[0]
    row = logits if one.target.position is None else logits[one.target.position]
    assert float(one(one.vectors[None])[0]) == pytest.approx(float(row[1] - row[2]), abs=1e-4)
    assert float(asked(one, one.vectors)) == pytest.approx(float(row[1] - row[2]), abs=1e-4)


@pytest.mark.parametrize(("architecture", "task"), KINDS)
def test_integrated_gradients_are_a_riemann_sum_on_the_same_way_and_complete(architecture: str, task: str) -> None:
    one = explained(architecture, task)
    found = integrated_gradients(one)
    assert found.complete
    assert found.baseline is not None
    assert found.scores.sum() == pytest.approx(found.value - found.baseline, rel=0.01, abs=1e-3)
    assert found.steps is not None
    nodes, weights = np.polynomial.legendre.leggauss(found.steps)
    sums = [((nodes + 1) / 2, weights / 2, 1e-4)]
    if task != "classify":  # the largest of several is taken there: a bend that a sum over points comes near to slowly
        sums.append(((np.arange(1000) + 0.5) / 1000, np.full(1000, 1e-3), 1e-4))
    for shares, sizes, tolerance in sums:
        along = torch.tensor(shares, dtype=torch.float32)[:, None, None]
        points = (one.nothing + along * (one.vectors - one.nothing)).requires_grad_(True)
        (slopes,) = torch.autograd.grad(asked(one, points).sum(), points)
        total = (slopes * torch.tensor(sizes, dtype=torch.float32)[:, None, None]).sum(0)
        expected = ((one.vectors - one.nothing) * total).sum(-1).numpy()
        scores = np.concatenate((found.source, found.text[: one.length]))
        np.testing.assert_allclose(scores, expected, atol=tolerance * max(1, np.abs(expected).max()))
    assert np.abs(expected).max() > 0.01


@pytest.mark.parametrize(("architecture", "task"), KINDS)
def test_gradient_times_input_is_the_slope_along_each_vector(architecture: str, task: str) -> None:
    one = explained(architecture, task)
    found = gradient_times_input(one)
    one.model.double()
    vectors = one.vectors.double()
    for place in range(len(vectors)):
        step = torch.zeros_like(vectors)
        step[place] = 1e-5 * vectors[place]
        with torch.no_grad():
            slope = float(asked(one, vectors + step) - asked(one, vectors - step)) / 2e-5
        assert found.scores[place] == pytest.approx(slope, abs=1e-3, rel=1e-3)
    assert found.complete is None


@pytest.mark.parametrize(("architecture", "task"), KINDS)
def test_occlusion_is_what_the_target_loses(architecture: str, task: str) -> None:
    one = explained(architecture, task)
    found = occlusion(one)
    for place in range(len(one.vectors)):
        vectors = one.vectors.clone()
        vectors[place] = one.nothing[place]
        with torch.no_grad():
            lost = float(asked(one, one.vectors) - asked(one, vectors))
        assert found.scores[place] == pytest.approx(lost, abs=1e-4)
    assert np.abs(found.scores).max() > 0.01


@pytest.mark.parametrize(("architecture", "task"), [("decoder", ""), ("encoder_decoder", ""), ("encoder", "classify")])
def test_shapley_values_come_to_the_mean_over_all_orders(architecture: str, task: str) -> None:
    model, tokenizer = made(architecture, task)
    source = "ca" if architecture == "encoder_decoder" else None
    reading = read(model, tokenizer, "ab" if source else "abca", source)
    one = Explained(model, tokenizer, reading, Target(None if task else len(reading.text.ids) - 1, 1, 2))
    players = np.flatnonzero(one.free)
    assert len(players) == 4
    with torch.no_grad():
        of_set = {
            kept: float(asked(one, torch.where(torch.tensor([at in kept or not one.free[at] for at in range(len(one.vectors))])[:, None], one.vectors, one.nothing)))
            for size in range(5) for kept in map(frozenset, permutations(players.tolist(), size))
        }  # fmt: skip
    expected = np.zeros(len(one.vectors))
    for order in permutations(players.tolist()):
        for number, place in enumerate(order):
            expected[place] += (of_set[frozenset(order[: number + 1])] - of_set[frozenset(order[:number])]) / 24
    records = list(shapley(one, orders=60, seed=1))
    for record in records:
        assert record.baseline is not None
        assert record.scores.sum() == pytest.approx(record.value - record.baseline, abs=1e-3)
        assert record.complete
    last = records[-1]
    assert [record.steps for record in records] == list(range(1, 61))
    assert records[0].errors is None
    assert last.errors is not None
    assert (np.abs(last.scores - expected) <= 4 * last.errors + 1e-3).all()
    assert np.abs(last.scores - expected).max() < 0.25 * np.abs(expected).max()
    again = list(shapley(one, orders=3, seed=1))
    np.testing.assert_array_equal(again[2].scores, records[2].scores)
    assert (next(shapley(one, orders=1, seed=2)).scores != records[0].scores).any()


def test_in_a_straight_model_all_methods_that_compare_agree() -> None:
    """Without layers' say and norms, the logit at a position is a sum that its own token alone is in."""
    model, tokenizer = made(final_norm=False, scale=1.0)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "output" in name or "down" in name:
                parameter.zero_()
    one = Explained(model, tokenizer, read(model, tokenizer, "abcab"), Target(3, 1, 2))
    expected = np.zeros(6)
    assert isinstance(model, Transformer)
    matrix = model.token_embedding.weight
    expected[3] = float((one.vectors[3] - one.nothing[3]) @ (matrix[1] - matrix[2]))
    for found in (integrated_gradients(one), occlusion(one), *shapley(one, orders=1)):
        np.testing.assert_allclose(found.text, expected, atol=1e-5)
    assert gradient_times_input(one).text[3] == pytest.approx(float(one.vectors[3] @ (matrix[1] - matrix[2])), abs=1e-5)


def test_in_the_known_circuit_exactly_the_tokens_that_it_uses_are_named() -> None:
    """After "c a b d e g a" comes b, because of both a's and the b; it would not without any of the three."""
    right, other = (1 + "abcdefghijk".index(letter) for letter in "bk")
    one = Explained(known_circuit(), LETTERS, read_letters("cabdega"), Target(7, right, other))
    for found in (occlusion(one), list(shapley(one, orders=8))[-1]):
        assert set(np.flatnonzero(np.abs(found.text) > 0.1 * found.value)) == {2, 3, 7}
        assert (found.text[[2, 3, 7]] > 0).all()


def test_signs_around_a_text_stay_and_what_comes_after_the_target_has_no_part() -> None:
    one = explained()
    assert one.free.tolist() == [False, True, True, True]
    found = integrated_gradients(one)
    assert found.text.shape == (6,)
    assert found.text[0] == 0
    assert (found.text[4:] == 0).all()
    whole = explained("encoder")
    mask = [token == "[MASK]" for token in whole.reading.text.tokens]
    assert not whole.free[mask].any()
    assert (whole.nothing[whole.free] == whole.vectors[mask][0]).all()


def test_asked_why_this_and_not_that_the_scores_are_the_difference_of_both() -> None:
    one = explained()
    alone = [Explained(one.model, TOKENIZER, one.reading, Target(3, token)) for token in (1, 2)]
    for method in (gradient_times_input, occlusion):
        difference = method(alone[0]).scores - method(alone[1]).scores
        np.testing.assert_allclose(method(one).scores, difference, atol=1e-4)


def test_targets_that_are_not_there_and_models_in_training_are_refused() -> None:
    model, tokenizer = made()
    reading: Reading = read(model, tokenizer, "abcab")
    with pytest.raises(UserError, match="no position 9"):
        Explained(model, tokenizer, reading, Target(9, 1))
    with pytest.raises(UserError, match="no token or class"):
        gradient_times_input(Explained(model, tokenizer, reading, Target(3, 999)))
    with pytest.raises(ValueError, match="eval mode"):
        Explained(model.train(), tokenizer, reading, Target(3, 1))
    assert all(parameter.grad is None for parameter in model.parameters())
