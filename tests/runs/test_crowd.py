"""However many watch a run, the answers a second stay the same."""

import random

import pytest

from llm_core.runs.live import Crowd


@pytest.mark.parametrize(("watchers", "alone"), [(1, 300), (30, 1000), (200, 300), (200, 2000), (400, 300)])
def test_a_crowd_gets_no_more_answers_than_allowed_and_a_few_as_many_as_they_ask(watchers: int, alone: int) -> None:
    crowd, dice = Crowd(most=100.0), random.Random(3)
    due = [dice.uniform(0, 2) for _ in range(watchers)]
    answered = []
    for _ in range(40 * watchers):
        now = min(due)
        answered.append(now)
        due[due.index(now)] = now + crowd.interval(alone, now) / 1000 + dice.uniform(0, 0.02)
    settled = [at for at in answered if at > answered[-1] / 2]
    rate = (len(settled) - 1) / (settled[-1] - settled[0])
    asked = watchers / (alone / 1000)
    assert rate <= min(asked, 100.0) * 1.02
    assert rate > min(asked, 100.0) * 0.8


def test_those_who_have_left_slow_nobody_down() -> None:
    crowd = Crowd(most=100.0)
    for _ in range(500):
        crowd.interval(300, 0.0)
    assert crowd.interval(300, 1.0) > 2000
    assert crowd.interval(300, 20.0) == 300
