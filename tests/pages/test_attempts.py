"""Wrong codes are counted for each address, and soon no more are heard from there."""

from pages.ui.classroom.attempts import MOST, SECONDS, Attempts


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_after_so_many_wrong_codes_an_address_waits_and_others_do_not() -> None:
    clock = Clock()
    attempts = Attempts(clock)
    for number in range(MOST):
        assert attempts.wait("192.168.1.5") == 0
        clock.now = number
        attempts.note("192.168.1.5")
    assert attempts.wait("192.168.1.5") == SECONDS - clock.now
    assert attempts.wait("192.168.1.6") == 0
    clock.now = SECONDS
    assert attempts.wait("192.168.1.5") == 0
    attempts.note("192.168.1.5")
    assert attempts.wait("192.168.1.5") == 1


def test_a_computer_gains_nothing_by_the_many_addresses_that_ipv6_gives_it() -> None:
    attempts = Attempts(Clock())
    for number in range(MOST):
        attempts.note(f"fe80:0:0:7::{number:x}%eth0")
    assert attempts.wait("fe80:0:0:7:ffff::1") > 0
    assert attempts.wait("fe80:0:0:8::1") == 0
    for _ in range(MOST):
        attempts.note("::ffff:10.0.0.1")
    assert attempts.wait("10.0.0.1") > 0
    assert attempts.wait("::ffff:10.0.0.2") == 0


def test_whoever_has_no_address_is_counted_too() -> None:
    attempts = Attempts(Clock())
    for _ in range(MOST):
        attempts.note(None)
    assert attempts.wait(None) > 0


def test_memory_is_bounded_however_many_addresses_try() -> None:
    attempts = Attempts(Clock())
    for number in range(20_000):
        attempts.note(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    assert len(attempts._wrong) == 10_000
