"""Texts that were led elsewhere at some places, against a reference that decodes by hand."""

from random import Random

import pytest
import torch

from llm_core.config import DecodingConfig
from llm_core.errors import UserError
from llm_core.inference.branches import Choice, follow, read
from llm_core.inference.decoding import choose
from llm_core.inference.generate import generate
from llm_core.models.base import Batch
from tests.inference.test_beam import V, model_of

SAMPLED = DecodingConfig(tokens=8, temperature=1.1, top_p=0.9, repetition_penalty=1.2, seed=5)


def by_hand(seed: int, prompt: list[int], decoding: DecodingConfig, choices: dict[int, int]) -> list[int]:
    """One whole forward pass for each token; the dice are thrown at every place."""
    model, text, die = model_of(seed), list(prompt), Random(decoding.seed)
    for place in range(decoding.tokens):
        with torch.no_grad():
            logits = model(Batch(torch.tensor([text[-12:]])))[:, -1]
        drawn = int(choose(logits, [text], decoding, [die]))
        text.append(choices.get(place, drawn))
    return text[len(prompt) :]


@pytest.mark.parametrize("choices", [(), ((0, 3),), ((2, 1), (5, 0)), ((7, 2),)])
@pytest.mark.parametrize("method", ["sample", "greedy"])
def test_a_branch_differs_by_its_choices_alone(method: str, choices: tuple[Choice, ...]) -> None:
    decoding = SAMPLED.model_copy(update={"method": method})
    found = [token.id for token in follow(model_of(3), [1, 2], decoding, choices)]
    assert found == by_hand(3, [1, 2], decoding, dict(choices))


def test_without_choices_it_is_what_generate_writes() -> None:
    for method in ("sample", "greedy", "beam"):
        decoding = SAMPLED.model_copy(update={"method": method, "beams": 3})
        alone = [token for (token,) in generate(model_of(1), [[2, 0]], decoding, stop=3)]
        assert list(follow(model_of(1), [2, 0], decoding, (), stop=3)) == alone


def test_chosen_tokens_are_told_with_the_models_own_probability() -> None:
    model = model_of(2)
    (first, second, *_) = follow(model, [1], SAMPLED, ((0, 2), (1, 3)))
    with torch.no_grad():
        shares = model(Batch(torch.tensor([[1, 2]])))[0].softmax(-1)
    assert (first.id, second.id) == (2, 3)
    assert first.probability == pytest.approx(float(shares[0, 2]), rel=1e-4)
    assert second.probability == pytest.approx(float(shares[1, 3]), rel=1e-4)


@pytest.mark.parametrize("choices", [((1, 2),), ((0, 1), (3, 0))])
def test_a_beam_search_begins_anew_after_each_choice(choices: tuple[Choice, ...]) -> None:
    model, decoding = model_of(4), DecodingConfig(method="beam", beams=4, tokens=6)
    known: list[int] = []
    for place, token in choices:
        rest = decoding.model_copy(update={"tokens": 6 - len(known)})
        searched = [each[0].id for each in generate(model, [[1, *known]], rest)]
        known = [*known, *searched[: place - len(known)], token]
    rest = decoding.model_copy(update={"tokens": 6 - len(known)})
    expected = [*known, *(each[0].id for each in generate(model, [[1, *known]], rest))]
    assert [token.id for token in follow(model, [1], decoding, choices)] == expected


def test_a_chosen_end_ends_the_text_and_what_lies_beyond_it_changes_nothing() -> None:
    for method in ("greedy", "beam"):
        decoding = DecodingConfig(method=method, tokens=8, beams=2)
        for choices in (((2, 3),), ((2, 3), (5, 1))):
            assert [t.id for t in follow(model_of(0), [1], decoding, choices, stop=3)][-1] == 3
            assert len(list(follow(model_of(0), [1], decoding, choices, stop=3))) <= 3


def test_reading_says_what_the_model_thought_while_writing() -> None:
    model = model_of(5)
    written = list(follow(model, [1, 0], SAMPLED, ()))
    again = list(read(model, [1, 0], [token.id for token in written], alternatives=SAMPLED.alternatives))
    assert again == written
    assert list(read(model, [1], [])) == []


@pytest.mark.parametrize("choices", [((3, 1), (3, 2)), ((4, 0), (1, 0)), ((8, 0),), ((-1, 0),), ((0, V),), ((0, -1),)])
def test_choices_that_no_text_has_are_refused(choices: tuple[Choice, ...]) -> None:
    with pytest.raises(UserError):
        list(follow(model_of(0), [1], SAMPLED, choices))
