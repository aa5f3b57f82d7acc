"""Targets: one number out of the logits, against nothing, another token, or all others; and what is asked first."""

import numpy as np
import pytest
import torch

from llm_core.errors import UserError
from llm_core.interpret.attribution.class_attribution import margins
from llm_core.interpret.reading import Reading, Side
from llm_core.interpret.reading_out import spoken
from llm_core.interpret.target import Against, Target, check_target, likeliest_target, true_tokens
from tests.interpret.opened import model_of, reading_of, task_model_of

LOGITS = torch.randn(2, 6, 19, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    ("against", "expected"),
    [
        (None, LOGITS[:, 3, 7]),
        (4, LOGITS[:, 3, 7] - LOGITS[:, 3, 4]),
        ("others", LOGITS[:, 3, 7] - (LOGITS[:, 3].sum(1) - LOGITS[:, 3, 7]) / 18),
    ],
)
def test_a_target_is_a_logit_minus_what_it_is_held_against(against: Against, expected: torch.Tensor) -> None:
    torch.testing.assert_close(Target(3, 7, against).of(LOGITS), expected)


def test_a_class_against_all_others_is_the_margin_of_classifiers() -> None:
    logits = LOGITS[0, :, :3]
    probabilities = logits.double().softmax(-1).numpy()
    np.testing.assert_allclose(Target(None, 1, "others").of(logits).numpy(), margins(probabilities, 1), atol=1e-5)


@pytest.mark.parametrize("target", [Target(0, 19), Target(0, -1), Target(0, 1, 19), Target(0, 1, -2)])
def test_a_token_that_is_not_there_is_refused(target: Target) -> None:
    with pytest.raises(UserError, match="no token or class"):
        target.of(LOGITS)


def test_a_token_is_not_held_against_itself() -> None:
    with pytest.raises(UserError, match="itself"):
        Target(0, 3, 3).of(LOGITS)


def test_positions_belong_to_models_that_speak_at_each() -> None:
    decoder, classifier = model_of(), task_model_of("classify")
    check_target(decoder, reading_of(decoder), Target(5, 1))
    check_target(classifier, reading_of(classifier), Target(None, 1))
    check_target(task_model_of("tag"), reading_of(decoder), Target(0, 1))
    for wrong in (None, -1, 6):
        with pytest.raises(UserError, match="no position"):
            check_target(decoder, reading_of(decoder), Target(wrong, 1))
    with pytest.raises(UserError, match="whole text"):
        check_target(classifier, reading_of(classifier), Target(0, 1))


def test_a_model_with_a_second_stream_is_not_taken_apart() -> None:
    model = model_of(architecture="encoder", query_stream=True)
    with pytest.raises(UserError, match="second stream"):
        check_target(model, reading_of(model), Target(1, 1))
    with pytest.raises(UserError, match="second stream"):
        spoken(model)


def test_what_should_be_said_is_known_of_texts_and_not_of_tasks() -> None:
    decoder, encoder = model_of(), model_of(architecture="encoder")
    assert true_tokens(decoder, reading_of(decoder)) == (3, 7, 3, 11, 5, None)
    masked = Reading(Side((0, 3, 7, 1), ("[CLS]", "a", "[MASK]", "[SEP]"), ((0, 0), (0, 1), (2, 8), (8, 8))), None, 0)
    assert true_tokens(encoder, masked) == (0, 3, None, 1)
    assert true_tokens(task_model_of("tag"), masked) == (None,) * 4


def test_what_is_asked_first() -> None:
    logits = torch.zeros(4, 19)
    logits[2, 5], logits[2, 9], logits[3, 1], logits[3, 2] = 3, 4, 9, 8
    masked = Reading(Side((0, 3, 7, 1), ("[CLS]", "a", "[MASK]", "[SEP]"), ((0, 0), (0, 1), (2, 8), (8, 8))), None, 0)
    assert likeliest_target(model_of(architecture="encoder"), masked, logits) == Target(2, 9, 5)
    assert likeliest_target(model_of(), masked, logits) == Target(3, 1, 2)
    assert likeliest_target(task_model_of("classify"), masked, [0.1, 0.5, 0.3]) == Target(None, 1, 2)
