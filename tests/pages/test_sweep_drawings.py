"""The pictures of a sweep that many watch: one thread draws, and not at every row that comes."""

import threading

from pages.ui.sweep.drawings import Drawings


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_what_grows_is_drawn_anew_after_ten_times_what_a_drawing_takes() -> None:
    clock, drawn = Clock(), []

    def draw() -> dict[str, object]:
        clock.now += 0.4
        drawn.append(clock.now)
        return {"version": len(drawn)}

    shown = Drawings(clock)

    def ask(seen: int, state: str = "running") -> object:
        return shown.get("sweep", state, seen, draw)["version"]

    assert [ask(1), ask(1), ask(2)] == [1, 1, 1]
    clock.now += 3.9
    assert ask(3) == 1
    clock.now += 0.2
    assert ask(3) == 2
    clock.now += 100
    assert ask(3) == 2, "nothing new has come"
    assert ask(4) == 3
    assert ask(4, "finished") == 4, "what is over is drawn at once: nobody asks again"
    assert shown.get("another", "running", 1, draw)["version"] == 5


def test_of_many_who_ask_at_once_one_draws_and_the_others_get_what_was_there() -> None:
    clock = Clock()
    shown = Drawings(clock)
    begun, go_on = threading.Event(), threading.Event()
    times = []

    def slowly() -> dict[str, object]:
        times.append(1)
        begun.set()
        assert go_on.wait(10)
        return {"version": "new"}

    first = [threading.Thread(target=lambda: got.append(shown.get("sweep", "running", 1, slowly))) for _ in range(8)]
    got: list[dict[str, object]] = []
    for thread in first:
        thread.start()
    assert begun.wait(10)
    go_on.set()
    for thread in first:
        thread.join(10)
    assert (len(times), got) == (1, [{"version": "new"}] * 8), "nothing was there: all wait for one drawing"

    begun.clear(), go_on.clear()
    one = threading.Thread(target=lambda: shown.get("sweep", "running", 2, slowly))
    one.start()
    assert begun.wait(10)
    assert shown.get("sweep", "running", 2, slowly) == {"version": "new"}, "while it is drawn, what was there is given"
    go_on.set()
    one.join(10)
    assert len(times) == 2


def test_a_drawing_that_fails_is_tried_again() -> None:
    shown = Drawings(Clock())

    def fail() -> dict[str, object]:
        raise ValueError

    for _time in range(2):
        try:
            shown.get("sweep", "running", 1, fail)
        except ValueError:
            continue
        raise AssertionError
    assert shown.get("sweep", "running", 1, lambda: {"version": 1}) == {"version": 1}
