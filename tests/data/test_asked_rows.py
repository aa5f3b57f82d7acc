"""Rows of texts of which something is asked: each text with its own targets, filled up, once an epoch."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_core.data.asked_batches import Asked, AskedRows, held_out_asked

Sizes = list[tuple[int, int]]
sizes_of_texts = st.lists(st.tuples(st.integers(1, 6), st.integers(2, 20)), min_size=1, max_size=40)


def stream(asked: str, sizes: Sizes) -> np.ndarray:
    """Texts of these sizes (question, text). All tokens of text n are 2 n, of its question 2 n - 1, and its targets can be
    told from n: class n, tags n and not asked by turns, an answer from the first to the n-th token or to the last."""
    parts: list[list[int]] = []
    for n, (question, text) in enumerate(sizes, 1):
        words = [0, *[2 * n] * text]
        if asked == "labelled":
            parts.append([*words, 0, n + 1])
        elif asked == "tagged":
            parts.append([*words, 0, *[n + 2 if place % 2 == 0 else 1 for place in range(text)]])
        else:
            parts.append([0, *[2 * n - 1] * question, *words, 0, 1, min(n, text)])
    return np.concatenate([np.array(part, dtype=np.uint16) for part in parts])


def told(asked: str, rows: Asked, sizes: Sizes) -> list[int]:
    """Which texts the rows hold; everything about a row's form is checked."""
    found = []
    assert {part.dtype for part in rows} == {torch.int64}
    for inputs, length, segments, target in zip(*(part.tolist() for part in rows), strict=True):
        n = (inputs[length - 1]) // 2
        question, text = sizes[n - 1]
        before = question + 1 if asked == "questions" else 0
        whole = [*([0, *[2 * n - 1] * question] if before else []), 0, *[2 * n] * text]
        assert inputs == whole + [0] * (len(inputs) - length)
        assert length == len(whole)
        if asked == "labelled":
            assert target == n
            assert not any(segments)
        elif asked == "tagged":
            tags = [n if place % 2 == 0 else -1 for place in range(text)]
            assert target == [-1, *tags] + [-1] * (len(inputs) - length)
        else:
            assert segments[:length] == [0] * (before + 1) + [1] * text
            first, last = target
            assert inputs[first : last + 1] == [2 * n] * min(n, text)
            assert first == before + 1
        found.append(n)
    return found


@pytest.mark.parametrize("asked", ["labelled", "tagged", "questions"])
@given(sizes=sizes_of_texts, batch_size=st.integers(1, 9), seed=st.integers(0, 99))
@settings(max_examples=40)
def test_an_epoch_has_every_text_with_its_own_targets(asked: str, sizes: Sizes, batch_size: int, seed: int) -> None:
    rows = AskedRows(stream(asked, sizes), asked, batch_size, seed)  # type: ignore[arg-type]
    found: list[int] = []
    while rows.epoch < 1:
        found += told(asked, rows.next(), sizes)
    assert len(set(found)) == len(found) > len(sizes) - batch_size


@pytest.mark.parametrize("asked", ["labelled", "tagged", "questions"])
def test_held_out_texts_come_once_and_a_limit_counts_what_is_read(asked: str) -> None:
    sizes = [(1 + n % 4, 2 + n % 11) for n in range(50)]
    tokens = stream(asked, sizes)
    found = [n for rows in held_out_asked(tokens, asked, 8, None) for n in told(asked, rows, sizes)]  # type: ignore[arg-type]
    assert sorted(found) == list(range(1, 51))
    some = list(held_out_asked(tokens, asked, 8, 120))  # type: ignore[arg-type]
    assert 60 < sum(int(rows.lengths.sum()) for rows in some) <= 120


def test_rows_go_on_exactly_where_they_stood() -> None:
    tokens = stream("questions", [(1 + n % 4, 2 + n % 11) for n in range(50)])
    rows, other = AskedRows(tokens, "questions", 4, 3), AskedRows(tokens, "questions", 4, 3)
    for _ in range(17):
        rows.next()
    other.restore(rows.state())
    for _ in range(15):
        assert all(torch.equal(one, same) for one, same in zip(rows.next(), other.next(), strict=True))
