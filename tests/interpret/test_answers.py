"""What heads answer in made-up patterns, against loops that follow the definition word by word."""

import random
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from llm_core.interpret.attention.answers import Measure, answer, prepare_batches, sums_by_text
from llm_core.interpret.attention.attention import Part
from llm_core.interpret.attention.questions import NO_UNIT, AskedText, Question
from llm_core.interpret.reading import Reading, Side

LAYERS, HEADS = 2, 3


@dataclass
class Made:
    """A text of units with several tokens each, control tokens between them, and questions about it."""

    text: AskedText
    pattern: Tensor  # (layers, heads, T, S)


def make(dice: random.Random, part: Part, seed: int) -> Made:
    units: list[int] = [NO_UNIT]
    for unit in range(dice.randint(4, 7)):
        units += [unit] * dice.randint(1, 3) + [NO_UNIT] * (dice.random() < 0.2)
    count = max(units) + 1
    length = len(units)
    asking = length if part != "cross" else dice.randint(5, 9)
    questions = []
    for _ in range(dice.randint(0, 5)):
        place = dice.randrange(1, count)
        candidates = [u for u in range(count) if (u < place if part == "decoder" else part == "cross" or u != place)]
        right = frozenset(dice.sample(candidates, dice.randint(1, min(2, len(candidates)))))
        positions = (
            tuple(at for at, unit in enumerate(units) if unit == place)
            if part != "cross"
            else tuple(dice.sample(range(asking), 2))
        )
        questions.append(Question(positions, place, right))
    scores = torch.randn(LAYERS, HEADS, asking, length, generator=torch.Generator().manual_seed(seed)) * 2
    if part == "decoder":
        scores = scores.masked_fill(~torch.ones(asking, length, dtype=torch.bool).tril(), -torch.inf)
    side = Side((1,) * asking, ("",) * asking, ((0, 0),) * asking)
    source = Side((1,) * length, ("",) * length, ((0, 0),) * length) if part == "cross" else None
    asked = AskedText(Reading(side, source, 0), {part: tuple(units)}, {part: {"subject": tuple(questions)}})
    return Made(asked, scores.softmax(-1))


def by_hand(made: Made, part: Part, question: Question, layer: int, head: int, measure: Measure) -> float:
    """One head's answer to one question, token by token."""
    pattern, units = made.pattern[layer, head], made.text.units[part]
    attention: dict[int, float] = {}
    for token, unit in enumerate(units):
        if unit == NO_UNIT:
            continue
        mean = sum(float(pattern[position, token]) for position in question.positions) / len(question.positions)
        attention[unit] = attention.get(unit, 0.0) + mean
    if measure == "share":
        return sum(attention[unit] for unit in question.right)
    if part != "cross":
        del attention[question.place]
    if part == "decoder":
        attention = {unit: value for unit, value in attention.items() if unit < question.place}
    return float(max(attention, key=lambda unit: attention[unit]) in question.right)


@pytest.mark.parametrize("part", ["decoder", "encoder", "cross"])
@pytest.mark.parametrize("measure", ["share", "accuracy"])
def test_answers_are_those_of_the_definition(part: Part, measure: Measure) -> None:
    dice = random.Random(11)
    texts = [make(dice, part, seed) for seed in range(24)]
    asked, total = 0, 0.0
    for prepared in prepare_batches([made.text for made in texts], heads=2000):
        chosen = [texts[at] for at in prepared.texts]
        tokens = prepared.batch.tokens
        assert tokens is not None
        keys = tokens if prepared.batch.source is None else prepared.batch.source.tokens
        assert keys is not None
        pattern = torch.full(
            (LAYERS, len(chosen), HEADS, tokens.shape[1], keys.shape[1]), 9.0
        )  # padding must not count
        for at, made in enumerate(chosen):
            pattern[:, at, :, : made.pattern.shape[2], : made.pattern.shape[3]] = made.pattern
        if part not in prepared.asked:
            assert not any(made.text.questions[part]["subject"] for made in chosen)
            continue
        questions = prepared.asked[part]["subject"]
        answers = answer(pattern, questions, measure)
        expected = torch.tensor(
            [
                [
                    [by_hand(made, part, question, layer, head, measure) for head in range(HEADS)]
                    for layer in range(LAYERS)
                ]
                for made in chosen
                for question in made.text.questions[part]["subject"]
            ]
        )
        assert torch.allclose(answers, expected, atol=1e-6)
        sums, counts = sums_by_text(answers, questions, len(chosen))
        assert counts.tolist() == [len(made.text.questions[part]["subject"]) for made in chosen]
        assert sums.sum(0) == pytest.approx(expected.sum(0).numpy(), abs=1e-4)
        asked += len(expected)
        total += float(expected.mean())
    assert asked > 30
    assert total > 0


def test_each_text_comes_once_and_like_lengths_come_together() -> None:
    dice = random.Random(2)
    texts = [make(dice, "decoder", seed).text for seed in range(30)]
    batches = list(prepare_batches(texts, heads=5000))
    assert len(batches) > 3
    assert sorted(at for prepared in batches for at in prepared.texts) == list(range(30))
    lengths = [prepared.batch.shape[1] for prepared in batches]
    assert lengths == sorted(lengths)
