"""Texts side by side are filled up, and each keeps its length."""

import torch
from torch.nn.utils.rnn import pad_sequence

from llm_core.interpret.padding import padded, together

ROWS = [(3, 7, 5), (9,), (), (2, 4)]


def test_short_rows_are_filled_up_as_torch_does() -> None:
    tensors = [torch.tensor(row, dtype=torch.int64) for row in ROWS]
    assert torch.equal(padded(ROWS), pad_sequence(tensors, batch_first=True))
    assert torch.equal(padded(ROWS, -100), pad_sequence(tensors, batch_first=True, padding_value=-100))
    assert padded([(), ()]).dtype == torch.int64, "no tokens are token ids, too"


def test_each_text_keeps_its_length_and_its_source() -> None:
    batch = together(ROWS)
    assert batch.source is None
    assert batch.real is not None
    assert batch.tokens is not None
    assert [batch.tokens[at][batch.real[at]].tolist() for at in range(len(ROWS))] == [list(row) for row in ROWS]
    crossed = together(ROWS[:2], [[1], [6, 8]])
    assert crossed.source is not None
    assert crossed.source.lengths is not None
    assert crossed.source.tokens is not None
    assert crossed.source.tokens.tolist() == [[1, 0], [6, 8]]
    assert crossed.source.lengths.tolist() == [1, 2]
