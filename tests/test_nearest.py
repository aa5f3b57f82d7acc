"""The nearest numbers that work."""

from hypothesis import given
from hypothesis import strategies as st

from llm_core.nearest import below_and_above, divisors, largest, multiples


def test_the_nearest_on_either_side_leave_out_the_number_itself() -> None:
    assert below_and_above(5, [1, 2, 4, 8, 16]) == (4, 8)
    assert below_and_above(4, [1, 2, 4, 8]) == (2, 8)
    assert below_and_above(1, [4, 2]) == (2,)
    assert below_and_above(1, []) == ()


def test_divisors_stop_at_the_most() -> None:
    assert divisors(96, 16) == [1, 2, 3, 4, 6, 8, 12, 16]


@given(st.integers(1, 64), st.integers(1, 4096))
def test_the_nearest_multiples_are_multiples_with_none_between(of: int, near: int) -> None:
    found = multiples(of, near, 1, 10_000)
    assert all(number % of == 0 and number != near for number in found)
    between = [n for n in range(max(1, near - of), near + of + 1) if n % of == 0 and n != near]
    assert set(found) == {
        n for n in between if abs(n - near) <= of and (n > near or n == max(m for m in between if m < near))
    }


@given(st.integers(1, 50), st.integers(0, 60))
def test_the_largest_that_works_is_found(high: int, limit: int) -> None:
    works = [n for n in range(1, high + 1) if n <= limit]
    assert largest(1, high, lambda n: n <= limit) == (max(works) if works else None)
