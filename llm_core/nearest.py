"""The nearest numbers that work, for a setting that cannot have the one it was given."""

from collections.abc import Callable, Iterable


def below_and_above(value: float, allowed: Iterable[int]) -> tuple[int, ...]:
    """The nearest of these numbers on either side of a value, the smaller first; the value itself is left out."""
    numbers = set(allowed) - {value}
    below = [number for number in numbers if number < value]
    above = [number for number in numbers if number > value]
    return (*([max(below)] if below else []), *([min(above)] if above else []))


def divisors(number: int, most: int) -> list[int]:
    """The numbers up to `most` that divide a number."""
    return [divisor for divisor in range(1, min(number, most) + 1) if number % divisor == 0]


def multiples(of: int, near: int, low: int, high: int) -> tuple[int, ...]:
    """The nearest multiples of a number below and above another, within limits."""
    down = near // of * of
    return tuple(number for number in (down if down != near else near - of, down + of) if low <= number <= high)


def largest(low: int, high: int, works: Callable[[int], bool]) -> int | None:
    """The largest number from `low` to `high` that works, where all below it do as well; None where none does."""
    if low > high or not works(low):
        return None
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if works(middle) else (low, middle - 1)
    return low
