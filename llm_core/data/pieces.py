"""Text of any length in pieces of bounded length, so that nothing has to be held whole."""

from collections.abc import Iterable, Iterator

PIECE = 1 << 16
"""Most characters in a piece."""


def cut(blocks: Iterable[str], most: int = PIECE) -> Iterator[str]:
    """Blocks that end anywhere become pieces of at most `most` characters, cut at line ends where there are any.

    Where the cuts fall depends on the text alone, not on the blocks.
    """
    held = ""
    for block in blocks:
        held += block
        start = 0
        while len(held) - start > most:
            stop = held.rfind("\n", start, start + most) + 1 or held.rfind(" ", start + 1, start + most)
            if stop <= start:
                stop = start + most
            yield held[start:stop]
            start = stop
        held = held[start:]
    if held:
        yield held
