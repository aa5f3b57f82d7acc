"""What a network reads of a text that is longer than its context: the beginning, head and tail, or windows.

Knows places of tokens alone, so that it serves every tokenizer and every network.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

LongTexts = Literal["truncate", "window", "head_tail"]

MOST_WINDOWS = 8
"""A text of a million characters costs at most as much as so many texts that just fit."""
_HEAD = 0.25
"""Of what fits, the share that is read from the beginning: 128 of 510 tokens in Sun et al. 2019."""
_OVERLAP = 0.25


def parts(length: int, room: int, long_texts: LongTexts) -> list[NDArray[np.int64]]:
    """The places of the tokens that are read, one array for each pass of the network; together one for a text that fits.

    truncate: the first `room` tokens. head_tail: a quarter of the room from the beginning and the rest from the end,
    where reviews draw their conclusion (Sun et al. 2019, "How to fine-tune BERT for text classification", 5.3.1).
    window: passes of `room` tokens each, of which neighbours share a quarter; where more than MOST_WINDOWS were needed,
    that many stand evenly over the text with gaps between them. What the network says of each is averaged.

    room: tokens that fit, at least 1.
    """
    if length <= room:
        return [np.arange(length)]
    if long_texts == "truncate":
        return [np.arange(room)]
    if long_texts == "head_tail":
        head = min(max(1, round(room * _HEAD)), room)
        return [np.concatenate([np.arange(head), np.arange(length - (room - head), length)])]
    stride = max(1, round(room * (1 - _OVERLAP)))
    count = min(MOST_WINDOWS, 1 + -(-(length - room) // stride))
    starts = np.linspace(0, length - room, count).round().astype(np.int64)
    return [np.arange(start, start + room) for start in starts]


def longer_than(lengths: Sequence[int], room: int) -> int:
    """How many texts have more tokens than fit: where it is 0, the choice changes nothing."""
    return sum(length > room for length in lengths)
