"""Families that start from an encoder: they learn, keep to their time, and change nothing of the encoder."""

import itertools
from collections.abc import Iterator
from functools import cache

import numpy as np
import pytest
import torch

from llm_core.inference.classifiers.encoder import EncoderClassifier
from llm_core.training.classifiers.base import Family, FitOptions, Fitted, Progress
from llm_core.transfer.encoder import classifier_on, untrained_classifier_like
from llm_core.transfer.families import FAMILIES, EncoderFinetuned, EncoderHeadOnly, EncoderLora, families_on
from llm_core.transfer.features import learn_head
from llm_core.transfer.tuning import Budget, Settings, layer_groups
from tests.transfer.small_encoder import labelled, small_encoder

ENCODER = small_encoder()
QUICK = Settings(learning_rate=3e-3, head_learning_rate=6e-3, least_steps=60, epochs=8, label_smoothing=0.0)
ALL: dict[str, Family] = {
    "encoder_finetuned": EncoderFinetuned(lambda: ENCODER, settings=QUICK),
    "encoder_head_only": EncoderHeadOnly(lambda: ENCODER),
    "encoder_lora": EncoderLora(lambda: ENCODER, QUICK),
}


@cache
def learned(name: str) -> tuple[list[Progress], Fitted]:
    """A family that has had time enough; tests only look at it."""
    return fitted(ALL[name])


def fitted(family: Family, count: int = 160, seconds: float = 30.0, **options: object) -> tuple[list[Progress], Fitted]:
    """With a clock on which each look takes a hundredth of a second, so that the same is learned on every machine."""
    ticks = itertools.count()
    clock = lambda: 0.01 * next(ticks)  # noqa: E731
    records = list(
        family.fit(labelled(count, 1), seconds=seconds, seed=0, options=FitOptions(**options), clock=clock)  # type: ignore[arg-type]
    )
    assert isinstance(records[-1], Fitted)
    progress = [record for record in records if isinstance(record, Progress)]
    assert len(progress) == len(records) - 1
    return progress, records[-1]


def test_the_families_have_the_names_of_the_command_line() -> None:
    names = ["encoder_finetuned", "encoder_head_only", "encoder_lora"]
    assert list(FAMILIES) == names == list(families_on(lambda: ENCODER)) == list(ALL)
    assert all(family.neural for family in FAMILIES.values())


@pytest.mark.parametrize("name", list(ALL))
def test_a_family_learns_what_decides_and_leaves_the_encoder_as_it_was(name: str) -> None:
    before = small_encoder().body.state_dict()
    progress, end = learned(name)
    test = labelled(100, 77)
    assert (end.classifier.probabilities(test.texts).argmax(1) == test.labels).mean() > 0.85
    assert all(torch.equal(value, before[key]) for key, value in ENCODER.body.state_dict().items())
    assert end.classifier.family == name
    assert [record.share for record in progress] == sorted(record.share for record in progress)


def test_what_learns_is_counted() -> None:
    counts = {name: learned(name)[1].classifier.parameters for name in ALL}
    head = 2 * 64 + 2
    assert counts["encoder_head_only"] == head
    body = sum(p.numel() for p in ENCODER.body.parameters())
    assert counts["encoder_finetuned"] == body + head
    assert head < counts["encoder_lora"] < counts["encoder_finetuned"]


def test_only_low_rank_matrices_and_head_differ_from_the_encoder() -> None:
    end = learned("encoder_lora")[1].classifier
    assert isinstance(end, EncoderClassifier)
    start = classifier_on(ENCODER, 2, 0)
    rounded = {name: value.half().float() for name, value in start.state_dict().items()}
    changed = {name for name, value in end.model.state_dict().items() if not torch.equal(value, rounded[name])}
    assert any("query_key_value" in name for name in changed)
    assert not any("embedding" in name or "norm" in name for name in changed)
    weights = end.model.state_dict()["reader.blocks.0.attention.query_key_value.weight"]
    difference = weights - rounded["reader.blocks.0.attention.query_key_value.weight"]
    keys = slice(32, 64)
    assert not difference[keys].any()
    assert difference[:32].any()


@pytest.mark.parametrize("name", list(ALL))
def test_the_same_seed_gives_the_same_classifier(name: str) -> None:
    texts = labelled(30, 5).texts
    first, second = (fitted(ALL[name], count=40, seconds=2)[1].classifier.probabilities(texts) for _ in range(2))
    assert np.array_equal(first, second)


@pytest.mark.parametrize("name", list(ALL))
@pytest.mark.parametrize("seconds", [0.5, 2.0])
def test_a_family_ends_in_its_time(name: str, seconds: float) -> None:
    progress, end = fitted(ALL[name], count=400, seconds=seconds)
    assert end.seconds <= 1.05 * seconds
    assert progress


def test_closing_the_generator_stops_it() -> None:
    records: Iterator[Progress | Fitted] = ALL["encoder_finetuned"].fit(labelled(50, 1), seconds=5, seed=0)
    next(records)
    records.close()  # type: ignore[attr-defined]
    assert list(records) == []


@pytest.mark.parametrize("name", list(ALL))
def test_two_texts_suffice(name: str) -> None:
    end = fitted(ALL[name], count=2, seconds=2)[1]
    assert end.classifier.probabilities(["the meal"]).shape == (1, 2)


def test_long_texts_are_learned_from_in_windows() -> None:
    training = labelled(40, 3, longest=40)
    (*_, end) = ALL["encoder_finetuned"].fit(training, seconds=60, seed=0, options=FitOptions(long_texts="window"))
    assert isinstance(end, Fitted)
    made = end.classifier
    assert isinstance(made, EncoderClassifier)
    assert made.rows.long_texts == "window"
    assert (made.probabilities(training.texts).argmax(1) == training.labels).mean() > 0.8


def test_learning_rates_fall_from_the_head_to_the_embeddings() -> None:
    model = classifier_on(ENCODER, 2, 0)
    groups = layer_groups(model, Settings(learning_rate=1.0, head_learning_rate=4.0, layer_decay=0.5))
    rates = {id(p): group["lr"] for group in groups for p in group["params"]}  # type: ignore[attr-defined]
    assert len(rates) == len(list(model.parameters()))
    named = dict(model.named_parameters())

    def rate(name: str) -> object:
        return rates[id(named[name])]

    assert rate("task_head.weight") == 4.0
    assert rate("reader.final_norm.weight") == 1.0
    assert rate("reader.blocks.1.attention.output.weight") == 1.0
    assert rate("reader.blocks.0.attention.output.weight") == 0.5
    assert rate("reader.token_embedding.weight") == 0.25


def test_an_untrained_twin_has_the_same_shapes_and_other_weights() -> None:
    known, random = classifier_on(ENCODER, 2, 0), untrained_classifier_like(ENCODER, 2, 0)
    shapes = {name: value.shape for name, value in known.state_dict().items()}
    assert shapes == {name: value.shape for name, value in random.state_dict().items()}
    name = "reader.blocks.0.attention.output.weight"
    assert torch.equal(known.state_dict()[name], ENCODER.body.state_dict()["blocks.0.attention.output.weight"])
    assert not torch.equal(known.state_dict()[name], random.state_dict()[name])


def test_a_head_is_the_logistic_regression_of_scikit_learn() -> None:
    from sklearn.linear_model import LogisticRegression

    random = np.random.default_rng(0)
    part = labelled(200, 4)
    features = random.normal(size=(200, 5)) * [1, 3, 0.1, 1, 2] + part.labels[:, None] * [1, 0, 0.2, 0, 1] + 4
    head = learn_head(torch.from_numpy(features).float(), part, 0, Budget(lambda: 0.0, 10))
    scaled = (features - features.mean(0)) / features.std(0)
    # Its objective sums the losses: C is 1 / (N penalty). Two rows of weights w and -w cost what one row 2w costs by half.
    peer = LogisticRegression(C=2 / (len(part) * head.penalty), tol=1e-8).fit(scaled, part.labels)
    ours = (features @ head.weight.numpy().T + head.bias.numpy()) @ [-1, 1]
    assert ours == pytest.approx(peer.decision_function(scaled), abs=0.02)
    assert head.accuracy is not None
    assert head.accuracy > 0.7
