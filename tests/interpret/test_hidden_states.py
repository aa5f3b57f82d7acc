"""The stream at every token of several texts, against the taps of one forward pass."""

import numpy as np
import pytest
import torch

from llm_core.config import NgramConfig
from llm_core.errors import UserError
from llm_core.interpret.attention.attention import Part
from llm_core.interpret.geometry.hidden_states import hidden_states
from llm_core.interpret.reading import Reading, as_batch
from llm_core.models.build import build
from llm_core.taps import observe
from tests.interpret.opened import model_of, reading_of, side_of


@pytest.mark.parametrize(("architecture", "stream"), [("decoder", None), ("encoder_decoder", "encoder")])
def test_each_token_of_each_text_has_its_vectors(architecture: str, stream: Part | None) -> None:
    model = model_of(architecture=architecture)
    source = side_of(4, 2, 9) if architecture == "encoder_decoder" else None
    readings = [reading_of(model), Reading(side_of(8, 1), source, 0)]
    found = hidden_states(model, readings, stream)
    sides = [reading.source if stream and reading.source else reading.text for reading in readings]
    assert found.ids.tolist() == [token for side in sides for token in side.ids]
    assert found.tokens[-1] == sides[1].tokens[-1]
    assert found.position.tolist() == [*range(len(sides[0].ids)), *range(len(sides[1].ids))]
    assert found.text.tolist() == [0] * len(sides[0].ids) + [1] * len(sides[1].ids)
    assert [str(place) for place in found.places][1:] == [f"{stream or 'decoder'}.{at}.residual_after" for at in (0, 1)]
    with torch.no_grad(), observe(model) as seen:
        model(as_batch(readings[1]))
    prefix = f"{stream}." if stream else ""
    for place, tap in enumerate(("embedding", "blocks.0.residual_after", "blocks.1.residual_after")):
        assert np.allclose(found.states[place, found.text == 1], seen[prefix + tap][0], atol=1e-5)


def test_some_tokens_can_be_picked() -> None:
    model = model_of()
    whole = hidden_states(model, [reading_of(model)])
    some = whole.pick([4, 1])
    assert some.ids.tolist() == [11, 3]
    assert some.tokens == ("t11", "t3")
    assert np.array_equal(some.states, whole.states[:, [4, 1]])
    assert some.spans.tolist() == [[4, 5], [1, 2]]


def test_of_some_texts_only_some_tokens_are_kept() -> None:
    model = model_of()
    readings = [reading_of(model), Reading(side_of(8, 1), None, 0), Reading(side_of(2, 6, 4), None, 0)]
    whole = hidden_states(model, readings)
    some = hidden_states(model, readings, positions=[[1, 4], [], [2]])
    expected = whole.pick([1, 4, 10])
    assert np.array_equal(some.states, expected.states)
    for name in ("text", "position", "ids", "spans"):
        assert np.array_equal(getattr(some, name), getattr(expected, name))
    assert some.tokens == expected.tokens == ("t3", "t11", "t4")
    assert hidden_states(model, readings[:1], positions=[()]).states.shape == (3, 0, 24)


def test_vectors_of_one_length_keep_their_direction() -> None:
    model = model_of()
    found = hidden_states(model, [reading_of(model)])
    short = found.of_one_length()
    assert np.allclose(np.linalg.norm(short.states, axis=-1), 24**0.5, rtol=1e-5)
    lengths = np.linalg.norm(found.states, axis=-1, keepdims=True)
    assert np.allclose(short.states * lengths / 24**0.5, found.states, atol=1e-4)


def test_what_has_no_stream_is_refused() -> None:
    model = model_of()
    with pytest.raises(UserError, match="no stream"):
        hidden_states(build(NgramConfig(vocabulary_size=9), seed=0), [reading_of(model)])
    with pytest.raises(UserError, match="no stream"):
        hidden_states(model, [reading_of(model)], "encoder")
    with pytest.raises(UserError, match="at least one text"):
        hidden_states(model, [])
    with pytest.raises(ValueError, match="eval"):
        hidden_states(model.train(), [reading_of(model)])
