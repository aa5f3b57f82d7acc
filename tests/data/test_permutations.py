"""A random order predicts one token in six, each time others, and never a control token."""

import numpy as np

from llm_core.data.permutations import Permuter
from llm_core.data.tokenizers import train_tokenizer

PERMUTER = Permuter(train_tokenizer("word", 300, ["a b c d e f g h"] * 3, mask_token=True))


def test_the_last_sixth_of_a_random_order_is_predicted() -> None:
    own = PERMUTER.tokenizer.encode(" a b c d e f g h" * 3)
    ids = np.array([0, *own, 0, *own[:12], PERMUTER.tokenizer.mask])
    random = np.random.default_rng(0)
    times = np.zeros(len(ids))
    firsts = np.zeros(len(ids))
    for _ in range(2000):
        order = PERMUTER.order(ids, random)
        count = round((len(own) + 12) / 6)
        assert sorted(order[order > 0].tolist()) == list(range(1, count + 1))
        times += order > 0
        firsts += order == 1
    assert times[[0, len(own) + 1, -1]].tolist() == [0, 0, 0]
    others = np.delete(times, [0, len(own) + 1, len(ids) - 1])
    assert abs(others / 2000 - 1 / 6).max() < 0.04
    assert abs(np.delete(firsts, [0, len(own) + 1, len(ids) - 1]) / 2000 - 1 / len(others)).max() < 0.02


def test_a_short_row_predicts_one_and_an_empty_one_none() -> None:
    random = np.random.default_rng(0)
    token = PERMUTER.tokenizer.encode(" a")[0]
    assert sorted(PERMUTER.order(np.array([0, token, token]), random).tolist()) == [0, 0, 1]
    assert PERMUTER.order(np.array([0]), random).tolist() == [0]
