"""Names of pieces: as text and back, where each is seen, what is not there, and what the taps at those places show."""

from itertools import pairwise

import pytest
import torch

from llm_core.config import RecurrentConfig
from llm_core.errors import UserError
from llm_core.interpret.attention.attention import HeadName
from llm_core.interpret.components import (
    Component,
    feed_forwards,
    heads,
    residuals,
    site,
    stack,
    stack_prefix,
    streams,
)
from llm_core.interpret.reading import as_batch
from llm_core.models.build import build
from llm_core.models.transformer import Stack
from llm_core.taps import observe, tap_names
from tests.interpret.opened import VARIETIES, model_of, reading_of, task_model_of, variety_of

NAMES = {
    "decoder.0.2": Component("decoder", 0, "head", 2),
    "cross.11.0": Component("cross", 11, "head", 0),
    "decoder.0.feed_forward": Component("decoder", 0, "feed_forward"),
    "encoder.3.feed_forward.1017": Component("encoder", 3, "neuron", 1017),
    "encoder.embedding": Component("encoder", None, "embedding"),
    "decoder.hidden": Component("decoder", None, "hidden"),
    "cross.1.attention": Component("cross", 1, "attention"),
    "decoder.1.residual_middle": Component("decoder", 1, "residual_middle"),
}


@pytest.mark.parametrize("text", NAMES)
def test_a_component_is_named_and_found_again(text: str) -> None:
    assert str(NAMES[text]) == text
    assert Component.parse(text) == NAMES[text]


@pytest.mark.parametrize("text", ["", "decoder", "decoder.0", "decoder.0.neuron", "decoder.0.head", "decoder.feed_forward", "decoder.0.embedding", "decoder.-1.2", "decoder.0.feed_forward.x", "decoder.0.residual_after.1", "other.0.1", "decoder.٣.1", "decoder.1.999999", "<b>.1.2"])  # fmt: skip
def test_what_names_nothing_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="names no component"):
        Component.parse(text)


def test_a_head_has_the_same_name_as_on_the_page_of_attention() -> None:
    name = HeadName("cross", 1, 3)
    assert Component.of_head(name) == Component.parse(str(name))


@pytest.mark.parametrize("wrong", [("decoder", None, "head", 1), ("decoder", 0, "head", None), ("decoder", 0, "embedding", None), ("decoder", 0, "feed_forward", 3)])  # fmt: skip
def test_numbers_stand_where_they_belong(wrong: tuple) -> None:
    with pytest.raises(ValueError, match="has layer"):
        Component(*wrong)


@pytest.mark.parametrize("name", VARIETIES)
def test_every_component_has_a_tap_of_the_right_shape(name: str) -> None:
    model = variety_of(name)
    reading = reading_of(model)
    with torch.no_grad(), observe(model) as seen:
        model(as_batch(reading))
    everything = [*heads(model), *feed_forwards(model)]
    for stream in streams(model):
        everything += [*residuals(model, stream), Component(stream, None, "hidden"), Component(stream, 1, "attention")]
        everything += [Component(each.part, each.layer, "neuron", 7) for each in feed_forwards(model, stream)]
    assert len(set(everything)) == len(everything)
    for component in everything:
        found = site(model, component)
        length = 4 if component.part == "encoder" and reading.source else 6
        size = {"head": 6, "neuron": 1}.get(component.kind, 24)
        assert found.tap in tap_names(model)
        assert found.read(seen[found.tap]).shape == (1, length, size), component


@pytest.mark.parametrize("name", VARIETIES)
def test_residuals_are_all_places_of_the_stream_from_embedding_to_end(name: str) -> None:
    model = variety_of(name)
    for stream in streams(model):
        rows = residuals(model, stream)
        with torch.no_grad(), observe(model) as seen:
            model(as_batch(reading_of(model)))
        tensors = [seen[site(model, row).tap] for row in rows]
        assert rows[0] == Component(stream, None, "embedding")
        assert rows[-1] == Component(stream, 1, "residual_after")
        assert all(not torch.equal(one, next_) for one, next_ in pairwise(tensors))
        end = stack(model, stream).final_norm
        hidden = seen[f"{stack_prefix(model, stream)}hidden"]
        torch.testing.assert_close(tensors[-1] if end is None else end(tensors[-1]), hidden)


def test_a_model_for_a_task_is_taken_apart_below_its_reader() -> None:
    model = task_model_of("classify")
    assert site(model, Component("encoder", 1, "neuron", 5)).tap == "reader.blocks.1.feed_forward.activations"
    assert site(model, Component("encoder", None, "embedding")).tap == "reader.embedding"
    assert stack(model, "encoder") is model.get_submodule("reader")
    assert streams(model) == ("encoder",)


def test_an_encoder_decoder_has_two_streams_and_three_parts() -> None:
    model = model_of(architecture="encoder_decoder")
    assert streams(model) == ("encoder", "decoder")
    assert len(heads(model)) == 3 * 8
    assert heads(model, "cross")[5] == Component("cross", 1, "head", 1)
    assert site(model, Component("cross", 1, "attention")).tap == "decoder.blocks.1.cross_attention.added"
    assert stack(model, "cross") is stack(model, "decoder")
    assert isinstance(stack(model, "encoder"), Stack)


@pytest.mark.parametrize("text", ["decoder.2.0", "decoder.0.4", "encoder.0.0", "cross.0.1", "decoder.0.feed_forward.96", "decoder.0.residual_crossed", "decoder.5.feed_forward"])  # fmt: skip
def test_what_a_model_does_not_have_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="has no"):
        site(model_of(), Component.parse(text))


def test_the_cross_attention_has_heads_and_nothing_else() -> None:
    model = model_of(architecture="encoder_decoder")
    for text in ("cross.0.feed_forward", "cross.embedding", "cross.0.residual_after"):
        with pytest.raises(UserError, match="has no"):
            site(model, Component.parse(text))


def test_an_attention_only_model_has_no_feed_forward() -> None:
    model = model_of(feed_forward_width=0)
    assert feed_forwards(model) == ()
    with pytest.raises(UserError, match="has no"):
        site(model, Component.parse("decoder.0.feed_forward"))
    with pytest.raises(UserError, match="has no"):
        site(model, Component.parse("decoder.0.feed_forward.0"))


def test_other_families_are_refused() -> None:
    model = build(RecurrentConfig(vocabulary_size=19, width=8)).eval()
    assert streams(model) == ()
    with pytest.raises(UserError, match="recurrent"):
        heads(model)


def test_what_is_written_stands_in_its_own_place_alone() -> None:
    model = model_of()
    heads_tensor, stream = torch.zeros(2, 4, 6, 6), torch.zeros(2, 6, 24)
    head, neuron = site(model, Component("decoder", 0, "head", 2)), site(model, Component("decoder", 0, "neuron", 5))
    written = head.write(heads_tensor, torch.ones(6), [1, 4])
    assert written.sum() == 2 * 2 * 6
    assert written[:, 2, [1, 4]].min() == 1
    values = torch.arange(12.0).reshape(2, 6, 1)
    assert torch.equal(neuron.write(torch.zeros(2, 6, 96), values)[:, :, 5], values[:, :, 0])
    assert not heads_tensor.any()
    whole = site(model, Component("decoder", 0, "residual_after"))
    leaf = torch.ones(2, 1, 24, requires_grad=True)
    (gradient,) = torch.autograd.grad(whole.write(stream, leaf, [3]).sum(), leaf)
    assert torch.equal(gradient, torch.ones_like(leaf))
