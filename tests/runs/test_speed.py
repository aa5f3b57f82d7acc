"""What was measured of a machine becomes prices of work, and a file that is not trusted."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from llm_core.models.work import Work
from llm_core.runs import speed
from llm_core.runs.speed import FILE, Part, Point, Speed, add_points, read_speed, write_speed

PRICES = (2e-11, 3e-10, 1e-5)
KIND = "decoder next_token"


def costs(work: Work) -> float:
    return PRICES[0] * work.operations + PRICES[1] * work.numbers + PRICES[2] * work.calls


def point(work: Work, seconds: float, part: Part = "step", kind: str = KIND, run: str = "", threads: int = 1) -> Point:
    return Point(part, kind, threads, work, seconds, run)


WORKS = [
    Work(1e9, 1e7, 300), Work(1e10, 4e7, 300), Work(2e9, 1e8, 900), Work(5e8, 5e6, 2000), Work(4e9, 4e7, 500),
]  # fmt: skip
KNOWN = Speed(tuple(point(work, costs(work)) for work in WORKS), {"count": 1e-6}, 400_000_000, measured=True)


def test_the_prices_that_made_the_figures_are_found_again() -> None:
    for work in (Work(3e9, 3e7, 400), Work(2e10, 2e8, 1500), Work(1e8, 1e6, 100)):
        assert KNOWN.seconds("step", KIND, work, 1) == pytest.approx(costs(work), rel=0.01)


def test_a_price_is_never_negative() -> None:
    points = tuple(point(work, 1e-4 * work.calls) for work in WORKS)
    assert all(price >= 0 for price in speed._prices("step", points))
    found = Speed(points, measured=True).seconds("step", KIND, Work(1e12, 1e3, 100), 1)
    assert found == pytest.approx(1e-2, rel=0.3)


def test_what_a_finished_run_took_counts_for_runs_like_it_and_not_for_others() -> None:
    like, far = Work(4e9, 4e7, 500), Work(4e12, 4e10, 500_000)
    slow = Speed((*KNOWN.points, point(like, 1.6 * costs(like), run="a" * 16)), measured=True)
    assert slow.seconds("step", KIND, like, 1) > 1.2 * KNOWN.seconds("step", KIND, like, 1)
    assert slow.seconds("step", KIND, far, 1) == pytest.approx(KNOWN.seconds("step", KIND, far, 1), rel=0.35)
    assert slow.doubt(KIND, like, 1) < slow.doubt(KIND, far, 1)


def test_other_numbers_of_threads_are_kept_apart_where_both_are_known() -> None:
    two = tuple(point(work, costs(work) / 2, threads=2) for work in WORKS)
    both = Speed((*KNOWN.points, *two), measured=True)
    work = Work(3e9, 3e7, 400)
    assert both.seconds("step", KIND, work, 2) == pytest.approx(costs(work) / 2, rel=0.01)
    assert both.seconds("step", KIND, work, 1) == pytest.approx(costs(work), rel=0.01)


def test_devices_are_kept_apart_and_without_a_name_the_usual_one_counts() -> None:
    fast = tuple(replace(each, seconds=each.seconds / 50, device="cuda") for each in KNOWN.points)
    both = Speed((*KNOWN.points, *fast), measured=True, device="cuda")
    work = Work(3e9, 3e7, 400)
    for name in ("auto", "cuda"):
        assert both.on(name).seconds("step", KIND, work, 1) == pytest.approx(costs(work) / 50, rel=0.01)
    assert both.on("cpu").seconds("step", KIND, work, 1) == pytest.approx(costs(work), rel=0.01)
    assert both.on("cuda").measured
    elsewhere = both.on("mps")
    assert not elsewhere.measured
    assert elsewhere.doubt(KIND, work, 1) == 1.0


def test_a_machine_that_was_not_measured_gives_a_guess_in_doubt() -> None:
    assert Speed().seconds("step", KIND, WORKS[0], 1) > 0
    assert Speed().doubt(KIND, WORKS[0], 1) == 1.0


def test_what_is_written_comes_back_and_runs_are_remembered_up_to_a_number(tmp_path: Path) -> None:
    assert not read_speed(tmp_path).measured
    add_points(tmp_path, [point(WORKS[0], 1.0, run="0" * 16)])
    assert list(tmp_path.iterdir()) == []  # nothing is known that it could be added to
    write_speed(tmp_path, KNOWN)
    assert read_speed(tmp_path) == KNOWN
    for number in range(speed.MOST_RUNS + 5):
        add_points(tmp_path, [point(WORKS[0], 1.0 + number, run=f"{number:016x}")])
    add_points(tmp_path, [point(WORKS[0], 0.5, run=f"{speed.MOST_RUNS:016x}")])
    runs = [each for each in read_speed(tmp_path).points if each.run]
    assert len(runs) <= speed.MOST_RUNS + 1
    assert len({each.run for each in runs}) == len(runs)
    assert runs[-1].seconds == 0.5
    assert len([each for each in read_speed(tmp_path).points if not each.run]) == len(WORKS)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda values: values["machine"].update(cores=999),
        lambda values: values["machine"].update(torch="0.1"),
        lambda values: values.update(format=99),
        lambda values: values["points"].append({"part": "x"}),
        lambda values: values["points"][0].update(seconds=-1),
        lambda values: values["points"][0].update(work=[1, 2]),
        lambda values: values.update(points=3),
        lambda values: values.pop("resident"),
    ],
)
def test_a_file_of_another_machine_or_a_broken_one_says_nothing(tmp_path: Path, spoil) -> None:  # type: ignore[no-untyped-def]
    write_speed(tmp_path, KNOWN)
    values = json.loads((tmp_path / FILE).read_text())
    spoil(values)
    (tmp_path / FILE).write_text(json.dumps(values))
    assert read_speed(tmp_path) == Speed()
    (tmp_path / FILE).write_text("{")
    assert read_speed(tmp_path) == Speed()
