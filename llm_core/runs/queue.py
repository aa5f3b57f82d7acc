"""Who is next: fair turns among the people who wait, in the order of their asking for each of them. Plain data only.

A turn is so many slots (`llm_core.runs.slots`). Whoever has the fewest runs with a turn comes first, then who was served
the longest ago, then who has waited longest: so thirty people with a run each are served as they came, and one with
thirty runs never keeps another waiting for more than a turn.

Short runs answer somebody who sits before a page and waits; a training takes minutes or hours. They stand in a line of
their own with one place of its own beside the slots, so that no question waits for somebody's training to end. For a
while three workers then share two cores, each with less of them: that is cheaper than an hour's wait. What slots are left
when no training waits for them go to short runs as well.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

SHORT_KINDS = frozenset({"inquiry", "head_scores", "classify_file"})
SHORT_PLACES = 1
"""How many short runs have a turn beside the slots."""

Served = Mapping[tuple[str, bool], float]
"""When an owner was last given a turn, by owner and line; missing for one who never was."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A run in the queue: `at`, when it asked, and `threads`, how many slots it takes.

    `given`: since when it has its turn, None while it waits · `aside`: in a place beside the slots · `pid` and `started`
    name the process that works on it, or that waits with everything in its memory · `parent`: the run in whose folder it
    stands, None for one that stands by itself.
    """

    id: str
    owner: str
    at: float
    threads: int = 1
    short: bool = False
    given: float | None = None
    aside: bool = False
    pid: int | None = None
    started: float | None = None
    parent: str | None = None


def order(entries: Iterable[Entry], served: Served, *, short: bool) -> list[Entry]:
    """Those that wait in one of the two lines, who is next first."""
    line = [entry for entry in entries if entry.short == short]
    waiting: dict[str, list[Entry]] = {}
    for entry in sorted(line, key=lambda entry: (entry.at, entry.id)):
        if entry.given is None:
            waiting.setdefault(entry.owner, []).append(entry)
    turns = Counter(entry.owner for entry in line if entry.given is not None)
    last = {owner: served.get((owner, short), 0.0) for owner in waiting}
    now = max(last.values(), default=0.0)
    ordered = []
    while waiting:
        owner = min(waiting, key=lambda one: (turns[one], last[one], waiting[one][0].at, waiting[one][0].id))
        ordered.append(waiting[owner].pop(0))
        turns[owner] += 1
        now += 1.0
        last[owner] = now
        if not waiting[owner]:
            del waiting[owner]
    return ordered


def places(entries: Iterable[Entry], served: Served) -> dict[str, tuple[int, int]]:
    """Which place each run that waits has in its line, 1 for the next, and how many wait in it."""
    entries = list(entries)
    found: dict[str, tuple[int, int]] = {}
    for short in (False, True):
        line = order(entries, served, short=short)
        found |= {entry.id: (number, len(line)) for number, entry in enumerate(line, 1)}
    return found


def next_turns(
    entries: Iterable[Entry], served: Served, slots: int, most: Callable[[str], int | None] = lambda owner: None
) -> list[Entry]:
    """Those that get their turn now, in order, each with the place it gets. `most`: how many trainings of an owner may
    have a turn at the same time, None for any number."""
    entries = list(entries)
    given = [entry for entry in entries if entry.given is not None]
    free = slots - sum(min(entry.threads, slots) for entry in given if not entry.aside)
    beside = SHORT_PLACES - sum(entry.aside for entry in given)
    short = order(entries, served, short=True)
    chosen = [replace(entry, aside=True) for entry in short[: max(0, beside)]]
    turns = Counter(entry.owner for entry in given if not entry.short)
    for entry in order(entries, served, short=False):
        limit = most(entry.owner)
        if limit is not None and turns[entry.owner] >= limit:
            continue
        needed = min(entry.threads, slots)
        if needed > free:
            return chosen  # nobody behind overtakes it, or one that takes many slots would never begin
        chosen.append(entry)
        turns[entry.owner] += 1
        free -= needed
    for entry in short[max(0, beside) :]:
        needed = min(entry.threads, slots)
        if needed > free:
            break
        chosen.append(entry)
        free -= needed
    return chosen
