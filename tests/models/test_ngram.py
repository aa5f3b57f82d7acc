"""Kneser-Ney against a count in plain Python, straight from the formula."""

import math
import random
from collections import Counter, defaultdict

import numpy as np
import pytest
import torch

from llm_core.config import NgramConfig
from llm_core.errors import UserError
from llm_core.models.base import Batch
from llm_core.models.build import build
from llm_core.models.files import load_tensors
from llm_core.models.ngram import Ngram

V = 7


class Counted:
    """The formula, with dictionaries."""

    def __init__(self, text: list[int], order: int) -> None:
        self.order = order
        self.counts: list[Counter[tuple[int, ...]]] = [Counter()]
        for k in range(1, order + 1):
            if k == order:
                self.counts.append(Counter(tuple(text[i : i + k]) for i in range(len(text) - k + 1)))
            else:
                longer = {tuple(text[i : i + k + 1]) for i in range(len(text) - k)}
                self.counts.append(Counter(sequence[1:] for sequence in longer))
        self.followers: dict[tuple[int, ...], list[int]] = defaultdict(list)
        for k in range(1, order + 1):
            for sequence, count in self.counts[k].items():
                self.followers[(k, *sequence[:-1])].append(count)

    def discount(self, k: int) -> float:
        values = list(self.counts[k].values())
        once, twice = values.count(1), values.count(2)
        return once / (once + 2 * twice) if once else 0.5

    def probability(self, history: tuple[int, ...], token: int, k: int | None = None) -> float:
        k = min(self.order, len(history) + 1) if k is None else k
        if k == 0:
            return 1 / V
        context = history[len(history) - k + 1 :]
        lower = self.probability(history, token, k - 1)
        after = self.followers.get((k, *context), [])
        if not after:
            return lower
        d, total = self.discount(k), sum(after)
        return max(self.counts[k][(*context, token)] - d, 0) / total + d * len(after) / total * lower


def text_of(seed: int, length: int = 300) -> list[int]:
    dice = random.Random(seed)
    text = [0]
    while len(text) < length:
        text.append(dice.choice([text[-1], (text[-1] * 2 + 1) % V, dice.randrange(V - 1)]))
    return text


def fitted(text: list[int], order: int) -> Ngram:
    model = build(NgramConfig(vocabulary_size=V, order=order)).eval()
    assert isinstance(model, Ngram)
    return model.fit(np.array(text))


@pytest.mark.parametrize("order", [1, 2, 3, 5, 8])
def test_probabilities_equal_the_formula(order: int) -> None:
    text, held_out = text_of(1), [*text_of(2, 30), V - 1, V - 1, 0]  # the last token was never seen
    model, counted = fitted(text, order), Counted(text, order)
    log_p = model(Batch(torch.tensor([held_out])))[0]
    for t in range(len(held_out)):
        history = tuple(held_out[max(0, t - order + 2) : t + 1]) if order > 1 else ()
        expected = [math.log(counted.probability(history, token)) for token in range(V)]
        np.testing.assert_allclose(log_p[t].numpy(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("order", [1, 2, 4, 8])
@pytest.mark.parametrize("length", [1, 2, 3, 300])
def test_every_distribution_sums_to_one_however_short_the_text(order: int, length: int) -> None:
    model = fitted(text_of(3, length), order)
    sums = model(Batch(torch.tensor([text_of(4, 40), text_of(5, 40)]))).exp().sum(-1)
    torch.testing.assert_close(sums, torch.ones(2, 40))


@pytest.mark.parametrize("order", [1, 2, 4])
def test_scoring_targets_is_the_whole_distribution_gathered(order: int) -> None:
    model = fitted(text_of(6), order)
    windows = torch.randint(V, (5, 21), generator=torch.Generator().manual_seed(0))
    inputs, targets = windows[:, :-1], windows[:, 1:]
    expected = model(Batch(inputs)).gather(-1, targets[..., None]).squeeze(-1)
    torch.testing.assert_close(model.log_probabilities(inputs, targets), expected)


def test_before_counting_it_guesses_uniformly() -> None:
    model = build(NgramConfig(vocabulary_size=V))
    torch.testing.assert_close(model(Batch(torch.tensor([[1, 2, 3]]))), torch.full((1, 3, V), -math.log(V)))


def test_more_order_fits_the_text_better_and_unseen_text_not_worse_than_uniform() -> None:
    text, other = text_of(7, 3000), text_of(8, 3000)
    losses = []
    for order in (1, 2, 3):
        model = fitted(text, order)
        tokens = torch.tensor(other)[None]
        losses.append(-float(model.log_probabilities(tokens[:, :-1], tokens[:, 1:]).mean()))
    assert losses[1] < losses[0] < math.log(V)
    assert losses[2] < losses[0]


def test_a_large_text_is_counted_and_scored_at_once() -> None:
    generator = np.random.default_rng(0)
    stream = (generator.zipf(1.3, 200_000) % 1000).astype(np.uint16)
    model = build(NgramConfig(vocabulary_size=1000, order=5))
    assert isinstance(model, Ngram)
    model.fit(stream)
    windows = torch.from_numpy(stream[: 129 * 100].astype(np.int64)).view(100, 129)
    assert torch.isfinite(model.log_probabilities(windows[:, :-1], windows[:, 1:])).all()


@pytest.mark.parametrize("damage", ["order", "range", "negative", "length", "type"])
def test_damaged_counts_are_refused(damage: str) -> None:
    tensors = {name: tensor.clone() for name, tensor in fitted(text_of(9), 3).state_dict().items()}
    match damage:
        case "order":
            tensors["keys_2"] = tensors["keys_2"].flip(0)
        case "range":
            tensors["keys_3"][-1] = 10**9
        case "negative":
            tensors["counts_2"][0] = -1
        case "length":
            tensors["counts_2"] = tensors["counts_2"][1:]
        case "type":
            tensors["counts_1"] = tensors["counts_1"].float()
    with pytest.raises(UserError, match="damaged"):
        load_tensors(build(NgramConfig(vocabulary_size=V, order=3)), tensors)
