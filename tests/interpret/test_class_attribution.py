"""What carried a decision: scores against closed forms, sums on paper, and an integral done step by step."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from llm_core.errors import UserError
from llm_core.inference.classifiers.base import NetworkClassifier, Tokens
from llm_core.inference.classifiers.encoder import EncoderClassifier
from llm_core.inference.classifiers.words import placed_words
from llm_core.interpret.attribution.class_attribution import (
    Attribution,
    gradient_times_input,
    integrated_gradients,
    linear_weights,
    margins,
    occlusion,
    onto_words,
    without,
)
from llm_core.transfer.encoder import classifier_on
from tests.interpret.hand_made import WordWeights
from tests.transfer.small_encoder import NAMES, small_encoder

TEXT = "we had a very good meal, not a dull one"
WEIGHTS = {"good": (0.0, 2.0, 0.5), "dull": (1.5, -1.0, 0.0), "not": (0.25, 0.0, 0.0)}


class Network(NetworkClassifier):
    """Words as tokens with vectors out of their letters, and any function of them as the network."""

    family, names, parameters = "lstm", ("a", "b", "c"), 0

    def __init__(self, logits: Callable[[Tensor, Tensor], Tensor]) -> None:
        self.logits = logits

    def tokens(self, text: str) -> Tokens:
        found, spans = placed_words(text)
        return Tokens(np.array([len(word) for word in found]), tuple(found), tuple(spans))

    def embed(self, ids: NDArray[np.int64]) -> Tensor:
        steps = torch.from_numpy(ids).double()
        return torch.stack((steps.sin(), steps.cos(), steps / 5), dim=-1)

    def logits_of(self, embeddings: Tensor, lengths: Tensor) -> Tensor:
        return self.logits(embeddings, lengths)

    def probabilities(self, texts: Sequence[str]) -> NDArray[np.float64]:
        rows = [self.embed(self.tokens(text).ids) for text in texts]
        logits = [self.logits_of(row[None], torch.tensor([len(row)]))[0] for row in rows]
        found: NDArray[np.float64] = torch.stack(logits).softmax(-1).numpy()
        return found

    def files(self) -> dict[str, bytes]:
        return {}


MATRIX = torch.tensor([[1.0, -2.0, 0.5], [0.3, 0.7, -1.1], [2.0, 0.1, 0.4]], dtype=torch.float64)
LINEAR = Network(lambda vectors, lengths: vectors.sum(1) @ MATRIX.T)
CURVED = Network(lambda vectors, lengths: (vectors @ MATRIX.T).pow(2).sum(1).tanh() * 3 + (vectors.prod(-1)).sum(1)[:, None] * MATRIX[0])  # fmt: skip


def margin_weights(target: int) -> Tensor:
    """What a vector adds to the margin in the linear network."""
    others = [row for row in range(3) if row != target]
    return MATRIX[target] - MATRIX[others].mean(0)


@pytest.mark.parametrize("target", [0, 1, 2])
def test_of_a_linear_network_both_gradients_give_what_each_token_adds(target: int) -> None:
    vectors = LINEAR.embed(LINEAR.tokens(TEXT).ids)
    expected = (vectors @ margin_weights(target)).numpy()
    simple = gradient_times_input(LINEAR, TEXT, target)
    assert simple.scores == pytest.approx(expected)
    assert simple.margin == pytest.approx(expected.sum())
    assert simple.complete is None
    whole = integrated_gradients(LINEAR, TEXT, target)
    assert whole.scores == pytest.approx(expected)
    assert whole.complete
    assert whole.spans == tuple(placed_words(TEXT)[1])


def test_integrated_gradients_are_the_integral_taken_step_by_step() -> None:
    found = integrated_gradients(CURVED, TEXT, 1)
    vectors = CURVED.embed(CURVED.tokens(TEXT).ids)
    total = torch.zeros_like(vectors)
    count = 400
    for step in range(count):
        at = ((step + 0.5) / count * vectors).requires_grad_(True)
        logits = CURVED.logits_of(at[None], torch.tensor([len(at)]))[0]
        (gradient,) = torch.autograd.grad(logits[1] - (logits[0] + logits[2]) / 2, at)
        total += gradient
    expected = (vectors * total / count).sum(-1).numpy()
    assert found.scores == pytest.approx(expected, abs=0.01 * np.abs(expected).max())
    assert found.complete
    assert found.baseline == pytest.approx(0, abs=1e-9)
    assert found.scores.sum() == pytest.approx(found.margin, rel=0.011)


def test_more_points_are_taken_until_the_scores_add_up() -> None:
    gentle, steep = integrated_gradients(LINEAR, TEXT, 0), integrated_gradients(
        Network(lambda vectors, lengths: torch.sigmoid(40 * (vectors[:, :, 2].sum(1, keepdim=True) - 3)) * MATRIX[0]),
        TEXT, 0,
    )  # fmt: skip
    assert gentle.steps == 32
    assert steep.steps is not None
    assert steep.steps > 32
    assert steep.complete


def test_scores_that_do_not_add_up_say_so() -> None:
    jump = Network(lambda vectors, lengths: (vectors[:, :, 2].sum(1, keepdim=True) > 3) * MATRIX[0] + 0 * vectors.sum((1, 2))[:, None])  # fmt: skip
    found = integrated_gradients(jump, TEXT, 0)
    assert found.complete is False
    assert found.delta == pytest.approx(-(found.margin - (found.baseline or 0)))


@pytest.mark.parametrize("text", ["the meal was lovely", "the film was awful and we had a very dull book " * 4, ""])
@pytest.mark.parametrize("way", ["truncate", "window"])
def test_an_encoder_is_explained_to_completeness_and_keeps_no_gradient(text: str, way: str) -> None:
    encoder = small_encoder()
    model = classifier_on(encoder, 2, 0)
    with torch.no_grad():
        model.task_head.weight.normal_(0, 0.5, generator=torch.Generator().manual_seed(1))
    made = EncoderClassifier("encoder_lora", NAMES, model, encoder.tokenizer, way, 1)  # type: ignore[arg-type]
    found = integrated_gradients(made, text, 1)
    assert found.complete
    assert found.margin == pytest.approx(margins(made.probabilities([text]), 1)[0], abs=1e-4)
    assert len(found.scores) == len(found.spans) == len(gradient_times_input(made, text, 1).scores)
    assert all(parameter.grad is None for parameter in made.model.parameters())


def test_leaving_a_word_out_costs_what_the_model_gives_it() -> None:
    model = WordWeights(WEIGHTS, (0.1, 0.2, 0.0))
    found = occlusion(model, TEXT, 1)
    by_word = dict(zip(placed_words(TEXT)[0], found.scores, strict=True))
    assert by_word["good"] == pytest.approx(2.0 - 0.25)
    assert by_word["dull"] == pytest.approx(-1.0 - 0.75)
    assert by_word["not"] == pytest.approx(-0.125)
    assert by_word["meal"] == pytest.approx(0)
    assert found.margin == pytest.approx((2.0 - 1.0 + 0.2) - (0.1 + 1.5 + 0.25 + 0.0 + 0.5) / 2)
    assert len(model.asked) == 1 + len(placed_words(TEXT)[0])


def test_weights_of_a_linear_model_add_up_to_its_margin_exactly() -> None:
    model = WordWeights(WEIGHTS, (0.1, 0.2, 0.0))
    for target in range(3):
        found = linear_weights(model, TEXT, target)
        assert found.complete
        assert found.delta == pytest.approx(0, abs=1e-12)
        assert occlusion(model, TEXT, target).scores[[4, 7, 9]] == pytest.approx(found.scores)
    nothing = linear_weights(model, "else", 0)
    assert len(nothing.scores) == 0
    assert nothing.margin == nothing.baseline


def test_the_margin_of_two_classes_is_the_log_of_the_odds() -> None:
    shares = np.array([[0.2, 0.8], [0.5, 0.5], [1.0, 0.0]])
    assert margins(shares, 1)[:2] == pytest.approx([np.log(4), 0])
    assert np.isfinite(margins(shares, 0)).all()
    with pytest.raises(UserError, match="no class 2"):
        margins(shares, 2)
    for method in (gradient_times_input, integrated_gradients, occlusion):
        with pytest.raises(UserError, match="no class 3"):
            method(LINEAR, TEXT, 3)
    with pytest.raises(UserError, match="no class 3"):
        linear_weights(WordWeights(WEIGHTS, (0, 0, 0)), TEXT, 3)


def test_scores_are_shared_among_the_words_they_stand_on_and_none_is_lost() -> None:
    text = "not good 好吃"
    spans = ((0, 0), (0, 8), (4, 6), (3, 4), (9, 11))
    scores = np.array([5.0, 7.0, 1.0, 3.0, 4.0])
    words, found, rest = onto_words(Attribution("gradient_input", 0, spans, scores, 0.0), text)
    assert [text[start:end] for start, end in words] == ["not", "good", "好", "吃"]
    assert found == pytest.approx([3.0, 4.0 + 1.0, 2.0, 2.0])
    assert rest == pytest.approx(5.0 + 3.0)
    assert found.sum() + rest == pytest.approx(scores.sum())


@pytest.mark.parametrize(
    ("text", "word", "left"),
    [
        ("a good meal", "good", "a meal"), ("good meal", "good", " meal"), ("a meal, good.", "good", "a meal,."),
        ("很好吃。", "好", "很吃。"), ("x-good-y", "good", "x--y"),
    ],
)  # fmt: skip
def test_a_word_is_left_out_with_the_space_before_it(text: str, word: str, left: str) -> None:
    start = text.index(word)
    assert without(text, [(start, start + len(word))]) == left
