"""Work that tells how far it is and returns what it has found, for those who only want what it has found."""

from collections.abc import Generator
from typing import TypeVar

Found = TypeVar("Found")


def outcome(work: Generator[object, None, Found]) -> Found:
    """Let the work go on to its end; what it returns."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            found: Found = end.value
            return found
