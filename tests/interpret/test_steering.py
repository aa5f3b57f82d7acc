"""Adding by an edit is what recomputing the pass by hand gives; projecting out leaves nothing; random ones are a control."""

import numpy as np
import pytest
import torch

from llm_core.config import DecodingConfig
from llm_core.errors import UserError
from llm_core.inference.generate import generate
from llm_core.interpret.components import Component, site
from llm_core.interpret.geometry.token_vectors import output_vectors
from llm_core.interpret.steering.steering import (
    At,
    Direction,
    differences,
    direction_along,
    neuron_direction,
    project_out,
    random_directions,
    steer,
    stream_places,
    token_direction,
    while_writing,
)
from llm_core.models.base import Batch, Model
from llm_core.models.transformer import Transformer
from llm_core.taps import observe
from tests.interpret.opened import VARIETIES, model_of, task_model_of, variety_of

PLACE = Component("decoder", 0, "residual_after")
ONE, OTHER = ([3, 7, 3, 11], [5, 2, 6]), ([4, 8, 3], [9, 1, 2, 6, 10])


@pytest.fixture(scope="module")
def model() -> Model:
    return model_of()


def batches(texts: tuple[list[int], ...]) -> list[Batch]:
    return [Batch(torch.tensor([text])) for text in texts]


def found(model: Model, place: Component = PLACE) -> Direction:
    return differences(model, [place], batches(ONE), batches(OTHER))[0]


def seen_at(model: Model, place: Component, text: list[int]) -> torch.Tensor:
    with torch.no_grad(), observe(model, only=[site(model, place).tap]) as seen:
        model.body(Batch(torch.tensor([text])))
    return seen[site(model, place).tap][0]


@pytest.mark.parametrize("name", ["decoder.0.1", "decoder.0.feed_forward.5"])
def test_a_head_or_a_neuron_is_no_place_of_the_stream(model: Model, name: str) -> None:
    place = Component.parse(name)
    with pytest.raises(UserError, match="added to the stream"):
        differences(model, [PLACE, place], batches(ONE), batches(OTHER))
    with pytest.raises(UserError, match="added to the stream"):
        token_direction(model, place, 13, batches(ONE))


@pytest.mark.parametrize("at", ["last", "all"])
def test_a_difference_is_that_of_the_means(model: Model, at: At) -> None:
    (direction,) = differences(model, [PLACE], batches(ONE), batches(OTHER), at=at)
    means = [
        torch.stack([(rows[-1] if at == "last" else rows.mean(0)) for rows in (seen_at(model, PLACE, text) for text in texts)]).mean(0)
        for texts in (ONE, OTHER)
    ]  # fmt: skip
    norm = np.mean([float(seen_at(model, PLACE, text).norm(dim=-1).mean()) for text in (*ONE, *OTHER)])
    np.testing.assert_allclose(direction.unit * direction.share * direction.norm, means[0] - means[1], atol=1e-5)
    assert direction.norm == pytest.approx(norm, rel=1e-5)
    assert np.linalg.norm(direction.unit) == pytest.approx(1, abs=1e-6)


def test_texts_in_one_padded_batch_are_read_as_alone(model: Model) -> None:
    padded = Batch(torch.tensor([[*ONE[0]], [*ONE[1], 0]]), torch.tensor([4, 3]))
    ways: tuple[At, ...] = ("last", "all")
    for at in ways:
        alone = differences(model, [PLACE], batches(ONE), batches(OTHER), at=at)[0]
        together = differences(model, [PLACE], [padded], batches(OTHER), at=at)[0]
        np.testing.assert_allclose(together.unit, alone.unit, atol=1e-6)
        assert together.norm == pytest.approx(alone.norm, rel=1e-6)


def test_the_places_of_one_token_can_count_alone(model: Model) -> None:
    (direction,) = differences(model, [PLACE], batches(([3, 7, 3, 11],)), batches(([1, 3],)), at=3)
    one, other = seen_at(model, PLACE, [3, 7, 3, 11]), seen_at(model, PLACE, [1, 3])
    np.testing.assert_allclose(direction.unit * direction.share * direction.norm, one[[0, 2]].mean(0) - other[1], atol=1e-5)  # fmt: skip
    with pytest.raises(UserError, match="one has none"):
        differences(model, [PLACE], batches(ONE), batches(OTHER), at=18)


def test_steering_is_the_pass_recomputed_by_hand(model: Model) -> None:
    assert isinstance(model, Transformer)
    direction, tokens = found(model), torch.tensor([[0, 3, 7, 11]])
    with torch.no_grad():
        view = model.view(4)
        x = model.embed(model.vectors(Batch(tokens)))
        x = model.blocks[0](x, view) + torch.from_numpy(direction.unit) * (0.7 * direction.norm)
        x = model.blocks[1](x, view)
        by_hand = model.head(x if model.final_norm is None else model.final_norm(x))
        with observe(model, only=(), edits=steer(model, direction, 0.7)):
            steered = model(Batch(tokens))
    torch.testing.assert_close(steered, by_hand, atol=1e-5, rtol=1e-5)
    assert not torch.allclose(steered, model(Batch(tokens)), atol=1e-3)


def test_other_positions_are_left_alone(model: Model) -> None:
    direction, text = found(model), [0, 3, 7, 11]
    plain = seen_at(model, PLACE, text)
    tap = site(model, PLACE).tap
    for edits in (steer(model, direction, 2.0, [1, 3]), project_out(model, direction, positions=[1, 3])):
        with torch.no_grad(), observe(model, only=[tap], edits=edits) as seen:
            model(Batch(torch.tensor([text])))
        assert torch.equal(seen[tap][0, [0, 2]], plain[[0, 2]])
        assert not torch.allclose(seen[tap][0, [1, 3]], plain[[1, 3]], atol=1e-2)


@pytest.mark.parametrize("name", VARIETIES)
def test_projecting_out_leaves_nothing_of_the_direction_in_any_preset(name: str) -> None:
    model = variety_of(name)
    crossed = model.config.family == "transformer" and model.config.architecture == "encoder_decoder"
    stream = "encoder" if model.config.family == "transformer" and model.config.architecture == "encoder" else "decoder"
    source = Batch(torch.tensor([[4, 2, 9, 0]])) if crossed else None
    texts = [Batch(torch.tensor([text]), source=source) for text in (ONE[0], OTHER[0])]
    places = stream_places(model, stream)  # type: ignore[arg-type]
    direction = direction_along(model, places[1], torch.arange(24.0) - 9, texts)
    taps = [site(model, place).tap for place in places]
    with torch.no_grad(), observe(model, only=taps) as seen:
        model(texts[0])
    before = {tap: float((seen[tap] @ torch.from_numpy(direction.unit)).abs().max()) for tap in taps}
    with torch.no_grad(), observe(model, only=taps, edits=project_out(model, direction, places)) as seen:
        model(texts[0])
    for tap in taps:
        assert before[tap] > 1e-2
        assert float((seen[tap] @ torch.from_numpy(direction.unit)).abs().max()) < 1e-4


def test_strength_zero_writes_the_same_text(model: Model) -> None:
    decoding, direction = DecodingConfig(tokens=8, seed=3), found(model)
    texts = [
        [tokens[0].id for tokens in generate(model, [[0, 3, 7]], decoding, edits=steer(model, direction, strength))]
        for strength in (0.0, 3.0)
    ]
    plain = [tokens[0].id for tokens in generate(model, [[0, 3, 7]], decoding)]
    assert texts[0] == plain
    assert texts[1] != plain


@pytest.mark.parametrize("positions", [range(3), range(3, 100), range(2, 5)])
def test_writing_is_steered_at_the_positions_that_were_asked_for(model: Model, positions: range) -> None:
    direction, prompt = found(model), [0, 3, 7]
    edits = while_writing(lambda at: steer(model, direction, 1.5, at), positions)
    decoding = DecodingConfig(tokens=6, method="greedy")
    known = list(prompt)
    for (token,) in generate(model, [prompt], decoding, edits=edits):
        here = [position for position in range(len(known)) if position in positions]
        with torch.no_grad(), observe(model, only=(), edits=steer(model, direction, 1.5, here) if here else {}):
            assert token.id == int(model(Batch(torch.tensor([known])))[0, -1].argmax())
        known.append(token.id)
    everywhere = [tokens[0].id for tokens in generate(model, [prompt], decoding, edits=steer(model, direction, 1.5))]
    assert len(known) == 9
    assert positions != range(3) or known[3:] != everywhere


def test_a_token_is_written_more_where_its_own_vector_is_added(model: Model) -> None:
    place = stream_places(model, "decoder")[-1]
    direction = token_direction(model, place, 13, batches(ONE))
    weights = output_vectors(model)
    np.testing.assert_allclose(
        direction.unit * direction.share * direction.norm, weights[13] - weights.mean(0), atol=1e-5
    )
    text = Batch(torch.tensor([[0, 3, 7]]))
    shares = []
    for strength in (-1.0, 0.0, 1.0, 3.0):
        with torch.no_grad(), observe(model, only=(), edits=steer(model, direction, strength)):
            shares.append(float(model(text)[0, -1].softmax(-1)[13]))
    assert shares == sorted(shares)
    assert shares[-1] > 2 * shares[1]


def test_a_token_can_be_held_against_another(model: Model) -> None:
    place = stream_places(model, "decoder")[-1]
    direction = token_direction(model, place, 13, batches(ONE), against=4)
    weights = output_vectors(model)
    np.testing.assert_allclose(direction.unit * direction.share * direction.norm, weights[13] - weights[4], atol=1e-5)
    with pytest.raises(UserError, match="no token 77"):
        token_direction(model, place, 13, batches(ONE), against=77)


def test_a_neuron_points_where_it_writes(model: Model) -> None:
    neuron = Component("decoder", 0, "neuron", 5)
    direction = neuron_direction(model, PLACE, neuron, batches(ONE))
    tap = site(model, neuron).tap
    text, added = Batch(torch.tensor([[0, 3, 7]])), site(model, Component("decoder", 0, "feed_forward")).tap
    outputs = []
    for more in (0.0, 1.0):
        with torch.no_grad(), observe(model, only=[added], edits={tap: lambda x, more=more: x + more * torch.eye(x.shape[-1])[5]}) as seen:  # type: ignore[dict-item, misc]  # fmt: skip
            model(text)
        outputs.append(seen[added][0, 0])
    np.testing.assert_allclose(direction.unit * direction.share * direction.norm, outputs[1] - outputs[0], atol=1e-4)
    for name in ("decoder.0.feed_forward", "decoder.0.feed_forward.9999"):
        with pytest.raises(UserError):
            neuron_direction(model, PLACE, Component.parse(name), batches(ONE))


def test_random_directions_are_as_long_and_point_elsewhere(model: Model) -> None:
    direction = found(model)
    drawn = random_directions(direction, 200, seed=4)
    units = np.stack([each.unit for each in drawn])
    np.testing.assert_allclose(np.linalg.norm(units, axis=1), 1, atol=1e-5)
    cosines = units @ direction.unit
    assert cosines.std() == pytest.approx(24**-0.5, rel=0.2)  # as of vectors drawn evenly from a sphere
    assert abs(cosines.mean()) < 0.06
    assert {each.norm for each in drawn} == {direction.norm}
    np.testing.assert_array_equal(units, np.stack([each.unit for each in random_directions(direction, 200, seed=4)]))


def test_a_classifier_is_steered_too() -> None:
    model = task_model_of("classify")
    place = stream_places(model, "encoder")[-1]
    direction = differences(model, [place], batches(ONE), batches(OTHER), at="all")[0]
    text = Batch(torch.tensor([[4, 3, 7]]))
    with torch.no_grad(), observe(model, only=(), edits=steer(model, direction, 1.0)):
        steered = model(text)
    assert not torch.allclose(steered, model(text), atol=1e-2)


def test_what_is_no_direction_is_refused(model: Model) -> None:
    with pytest.raises(UserError, match="at least one text"):
        differences(model, [PLACE], batches(ONE), [])
    with pytest.raises(UserError, match="same trace"):
        differences(model, [PLACE], batches(ONE), batches(ONE))
    with pytest.raises(UserError, match="24 numbers"):
        direction_along(model, PLACE, torch.ones(7), batches(ONE))
    with pytest.raises(UserError, match="24 numbers"):
        direction_along(model, PLACE, torch.full((24,), torch.nan), batches(ONE))
    with pytest.raises(UserError, match="all zeros"):
        direction_along(model, PLACE, torch.zeros(24), batches(ONE))
    with pytest.raises(UserError, match="no token 19"):
        token_direction(model, PLACE, 19, batches(ONE))
    with pytest.raises(UserError, match="This model has no decoder"):
        neuron_direction(model, PLACE, Component("decoder", 0, "neuron", 5000), batches(ONE))
    with pytest.raises(UserError, match="writes no tokens"):
        token_direction(task_model_of("tag"), Component("encoder", 0, "residual_after"), 1, batches(ONE))
