"""Edits do what taking the weights apart by hand does, at the positions that are named, and leave all else alone."""

import copy

import pytest
import torch
from torch import Tensor

from llm_core.errors import UserError
from llm_core.interpret.components import Component, heads, site
from llm_core.interpret.interventions import ABLATIONS, ablate, add_to, combine, reference, set_to, taps_of
from llm_core.interpret.reading import as_batch
from llm_core.models.base import Batch, Model
from llm_core.taps import Edit, observe
from tests.interpret.opened import VARIETIES, model_of, reading_of, variety_of

OTHERS = [
    Batch(torch.tensor([[0, 4, 8, 1, 2], [0, 9, 9, 3, 0]]), torch.tensor([5, 4]), source=Batch(torch.tensor([[5, 6, 7], [2, 0, 0]]), torch.tensor([3, 2]))),
    Batch(torch.tensor([[0, 12, 15]]), source=Batch(torch.tensor([[18, 17, 3, 0]]))),
]  # fmt: skip


def run(model: Model, edits: dict[str, Edit] | None = None, *, see: str | None = None) -> Tensor:
    """The logits, or what is seen at a tap."""
    with torch.no_grad(), observe(model, only=[see] if see else [], edits=edits) as seen:
        logits: Tensor = model(as_batch(reading_of(model)))
    return seen[see] if see else logits


@pytest.mark.parametrize("name", VARIETIES)
def test_heads_at_zero_are_heads_without_output_weights(name: str) -> None:
    model = variety_of(name)
    for part in {head.part for head in heads(model)}:
        chosen = [Component(part, 1, "head", 1), Component(part, 1, "head", 3)]
        without = copy.deepcopy(model)
        matrix = without.get_submodule(site(model, chosen[0]).tap.rpartition(".")[0]).output.weight
        matrix[:, 6:12] = 0
        matrix[:, 18:] = 0
        torch.testing.assert_close(run(model, ablate(model, chosen)), run(without))
        assert not torch.allclose(run(model), run(without))


def test_a_neuron_at_zero_is_one_without_output_weights() -> None:
    model = variety_of("ours")
    without = copy.deepcopy(model)
    without.get_submodule("blocks.0.feed_forward").down.weight[:, [7, 90]] = 0
    chosen = [Component("decoder", 0, "neuron", 7), Component("decoder", 0, "neuron", 90)]
    torch.testing.assert_close(run(model, ablate(model, chosen)), run(without))
    assert not torch.allclose(run(model), run(without))


@pytest.mark.parametrize("kind", ["feed_forward", "attention"])
def test_a_layer_at_zero_adds_nothing_not_even_its_bias(kind: str) -> None:
    model = variety_of("gpt2")
    without = copy.deepcopy(model)
    last = without.get_submodule(
        "blocks.1.feed_forward.down" if kind == "feed_forward" else "blocks.1.attention.output"
    )
    last.weight.zero_()
    last.bias.zero_()
    torch.testing.assert_close(run(model, ablate(model, [Component("decoder", 1, kind)])), run(without))


def test_only_the_positions_that_are_named_change() -> None:
    model = variety_of("llama")
    edited = ablate(model, [Component("decoder", 0, "head", 2)], positions=[3, 5])
    seen, plain = (run(model, edits, see="blocks.0.attention.head_outputs") for edits in (edited, None))
    assert not seen[:, 2, [3, 5]].any()
    seen[:, 2, [3, 5]] = plain[:, 2, [3, 5]]
    assert torch.equal(seen, plain)
    # A decoder knows nothing of it before.
    torch.testing.assert_close(run(model, edited)[:, :3], run(model)[:, :3])


def test_a_position_without_its_embedding_is_a_position_at_zero() -> None:
    model = variety_of("ours")
    seen = run(model, ablate(model, [Component("decoder", None, "embedding")], positions=[2]), see="embedding")
    assert not seen[:, 2].any()
    assert seen[:, [0, 1, 3, 4, 5]].all()


@pytest.mark.parametrize("name", ["gpt2", "transformer"])
@pytest.mark.parametrize("text", ["{}.1.2", "{}.0.feed_forward", "{}.1.feed_forward.11", "{}.0.residual_middle"])
@pytest.mark.parametrize("part", ["decoder", "encoder"])
def test_a_mean_is_that_of_all_real_positions_of_other_texts(name: str, text: str, part: str) -> None:
    model = variety_of(name)
    if part == "encoder" and name == "gpt2":
        return
    component = Component.parse(text.format(part))
    found = site(model, component)
    values = []
    for batch in OTHERS:
        with torch.no_grad(), observe(model, only=[found.tap]) as seen:
            model(batch)
        side = batch.source if part == "encoder" else batch
        assert side is not None
        lengths = [side.shape[1]] * side.shape[0] if side.lengths is None else side.lengths.tolist()
        values += [found.read(seen[found.tap])[row, :length] for row, length in enumerate(lengths)]
    mean = torch.cat(values).mean(0)
    others = reference(model, [component], OTHERS)
    edited = run(model, ablate(model, [component], "mean", others=others), see=found.tap)
    mine = found.read(edited)[0]
    torch.testing.assert_close(mine, mean.expand_as(mine))
    plain = run(model, see=found.tap)
    torch.testing.assert_close(found.write(edited, found.read(plain)), plain)


def test_what_is_resampled_was_somewhere_in_other_texts_the_same_place_for_all_heads() -> None:
    model = variety_of("gpt2")
    chosen = [Component("decoder", 0, "head", 0), Component("decoder", 0, "head", 3), Component("decoder", 1, "feed_forward")]  # fmt: skip
    others = reference(model, chosen, OTHERS)
    edits = ablate(model, chosen, "resample", others=others, seed=3)
    drawn = run(model, edits, see="blocks.0.attention.head_outputs")[0]  # (heads, T, size)
    samples = others.samples["blocks.0.attention.head_outputs"]
    assert len(samples) == 5 + 4 + 3
    places = [[int((samples[:, head] == drawn[head, at]).all(1).nonzero()[0]) for at in range(6)] for head in (0, 3)]
    assert places[0] == places[1]
    assert len(set(places[0])) > 2
    feed_forward = run(model, edits, see="blocks.1.feed_forward.added")[0]
    torch.testing.assert_close(feed_forward, others.samples["blocks.1.feed_forward.added"][places[0]])
    torch.testing.assert_close(run(model, edits), run(model, edits))
    other = ablate(model, chosen, "resample", others=others, seed=4)
    assert not torch.allclose(run(model, other), run(model, edits))


def test_values_are_set_and_added_where_they_are_said_to_be() -> None:
    model = variety_of("bert")
    component, vector = Component("encoder", 0, "residual_after"), torch.arange(24.0)
    tap = site(model, component).tap
    plain = run(model, see=tap)
    added = run(model, add_to(model, component, vector, [1]), see=tap)
    torch.testing.assert_close((added - plain)[0], torch.eye(6)[1][:, None] * vector, atol=1e-5, rtol=1e-5)
    everywhere = run(model, add_to(model, component, vector), see=tap)
    torch.testing.assert_close(everywhere, plain + vector)
    set_ = run(model, set_to(model, component, plain[:, [0, 0]], [4, 5]), see=tap)
    torch.testing.assert_close(set_, plain[:, [0, 1, 2, 3, 0, 0]])


def test_edits_at_one_tap_come_one_after_the_other() -> None:
    model = model_of()
    head, neuron = Component("decoder", 0, "head", 1), Component("decoder", 0, "neuron", 1)
    ones, twos = set_to(model, head, torch.ones(6)), add_to(model, head, torch.full((6,), 2.0))
    together = combine(ones, twos, ablate(model, [neuron]))
    assert set(together) == set(taps_of(model, [head, neuron]))
    assert run(model, together, see=site(model, head).tap)[:, 1].unique().tolist() == [3.0]
    assert run(model, combine(twos, ones), see=site(model, head).tap)[:, 1].unique().tolist() == [1.0]


@pytest.mark.parametrize("method", [name for name in ABLATIONS if name != "zero"])
def test_what_comes_from_other_texts_needs_them(method: str) -> None:
    model = model_of()
    with pytest.raises(UserError, match="other texts are needed"):
        ablate(model, [Component("decoder", 0, "head", 1)], method)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no text"):
        reference(model, [Component("decoder", 0, "head", 1)], [])


def test_no_weight_is_changed_and_nothing_stays() -> None:
    model = variety_of("gpt2")
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    plain = run(model)
    run(model, ablate(model, heads(model)))
    assert torch.equal(run(model), plain)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
