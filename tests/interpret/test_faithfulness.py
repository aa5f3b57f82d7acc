"""Curves of deletion and insertion against a model run anew for every place, and scores that are known to be right or wrong."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from llm_core.config import TransformerConfig
from llm_core.interpret.attribution.faithfulness import faithfulness
from llm_core.interpret.attribution.input_attribution import Explained, occlusion
from llm_core.interpret.reading import read
from llm_core.interpret.target import Target
from llm_core.models.base import Batch
from llm_core.models.build import build
from tests.interpret.known_circuit import TOKENIZER, known_circuit, read_letters
from tests.interpret.test_input_attribution import TOKENIZER as CHARACTERS


def random_model() -> Explained:
    size = {"context": 16, "width": 16, "layers": 2, "heads": 2}
    model = build(TransformerConfig(vocabulary_size=CHARACTERS.vocabulary_size, **size), seed=2)  # type: ignore[arg-type]
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(3)
    model.eval().requires_grad_(False)
    return Explained(model, CHARACTERS, read(model, CHARACTERS, "abcab"), Target(4, 1, 2))


def value_with(one: Explained, kept: set[int]) -> float:
    vectors = torch.stack([one.vectors[at] if at in kept or not one.free[at] else one.nothing[at] for at in range(len(one.vectors))])  # fmt: skip
    with torch.no_grad():
        logits = one.model(Batch(embeddings=vectors[None]))[0, 4]
    return float(logits[1] - logits[2])


def test_each_point_of_the_curves_is_what_the_model_says_of_the_tokens_left() -> None:
    one = random_model()
    scores = occlusion(one).scores
    found = faithfulness(one, scores, random_orders=3)
    players = set(np.flatnonzero(one.free).tolist())
    assert set(found.order) == players
    assert list(scores[list(found.order)]) == sorted(scores[list(found.order)], reverse=True)
    for taken in range(len(players) + 1):
        gone = set(found.order[:taken])
        assert found.deletion[taken] == pytest.approx(value_with(one, players - gone), abs=1e-4)
        assert found.insertion[taken] == pytest.approx(value_with(one, gone), abs=1e-4)
    for curves in (found.random_deletions, found.random_insertions):
        assert curves.shape == (3, len(players) + 1)
    np.testing.assert_allclose(found.random_deletions[:, 0], found.deletion[0], atol=1e-4)
    np.testing.assert_allclose(found.random_insertions[:, -1], found.deletion[0], atol=1e-4)
    np.testing.assert_allclose(found.random_deletions[:, -1], found.insertion[0], atol=1e-4)
    assert len({tuple(curve.round(4)) for curve in found.random_deletions}) > 1


def known() -> Explained:
    """After "c a b d e g a" comes b, because of both a's and the b: without any of them nothing does, and c, d, e and g
    have no part in it."""
    reading = read_letters("cabdega")
    right, other = (1 + "abcdefghijk".index(letter) for letter in "bk")
    return Explained(known_circuit(), TOKENIZER, reading, Target(7, right, other))


def test_scores_that_name_what_carries_the_answer_beat_chance_and_turned_around_lose_to_it() -> None:
    one = known()
    good = np.zeros(8)
    good[[2, 3, 7]] = 1, 2, 3
    found = faithfulness(one, good, random_orders=30)
    assert found.deletion_area > 0.05
    assert found.insertion_area > 0.25
    assert found.deletion_area >= found.random_deletion_areas.max() - 1e-6
    assert found.insertion_area >= found.random_insertion_areas.max() - 1e-6
    bad = faithfulness(one, -good, random_orders=30)
    assert bad.deletion_area < 0
    assert bad.insertion_area < 0
    assert abs(found.random_deletion_areas.mean()) < 0.05


def test_the_area_is_that_between_the_curves_as_a_share_of_the_whole_fall() -> None:
    found = faithfulness(known(), np.arange(8.0), random_orders=4)
    between = found.random_deletions.mean(0) - found.deletion
    by_hand = sum((one + other) / 2 for one, other in pairwise(between)) / (len(between) - 1)
    assert found.deletion_area == pytest.approx(by_hand / abs(found.deletion[0] - found.deletion[-1]))


def test_the_same_seed_takes_the_same_random_orders() -> None:
    one, scores = random_model(), np.arange(6.0)
    first, again, other = (faithfulness(one, scores, 5, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.random_deletions, again.random_deletions)
    assert (first.random_deletions != other.random_deletions).any()
