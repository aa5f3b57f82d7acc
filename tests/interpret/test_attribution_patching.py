"""The estimate of a patching map is the slope of the real one, and where a model is straight it is the real one."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from llm_core.config import TransformerConfig
from llm_core.interpret.patching.attribution_patching import correlation, estimates
from llm_core.interpret.patching.pairs import Pair
from llm_core.interpret.patching.patching import Patching, PatchingMap, Where
from llm_core.interpret.reading import Reading, as_batch
from llm_core.interpret.target import Target
from llm_core.models.base import Model
from llm_core.models.build import build
from llm_core.taps import observe
from tests.interpret.known_circuit import INDUCTION_HEAD, PREVIOUS_HEAD, known_circuit, read_letters
from tests.interpret.opened import SIZE, side_of

NAMES = {"residual": "residual_before", "attention": "attention.added", "feed_forward": "feed_forward.added", "heads": "attention.head_outputs", "head": "attention.head_outputs"}  # fmt: skip
EVERYWHERE: tuple[Where, ...] = ("residual", "attention", "feed_forward", "heads", "head")


def made(**options: object) -> Model:
    model = build(TransformerConfig(**{**SIZE, **options}), seed=1)  # type: ignore[arg-type]
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(3)
    return model.eval().requires_grad_(False)


def pair_for(model: Model) -> Pair:
    crossed = model.config.family == "transformer" and model.config.architecture == "encoder_decoder"
    sources = (side_of(4, 2, 9, 0), side_of(4, 6, 9, 0)) if crossed else (None, None)
    texts = side_of(0, 3, 7, 3, 11, 5, 2), side_of(0, 3, 8, 3, 12, 5, 2)
    return Pair(Reading(texts[0], sources[0], 0), Reading(texts[1], sources[1], 0), Target(5, 2, 1), ("a", "b"))


def slope(patching: Patching, tap: str, move: Callable[[Tensor, Tensor], Tensor]) -> float:
    """How the target changes per step on the way of an activation from the corrupted text to the clean one, by central
    differences; as a share of the whole way."""
    model, pair = patching.model, patching.pair
    with torch.no_grad(), observe(model, only=[tap]) as seen:
        model(as_batch(pair.clean))
    clean = seen[tap]
    with torch.no_grad(), observe(model, only=[tap]) as seen:
        model(as_batch(pair.corrupted))
    corrupted = seen[tap]
    values = []
    for step in (-1e-3, 1e-3):
        moved = corrupted + step * move(clean - corrupted, torch.zeros_like(clean))
        with torch.no_grad(), observe(model, only=(), edits={tap: lambda _, moved=moved: moved}):
            logits = model(as_batch(pair.corrupted))[0, 5]
        values.append(float(logits[2] - logits[1]))
    return (values[1] - values[0]) / 2e-3 / (patching.clean - patching.corrupted)


def at(*cell: int) -> Callable[[Tensor, Tensor], Tensor]:
    """The change at one place of a tap's tensor alone."""

    def move(change: Tensor, still: Tensor) -> Tensor:
        still[(0, *cell)] = change[(0, *cell)]
        return still

    return move


@pytest.mark.parametrize(
    "options",
    [
        {}, {"norm_position": "after", "norm": "layer", "biases": True}, {"key_value_heads": 2, "logit_softcap": 5.0},
        {"architecture": "encoder", "head_transform": True},
    ],
)  # fmt: skip
def test_every_cell_is_the_slope_of_the_real_map_at_the_corrupted_text(options: dict[str, object]) -> None:
    model = made(**options).double()
    patching = Patching(model, pair_for(model))
    part = "encoder" if options.get("architecture") == "encoder" else "decoder"
    found = estimates(patching, part, EVERYWHERE)
    assert max(np.abs(one.values).max() for one in found.values()) > 0.05
    for where, place in (("residual", 4), ("attention", 5), ("feed_forward", 2), ("heads", 3), ("head", 4)):
        for layer in (0, 1):
            tap = f"blocks.{layer}.{NAMES[where]}"
            if where == "head":
                got, expected = found["head"].values[4 * layer + 1, place], slope(patching, tap, at(1, place))
            else:
                got, expected = found[where].values[layer, place], slope(patching, tap, at(place))  # type: ignore[index]
            assert got == pytest.approx(expected, rel=1e-3, abs=1e-5)


def test_both_sides_of_an_encoder_decoder_have_estimates() -> None:
    model = made(architecture="encoder_decoder").double()
    patching = Patching(model, pair_for(model))
    encoder = estimates(patching, "encoder", ["residual"])["residual"]
    assert encoder.values.shape == (2, 4)
    assert encoder.values[0, 1] == pytest.approx(slope(patching, "encoder.blocks.0.residual_before", at(1)), rel=1e-3)
    cross = estimates(patching, "cross", ["head"])["head"]
    expected = slope(patching, "decoder.blocks.1.cross_attention.head_outputs", at(2, 5))
    assert cross.values[4 + 2, 5] == pytest.approx(expected, rel=1e-3, abs=1e-6)


@pytest.mark.parametrize(
    ("where", "neurons"), [("feed_forward", None), ("attention", 0), ("heads", 0), ("head", 0)]
)  # neurons: without any, nothing bends what the last attention adds
def test_where_the_model_is_straight_the_estimate_is_the_real_map(where: Where, neurons: int | None) -> None:
    """Without a final norm what the last layer adds at its end goes to the logits as it is."""
    model = made(final_norm=False, feed_forward_width=neurons)
    patching = Patching(model, pair_for(model))
    found, real = estimates(patching, "decoder", [where])[where], patching.map(where, "decoder")
    last = -4 if where == "head" else -1
    np.testing.assert_allclose(found.values[last:], real.values[last:], atol=1e-4)
    assert np.abs(real.values[last:]).max() > 0.01


def test_for_texts_that_lie_close_the_estimate_goes_with_the_real_map() -> None:
    model = made()
    with torch.no_grad():  # the two tokens that differ become almost the same
        weight = model.token_embedding.weight
        assert isinstance(weight, Tensor)
        weight[8] = weight[7] + 0.06 * weight[8]
        weight[12] = weight[11] + 0.06 * weight[12]
    patching = Patching(model, pair_for(model))
    for where, found in estimates(patching, "decoder", EVERYWHERE).items():
        real = patching.map(where, "decoder")
        together = correlation(found, real)
        assert together is not None
        assert together > 0.985
        assert together == pytest.approx(np.corrcoef(found.values.ravel(), real.values.ravel())[0, 1])


def test_in_the_known_circuit_the_estimate_sees_the_last_head_and_not_the_one_behind_a_saturated_softmax() -> None:
    """The induction head writes straight into the logits. The head before it moves what that one looks at, which a
    gradient cannot see where a head looks at one place alone (Nanda 2023; Kramár et al. 2024)."""
    model = known_circuit()
    right, wrong = (1 + "abcdefghijk".index(letter) for letter in "be")
    readings = [read_letters(text) for text in ("abdcea", "cbdaea")]
    patching = Patching(model, Pair(readings[0], readings[1], Target(6, right, wrong), ("b", "e")))
    found = estimates(patching, "decoder", ["heads"])["heads"].values
    real = patching.map("heads", "decoder").values
    induction, previous = ((name.layer, name.head) for name in (INDUCTION_HEAD, PREVIOUS_HEAD))
    assert found[induction] == pytest.approx(real[induction], abs=0.02)
    assert real[previous] > 0.98
    assert found[previous] < 0.3
    rest = np.ones_like(found, dtype=bool)
    rest[induction] = rest[previous] = False
    assert np.abs(found[rest]).max() < 0.02


def test_nothing_is_left_on_a_model_and_maps_of_other_places_are_not_compared() -> None:
    model = made()
    patching = Patching(model, pair_for(model))
    found = estimates(patching, "decoder", ["residual", "heads"])
    assert all(parameter.grad is None for parameter in model.parameters())
    with pytest.raises(ValueError, match="same places"):
        correlation(found["residual"], found["heads"])
    still: PatchingMap = replace(found["heads"], values=np.zeros_like(found["heads"].values))
    assert correlation(found["heads"], still) is None
