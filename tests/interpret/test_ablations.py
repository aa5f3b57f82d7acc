"""What a model loses without some of its pieces: losses counted by hand, texts one by one, and the control beside them."""

import copy
import math
from collections.abc import Mapping

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from llm_core.errors import UserError
from llm_core.interpret.ablation.ablation import (
    Ablated,
    Control,
    ablated,
    against_others,
    loss_of,
    map_ablations,
    other_sets,
    target_of,
)
from llm_core.interpret.components import Component, feed_forwards, heads
from llm_core.interpret.interventions import ablate, reference
from llm_core.interpret.loss_texts import UNASKED, loss_texts
from llm_core.interpret.reading import Reading, as_batch
from llm_core.interpret.target import Target
from llm_core.models.base import Batch, Model
from llm_core.taps import Edit, observe
from tests.interpret.opened import VARIETIES, model_of, reading_of, side_of, task_model_of, variety_of

TEXTS = [(0, 3, 7, 3, 11, 5), (0, 8, 2), (0, 1, 2, 4, 8, 16, 13, 7, 14)]
MASK = 18


def readings(model: Model) -> list[Reading]:
    crossed = reading_of(model).source is not None
    sources = [side_of(4, 2, 9, 0), side_of(1, 0), side_of(5, 6, 0)]
    return [Reading(side_of(*ids), source if crossed else None, 0) for ids, source in zip(TEXTS, sources, strict=True)]


@pytest.mark.parametrize("name", ["ours", "llama", "transformer"])
def test_the_loss_of_a_text_is_that_of_its_next_tokens(name: str) -> None:
    model = variety_of(name)
    expected = []
    for reading in readings(model):
        with torch.no_grad():
            logits = model(as_batch(reading))[0].double()
        shares = logits.softmax(-1)
        expected.append(-np.mean([math.log(shares[at, token]) for at, token in enumerate(reading.text.ids[1:])]))
    np.testing.assert_allclose(loss_of(model, loss_texts(model, readings(model)))({}), expected, rtol=1e-4)


def test_the_loss_of_an_encoder_is_that_of_hidden_tokens() -> None:
    model = variety_of("bert")
    texts = loss_texts(model, readings(model), mask=MASK, hidden_share=0.3, seed=2)
    (batch,), (truth,) = texts.batches, texts.truths
    assert batch.tokens is not None
    assert batch.lengths is not None
    losses = loss_of(model, texts)({})
    for row, ids in enumerate(TEXTS):
        asked = truth[row] != UNASKED
        assert int(asked.sum()) == max(1, round(0.3 * len(ids)))
        assert asked[: len(ids)].any()
        assert not asked[len(ids) :].any()
        shown = [MASK if hidden else token for token, hidden in zip(ids, asked.tolist(), strict=False)]
        assert batch.tokens[row, : len(ids)].tolist() == shown
        with torch.no_grad():
            logits = model(Batch(torch.tensor([shown])))[0]
        assert truth[row][asked].tolist() == [token for token, hidden in zip(ids, asked.tolist(), strict=False) if hidden]  # fmt: skip
        expected = F.cross_entropy(logits[asked[: len(ids)]], truth[row][asked])
        assert losses[row] == pytest.approx(float(expected), rel=1e-4)
    again = loss_texts(model, readings(model), mask=MASK, hidden_share=0.3, seed=2)
    assert torch.equal(again.truths[0], truth)


def test_one_with_a_query_stream_is_asked_through_it() -> None:
    model = model_of(architecture="encoder", query_stream=True)
    (batch,) = loss_texts(model, readings(model), mask=MASK).batches
    assert batch.permutation is not None
    assert torch.equal(batch.permutation, (batch.tokens == MASK).long())


@pytest.mark.parametrize(("task", "labels"), [("classify", [2, 0, 1]), ("tag", [[0, 1, 2, 0, 1, 2], [1, 1, 2], [0] * 9])])  # fmt: skip
def test_the_loss_of_a_task_is_that_of_its_labels(task: str, labels: list) -> None:
    model = task_model_of(task)
    losses = loss_of(model, loss_texts(model, readings(model), labels=labels))({})
    for row, reading in enumerate(readings(model)):
        with torch.no_grad():
            logits = model(as_batch(reading))[0]
        expected = F.cross_entropy(logits, torch.tensor(labels[row]))
        assert losses[row] == pytest.approx(float(expected), rel=1e-4)


def test_more_texts_than_fit_at_once_are_all_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    model = variety_of("gpt2")
    together = loss_of(model, loss_texts(model, readings(model)))({})
    monkeypatch.setattr("llm_core.interpret.loss_texts._TEXTS_AT_ONCE", 2)
    texts = loss_texts(model, readings(model))
    assert len(texts.batches) == 2
    assert texts.count == 3
    np.testing.assert_allclose(loss_of(model, texts)({}), together, rtol=1e-5)


@pytest.mark.parametrize("name", VARIETIES)
def test_a_map_has_every_head_and_feed_forward_with_what_it_costs(name: str) -> None:
    model = variety_of(name)
    score = loss_of(model, loss_texts(model, readings(model), mask=MASK))
    found = list(map_ablations(model, score))
    assert [each.components for each in found] == [(each,) for each in (*heads(model), *feed_forwards(model))]
    before = score({})
    for each in found:
        after = score(ablate(model, each.components))
        np.testing.assert_array_equal(each.after, after)
        np.testing.assert_array_equal(each.before, before)
        change = after - before
        assert each.change == pytest.approx(change.mean())
        error = 1.959964 * change.std(ddof=1) / math.sqrt(3)
        assert each.high - each.change == pytest.approx(error)
        assert each.change - each.low == pytest.approx(error)
    assert min(abs(each.change) for each in found) > 0
    assert max(abs(each.change) for each in found) > 0.01


def test_a_set_is_taken_away_together() -> None:
    """The same as a model without the weights that these heads write with."""
    model = variety_of("gpt2")
    texts = loss_texts(model, readings(model))
    without = copy.deepcopy(model)
    without.get_submodule("blocks.0.attention.output").weight[:, :6] = 0
    without.get_submodule("blocks.1.attention.output").weight[:, 12:18] = 0
    found = ablated(model, loss_of(model, texts), [Component("decoder", 0, "head", 0), Component("decoder", 1, "head", 2)])  # fmt: skip
    np.testing.assert_allclose(found.after, loss_of(without, texts)({}), rtol=1e-5)


@pytest.mark.parametrize("method", ["mean", "resample"])
def test_other_texts_take_a_components_place(method: str) -> None:
    model = variety_of("gpt2")
    head = Component("decoder", 0, "head", 1)
    texts = loss_texts(model, readings(model))
    others = reference(model, [head], [Batch(torch.tensor([[0, 9, 14, 6, 12, 2]]))])
    found = ablated(model, loss_of(model, texts), [head], method, others=others)  # type: ignore[arg-type]
    zero = ablated(model, loss_of(model, texts), [head])
    assert found.after.tolist() != zero.after.tolist()
    if method == "mean":  # by hand: the mean goes into the bias
        without = copy.deepcopy(model)
        output = without.get_submodule("blocks.0.attention.output")
        output.bias += output.weight[:, 6:12] @ others.mean("blocks.0.attention.head_outputs")[1]
        output.weight[:, 6:12] = 0
        np.testing.assert_allclose(found.after, loss_of(without, texts)({}), rtol=1e-5)


@pytest.mark.parametrize("target", [Target(4, 7), Target(5, 2, 11), Target(0, 3, "others")])
def test_what_a_head_does_to_a_target_is_measured_on_one_text(target: Target) -> None:
    model = variety_of("gpt2")
    reading, head = reading_of(model), Component("decoder", 1, "head", 3)
    with torch.no_grad(), observe(model, only=[], edits=ablate(model, [head])):
        after = float(target.of(model(as_batch(reading))))
    with torch.no_grad():
        before = float(target.of(model(as_batch(reading))))
    found = ablated(model, target_of(model, reading, target), [head])
    assert found.change == pytest.approx(after - before, rel=1e-4, abs=1e-5)
    assert (found.low, found.high) == (-math.inf, math.inf)  # one text says nothing about others
    with pytest.raises(UserError, match="no position"):
        target_of(model, reading, Target(None, 1))


def control_of(model: Model, score: object, chosen: list[Component], **options: object) -> tuple[list[Ablated], Control]:  # fmt: skip
    work = against_others(model, score, chosen, **options)  # type: ignore[arg-type]
    found = []
    while True:
        try:
            found.append(next(work))
        except StopIteration as end:
            return found, end.value


def sizes(model: Model, values: Mapping[Component, float]) -> object:
    """A made-up measure: 10 minus the values of all heads at zero, on two texts."""
    taps = {f"blocks.{layer}.attention.head_outputs": layer for layer in range(2)}

    def score(edits: Mapping[str, Edit]) -> NDArray[np.float64]:
        total = 0.0
        for tap, layer in taps.items():
            if tap in edits:
                gone = ~edits[tap](torch.ones(1, 4, 2, 6)).flatten(2).any(2)[0]
                total += sum(values[Component("decoder", layer, "head", int(head))] for head in gone.nonzero())
        return np.array([10 + total, 10 + total])

    return score


@pytest.mark.parametrize(("draws", "exhaustive"), [(6, False), (14, False), (15, True), (40, True)])
def test_a_pair_of_heads_is_ranked_among_others(draws: int, exhaustive: bool) -> None:
    """Six heads are left beside the pair: 15 other pairs."""
    model = model_of()
    values = {head: float(place) for place, head in enumerate(heads(model))}
    chosen = [heads(model)[5], heads(model)[6]]  # 11, as have 4 + 7; more have 7 + anything above, none here
    found, control = control_of(model, sizes(model, values), chosen, draws=draws)
    assert found == [control.chosen, *control.others]
    assert control.chosen.change == 11
    assert control.exhaustive == exhaustive
    sets = [frozenset(each.components) for each in control.others]
    assert len(set(sets)) == len(sets) == (15 if exhaustive else draws)
    assert not any(each & set(chosen) for each in sets)
    assert all(each.change == sum(values[head] for head in each.components) for each in control.others)
    assert control.rank == 1 + sum(each.change >= 11 for each in control.others)
    assert control.of == len(sets) + 1
    assert control.share == control.rank / control.of
    if exhaustive:
        assert control.rank == 2  # 4 + 7


def test_a_set_that_helps_when_it_is_gone_is_ranked_the_other_way() -> None:
    model = model_of()
    values = {head: -float(place) for place, head in enumerate(heads(model))}
    _found, control = control_of(model, sizes(model, values), [heads(model)[7]])
    assert (control.rank, control.of, control.exhaustive) == (1, 8, True)


def test_other_sets_have_as_many_of_each_kind() -> None:
    model = model_of(architecture="encoder_decoder")
    chosen = [Component("cross", 0, "head", 1), Component("encoder", 1, "head", 2), Component("decoder", 0, "feed_forward"), Component("decoder", 1, "neuron", 3), Component("decoder", 1, "neuron", 4)]  # fmt: skip
    sets, exhaustive = other_sets(model, chosen, 20, seed=1)
    assert len({frozenset(each) for each in sets}) == 20
    assert not exhaustive
    for each in sets:
        kinds = sorted((component.part, component.kind) for component in each)
        assert kinds == sorted((component.part, component.kind) for component in chosen)
        assert not set(each) & set(chosen)
    assert other_sets(model, chosen, 20, seed=1) == (sets, exhaustive)
    assert other_sets(model, chosen, 20, seed=2) != (sets, exhaustive)


def test_where_few_others_are_left_sets_may_share_some() -> None:
    model = model_of(layers=1)
    every = heads(model)
    sets, exhaustive = other_sets(model, every[:3], 50)
    assert exhaustive
    assert {frozenset(each) for each in sets} == {frozenset({*every} - {one}) for one in every[:3]}
    with pytest.raises(UserError, match="no other head"):
        other_sets(model, every, 50)
    with pytest.raises(UserError, match="cannot"):
        other_sets(model, [Component("decoder", None, "embedding")], 50)


def test_what_cannot_be_measured_says_why() -> None:
    encoder, classifier = model_of(architecture="encoder"), task_model_of("classify")
    with pytest.raises(UserError, match="needs a mask"):
        loss_texts(encoder, readings(encoder))
    with pytest.raises(UserError, match="right labels"):
        loss_texts(classifier, readings(classifier))
    with pytest.raises(UserError, match="looks up answers"):
        loss_texts(task_model_of("answer"), readings(encoder))
    with pytest.raises(UserError, match="at least one"):
        loss_texts(encoder, [])
    with pytest.raises(UserError, match="one token"):
        loss_texts(model_of(), [Reading(side_of(3), None, 0)])
    with pytest.raises(UserError, match="could be hidden"):
        loss_texts(encoder, [Reading(side_of(MASK, MASK), None, 0)], mask=MASK)
    decoder = model_of()
    texts = loss_texts(decoder, readings(decoder))
    with pytest.raises(ValueError, match="eval mode"):
        loss_of(decoder.train(), texts)
