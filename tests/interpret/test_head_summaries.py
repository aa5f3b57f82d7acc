"""Summaries of heads against counts by hand and by loops over every position."""

import math

import numpy as np
import pytest
import torch

from llm_core.interpret.attention.attention import Attention, Part, Seen, see, see_patterns
from llm_core.interpret.attention.head_summaries import KINDS, summarize, summarize_texts
from llm_core.interpret.reading import Reading
from llm_core.models.base import Batch
from tests.interpret.opened import model_of, reading_of, side_of

SEPARATORS = {0, 1}


def seen_of(part: Part, ids: tuple[int, ...], pattern: list[list[float]]) -> Seen:
    """One head that looks as the pattern (T, T) says."""
    array = np.array(pattern, dtype=np.float32)[None, None]
    nothing = np.zeros((1, 1, len(ids), 1), dtype=np.float32)
    side = side_of(*ids)
    attention = Attention(part, side.tokens, side.tokens, array, array, nothing, nothing, nothing, nothing)
    return Seen(Reading(side, None, 0), {part: attention}, nothing[0, 0])


def test_a_causal_pattern_counted_by_hand() -> None:
    pattern = [[1, 0, 0, 0], [0.5, 0.5, 0, 0], [0.25, 0.25, 0.5, 0], [0, 1, 0, 0]]
    summaries = summarize(seen_of("decoder", (0, 5, 1, 6), pattern), SEPARATORS)["decoder"]
    expected = {
        "entropy": (math.log(2) + 1.5 * math.log(2) + 0) / 3,
        "distance": (0.5 + (0.5 + 0.25) + 2) / 3,
        "first": (0.5 + 0.25 + 0) / 3,
        "previous": (0.5 + 0.25 + 0) / 3,
        "next": 0.0,
        "same": (0.5 + 0.5 + 0) / 3,
        "separator": (0.5 + (0.25 + 0.5) + 0) / 3,
    }
    assert {name: float(value[0, 0]) for name, value in summaries.named().items()} == pytest.approx(expected, abs=1e-6)


def test_an_encoder_counts_every_position_that_has_such_a_neighbour() -> None:
    pattern = [[0.2, 0.8, 0], [0.1, 0.3, 0.6], [0, 0.9, 0.1]]
    summaries = summarize(seen_of("encoder", (0, 5, 1), pattern), SEPARATORS)["encoder"].named()
    assert float(summaries["next"][0, 0]) == pytest.approx((0.8 + 0.6) / 2)
    assert float(summaries["previous"][0, 0]) == pytest.approx((0.1 + 0.9) / 2)
    assert float(summaries["same"][0, 0]) == pytest.approx((0.2 + 0.3 + 0.1) / 3)
    assert float(summaries["first"][0, 0]) == pytest.approx((0.2 + 0.1 + 0) / 3)
    assert float(summaries["separator"][0, 0]) == pytest.approx((0.2 + 0.7 + 0.1) / 3)
    assert float(summaries["distance"][0, 0]) == pytest.approx((0.8 + 0.7 + 0.9) / 3)


def test_a_causal_text_of_one_token_says_nothing() -> None:
    summaries = summarize(seen_of("decoder", (0,), [[1]]), SEPARATORS)["decoder"]
    assert all(np.isnan(value).all() for value in summaries.named().values())


@pytest.mark.parametrize("architecture", ["decoder", "encoder", "encoder_decoder"])
def test_every_text_of_a_padded_batch_is_counted_as_if_alone(architecture: str) -> None:
    model = model_of(architecture=architecture)
    reading = reading_of(model)
    other = Reading(side_of(0, 8, 2), None if reading.source is None else side_of(9, 1, 6, 6, 0), 0)
    batch = padded(reading, other)
    together = summarize_texts(see_patterns(model, batch), batch, SEPARATORS)
    for row, alone in enumerate((reading, other)):
        seen = see(model, alone)
        for part, summaries in summarize(seen, SEPARATORS).items():
            assert set(summaries.named()) == set(together[part].named())
            for name, value in summaries.named().items():
                assert value.shape == (2, 4)
                np.testing.assert_allclose(together[part].named()[name][:, row], value, atol=1e-5)
                np.testing.assert_allclose(value, counted(seen, part, name), atol=1e-5)


def padded(*readings: Reading) -> Batch:
    def fill(rows: list[tuple[int, ...]]) -> Batch:
        longest = max(map(len, rows))
        return Batch(
            torch.tensor([[*row, *[0] * (longest - len(row))] for row in rows]), torch.tensor([*map(len, rows)])
        )

    texts = fill([reading.text.ids for reading in readings])
    sources = [reading.source.ids for reading in readings if reading.source is not None]
    return Batch(texts.tokens, texts.lengths, source=fill(sources) if sources else None)


def counted(seen: Seen, part: Part, name: str) -> np.ndarray:
    """A summary (layers, heads) by loops over positions."""
    attention, reading = seen.parts[part], seen.reading
    source = reading.source or reading.text
    keys = reading.text.ids if part == "decoder" else source.ids
    layers, heads, rows, columns = attention.pattern.shape
    result = np.zeros((layers, heads))
    for layer in range(layers):
        for head in range(heads):
            pattern = attention.pattern[layer, head].astype(float)
            values = []
            for i in range(1 if part == "decoder" else 0, rows):
                if (name == "previous" and i == 0) or (name == "next" and i == columns - 1):
                    continue
                values.append(
                    {
                        "entropy": lambda p, i: -sum(x * math.log(x) for x in p if x > 0),
                        "distance": lambda p, i: sum(x * abs(i - j) for j, x in enumerate(p)),
                        "first": lambda p, i: p[0],
                        "previous": lambda p, i: p[i - 1],
                        "next": lambda p, i: p[i + 1],
                        "same": lambda p, i: p[i],
                        "separator": lambda p, i: sum(x for j, x in enumerate(p) if keys[j] in SEPARATORS),
                    }[name](pattern[i], i)
                )
            result[layer, head] = sum(values) / len(values)
    return result


def test_the_cross_attention_compares_no_places() -> None:
    model = model_of(architecture="encoder_decoder")
    found = summarize(see(model, reading_of(model)), SEPARATORS)
    assert set(found["cross"].named()) == {"entropy", "first", "separator"}
    assert set(found["encoder"].named()) == set(found["decoder"].named()) == set(KINDS)
