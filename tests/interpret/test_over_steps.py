"""Measures over the steps of a training: each is what the method itself says of that snapshot, in a useful order."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from llm_core.errors import UserError
from llm_core.interpret.ablation.ablation import ablated, loss_of, target_of
from llm_core.interpret.attribution.logit_attribution import attribute_logit
from llm_core.interpret.circuits.composition import composition
from llm_core.interpret.components import feed_forwards, heads
from llm_core.interpret.dynamics import measure_step
from llm_core.interpret.dynamics.measure_snapshot import FUNCTIONS
from llm_core.interpret.dynamics.over_steps import NotHere, at_step, over_steps
from llm_core.interpret.dynamics.step_measures import MEASURES, AtStep, MeasureName, coarse_to_fine, measure_named
from llm_core.interpret.dynamics.step_subject import StepSubject
from llm_core.interpret.geometry.hidden_states import hidden_states
from llm_core.interpret.geometry.similarity import linear_cka
from llm_core.interpret.lenses.logit_lens import logit_lens
from llm_core.interpret.loss_texts import loss_texts
from llm_core.interpret.reading import Reading, as_batch
from llm_core.interpret.target import Target
from llm_core.models.base import Batch, Model
from tests.interpret.known_circuit import INDUCTION_HEAD, PREVIOUS_HEAD, TOKENIZER, known_circuit, read_letters
from tests.interpret.opened import reading_of, shaken, side_of, task_model_of, variety_of

TEXT = "abcdefabc"
POSITION = 9


class Numbers:
    """A tokenizer for models of 19 tokens that are only looked at by number; 18 hides."""

    begin: tuple[int, ...] = ()
    end: tuple[int, ...] = ()
    separators = frozenset[int]()
    pieces = [f"t{token}" for token in range(19)]  # noqa: RUF012 - as a tokenizer has them
    mask = 18

    def encode(self, text: str) -> list[int]:
        return []

    def spans(self, text: str) -> list[tuple[int, int]]:
        return []


def before_training() -> Model:
    """The known circuit with its weights drawn at random around nothing."""
    model = known_circuit()
    generator = torch.Generator().manual_seed(3)
    for parameter in model.parameters():
        parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.2)
    return model


@pytest.fixture(scope="module")
def snapshots() -> dict[int, Model]:
    return {0: before_training(), 100: known_circuit()}


@pytest.fixture(scope="module")
def subject(snapshots: dict[int, Model]) -> StepSubject:
    """After "abcdefabc" comes d, and not e."""
    return StepSubject(
        snapshots[100], TOKENIZER, read_letters(TEXT), Target(POSITION, 4, 5), range(1, 12), language=None
    )


def other_subject(model: Model, target: Target) -> StepSubject:
    return StepSubject(model, Numbers(), reading_of(model), target, range(1, 18), language=None)


def logits_of(model: Model, reading: Reading) -> torch.Tensor:
    with torch.no_grad():
        return model(as_batch(reading))[0].double()


def named(found: AtStep) -> dict[str, float]:
    return dict(zip(found.names, found.values.tolist(), strict=True))


@pytest.mark.parametrize("step", [0, 100])
def test_what_is_said_is_what_the_model_says(snapshots: dict[int, Model], subject: StepSubject, step: int) -> None:
    model = snapshots[step]
    logits = logits_of(model, subject.reading)
    shares = logits.softmax(-1)
    found = at_step(model, step, "probability", subject)
    assert named(found) == pytest.approx({"target": float(shares[-1, 4]), "against": float(shares[-1, 5])}, rel=1e-4)
    assert found.controls == pytest.approx({"chance": 1 / 12, "elsewhere": float(shares[:-1, 4].mean())}, rel=1e-4)
    found = at_step(model, step, "logit", subject)
    assert named(found) == pytest.approx({"target": float(logits[-1, 4] - logits[-1, 5])}, rel=1e-4)
    assert found.controls == pytest.approx(
        {"elsewhere": float((logits[:-1, 4] - logits[:-1, 5]).mean())}, rel=1e-4, abs=1e-5
    )
    found = at_step(model, step, "tokens", subject)
    ids = list(subject.reading.text.ids)
    expected = F.cross_entropy(logits[:-1], torch.tensor(ids[1:]), reduction="none")
    assert found.names == tuple(str(place) for place in range(1, 10))
    np.testing.assert_allclose(found.values, expected, rtol=1e-4)


@pytest.mark.parametrize("step", [0, 100])
def test_a_measure_at_a_step_is_the_method_on_that_snapshot(
    snapshots: dict[int, Model], subject: StepSubject, step: int
) -> None:
    model, reading, target = snapshots[step], subject.reading, subject.target
    ends = ["decoder.embedding", "decoder.0.residual_after", "decoder.1.residual_after"]
    lens = logit_lens(model, reading, top=1, pinned=[4])
    rows = [[str(row) for row in lens.rows].index(name) for name in ends]
    for measure, table in (("lens", lens.pinned_probabilities[:, :, 0]), ("divergence", lens.divergences)):
        found = at_step(model, step, measure_named(measure), subject)
        assert found.names == tuple(ends)
        np.testing.assert_allclose(found.values, table[rows, POSITION])
    direct = attribute_logit(model, reading, target)
    found = at_step(model, step, "direct", subject)
    assert found.names == tuple(map(str, direct.components))
    np.testing.assert_allclose(found.values, direct.contributions)
    texts = loss_texts(model, [reading])
    for measure, score in (("ablation", target_of(model, reading, target)), ("ablation_loss", loss_of(model, texts))):
        found = at_step(model, step, measure_named(measure), subject)
        assert found.names == tuple(str(head) for head in heads(model))
        expected = [ablated(model, score, [head]).change for head in heads(model)]
        np.testing.assert_allclose(found.values, expected, rtol=1e-5, atol=1e-6)
    scores = composition(model)
    for name, value in named(at_step(model, step, "composition", subject)).items():
        kind, first, second = name.split(" ")
        place = [str(head) for head in scores.heads].index(first), [str(head) for head in scores.heads].index(second)
        assert value == pytest.approx(float(scores.scores[kind][place]))  # type: ignore[index]
    here, there = hidden_states(model, [reading]), hidden_states(snapshots[100], [reading])
    found = at_step(model, step, "similarity", subject)  # the sign of the beginning does not count
    expected = [linear_cka(x[1:], y[1:]) for x, y in zip(here.states, there.states, strict=True)]
    np.testing.assert_allclose(found.values, expected, rtol=1e-4)


def test_the_layer_of_the_answer_is_the_one_after_which_nothing_changes_it(
    snapshots: dict[int, Model], subject: StepSubject
) -> None:
    lens = logit_lens(snapshots[0], subject.reading, top=1)
    rows = [row for row, place in enumerate(lens.rows) if place.kind in ("embedding", "residual_after")]
    late = []
    for column in range(len(lens.columns)):
        best = [int(lens.top[row, column, 0]) for row in rows]
        late.append(next(layer for layer in range(len(best)) if all(each == best[-1] for each in best[layer:])))
    found = named(at_step(snapshots[0], 0, "decided", subject))
    assert found == pytest.approx({"here": late[POSITION], "everywhere": sum(late) / len(late)})
    assert named(at_step(snapshots[100], 100, "decided", subject))["here"] == 2


def test_the_circuit_is_seen_to_have_formed(snapshots: dict[int, Model], subject: StepSubject) -> None:
    measures: list[MeasureName] = ["copying", "induction", "previous_token"]
    found = {(each.step, each.measure): each for each in over_steps(snapshots.get, [0, 100], measures, subject) if isinstance(each, AtStep)}  # fmt: skip
    early, late = named(found[0, "copying"]), named(found[100, "copying"])
    assert abs(early["first"] - early["second"]) < 0.3
    assert late["first"] - late["second"] > 1.5
    assert found[0, "copying"].controls["chance"] == pytest.approx(np.log(12))
    for measure, head in (("induction", INDUCTION_HEAD), ("previous_token", PREVIOUS_HEAD)):
        assert named(found[0, measure_named(measure)])[str(head)] < 0.3
        scores = named(found[100, measure_named(measure)])
        assert scores[str(head)] > 0.9
        assert max(value for name, value in scores.items() if name != str(head)) < 0.5
    assert at_step(snapshots[100], 100, "composition", subject).names[0] == f"K {PREVIOUS_HEAD} {INDUCTION_HEAD}"


def test_copying_counts_each_copy_where_it_can_be_known(snapshots: dict[int, Model], subject: StepSubject) -> None:
    """By hand, text by text: the first copy from its second token on, the second from its second."""
    model = snapshots[0]
    sums, counts = [0.0, 0.0], [0, 0]
    for batch in subject.copies.batches:
        assert batch.tokens is not None
        assert batch.lengths is not None
        for row, length in zip(batch.tokens.tolist(), batch.lengths.tolist(), strict=True):
            ids = row[:length]
            half = (len(ids) - 1) // 2
            assert ids[1 : 1 + half] == ids[1 + half :]
            with torch.no_grad():
                losses = F.cross_entropy(model(Batch(torch.tensor([ids])))[0][:-1], torch.tensor(ids[1:]), reduction="none")  # fmt: skip
            for copy, places in enumerate((range(1, half), range(1 + half, 2 * half))):
                sums[copy] += float(losses[list(places)].sum())
                counts[copy] += len(places)
    expected = {"first": sums[0] / counts[0], "second": sums[1] / counts[1]}
    assert named(at_step(model, 0, "copying", subject)) == pytest.approx(expected, rel=1e-4)


def test_the_newest_step_comes_first_and_then_the_widest_gaps(
    snapshots: dict[int, Model], subject: StepSubject
) -> None:
    steps = list(range(0, 900, 100))
    found = list(over_steps(lambda step: snapshots[100], steps, ["weights"], subject))
    assert [each.step for each in found if isinstance(each, AtStep)] == [800, 0, 400, 200, 600, 100, 300, 500, 700]
    shares = [each for each in found if isinstance(each, float)]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    for count in range(12):
        assert sorted(coarse_to_fine(range(count))) == list(range(count))


def test_what_is_known_is_not_measured_again_and_what_vanished_is_left_out(
    snapshots: dict[int, Model], subject: StepSubject
) -> None:
    loaded = []

    def load(step: int) -> Model | None:
        loaded.append(step)
        return None if step == 50 else snapshots[100]

    measures: list[MeasureName] = ["weights", "probability"]
    known = {(100, "weights"), (100, "probability"), (0, "weights")}
    found = [each for each in over_steps(load, [0, 50, 75, 100], measures, subject, known) if isinstance(each, AtStep)]
    assert loaded == [0, 50, 75]
    assert [(each.step, each.measure) for each in found] == [(0, "probability"), (75, "weights"), (75, "probability")]


def test_a_measure_that_does_not_apply_says_why_once(snapshots: dict[int, Model]) -> None:
    tagger = task_model_of("tag")
    subject = other_subject(tagger, Target(2, 1, None))
    found = list(over_steps(lambda step: tagger, [0, 1, 2], ["tokens", "copying", "probability"], subject))
    refused = [each for each in found if isinstance(each, NotHere)]
    assert [each.measure for each in refused] == ["tokens", "copying"]
    assert "says no tokens" in str(refused[0].reason)
    assert len([each for each in found if isinstance(each, AtStep)]) == 3


@pytest.mark.parametrize("name", ["bert", "transformer", "gpt2", "attention only"])
def test_every_model_is_measured_in_every_way_that_it_can_be(name: str) -> None:
    model = variety_of(name)
    subject = other_subject(model, Target(3, 7, "others"))
    refused = set()
    for measure in MEASURES:
        if measure == "probe":
            continue
        try:
            found = at_step(model, 0, measure, subject)
        except UserError:
            refused.add(measure)
            continue
        assert found.values.shape == (len(found.names),)
        assert found.values.dtype == np.float32
        assert np.isfinite(found.values).all()
        assert len(set(found.names)) == len(found.names)
    assert refused == ({"copying", "induction"} if name == "bert" else set())


def test_an_encoder_is_asked_for_each_token_with_it_hidden() -> None:
    model = variety_of("bert")
    found = at_step(model, 0, "tokens", other_subject(model, Target(3, 7)))
    ids = [0, 3, 7, 3, 11, 5]
    for place, value in named(found).items():
        hidden = [18 if at == int(place) else token for at, token in enumerate(ids)]
        logits = logits_of(model, Reading(side_of(*hidden), None, 0))
        assert value == pytest.approx(-float(logits[int(place)].log_softmax(-1)[ids[int(place)]]), rel=1e-4)


def test_an_encoder_reads_a_few_copies_of_a_text_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    model = variety_of("bert")
    together = at_step(model, 0, "tokens", other_subject(model, Target(3, 7)))
    body, rows = model.body, []

    def counted(batch: Batch) -> torch.Tensor:
        rows.append(batch.shape[0])
        return body(batch)

    monkeypatch.setattr(measure_step, "_AT_ONCE", 4)
    monkeypatch.setattr(model, "body", counted)
    found = at_step(model, 0, "tokens", other_subject(model, Target(3, 7)))
    assert rows == [4, 2]
    assert found.names == together.names
    np.testing.assert_allclose(found.values, together.values, rtol=1e-5)


def test_a_whole_text_has_one_answer_and_no_other_place() -> None:
    model = task_model_of("classify")
    found = at_step(model, 0, "probability", other_subject(model, Target(None, 2, 1)))
    shares = logits_of(model, reading_of(model)).softmax(-1)
    assert named(found) == pytest.approx({"target": float(shares[2]), "against": float(shares[1])}, rel=1e-4)
    assert set(found.controls) == {"chance"}


def test_weights_are_measured_layer_by_layer() -> None:
    model = shaken(variety_of("gpt2"))
    found = named(at_step(model, 0, "weights", other_subject(model, Target(3, 7))))
    assert set(found) == {
        "decoder.embedding", "decoder.0.attention", "decoder.0.feed_forward", "decoder.1.attention", "decoder.1.feed_forward",
    }  # fmt: skip
    feed_forward = model.get_submodule("blocks.1.feed_forward")
    together = torch.cat([each.flatten() for each in feed_forward.parameters() if each.ndim == 2])
    assert found["decoder.1.feed_forward"] == pytest.approx(float(together.square().mean().sqrt()), rel=1e-5)


def test_every_measure_of_the_table_has_a_function_and_a_model_in_training_is_refused() -> None:
    assert set(FUNCTIONS) == set(MEASURES)
    model = variety_of("gpt2")
    assert str(feed_forwards(model)[1]) in at_step(model, 0, "ablation", other_subject(model, Target(3, 7))).names
    with pytest.raises(ValueError, match="eval mode"):
        at_step(model.train(), 0, "weights", other_subject(model, Target(3, 7)))
    with pytest.raises(UserError, match="no measure"):
        measure_named("<b>")
