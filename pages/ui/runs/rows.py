"""What the table of runs shows for a search, a filter and an order: one page of rows, and what is counted beside them."""

import os
import threading
from collections import Counter, OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, get_args

from llm_core.errors import UserError
from llm_core.runs import disk
from llm_core.runs.files import size_of
from llm_core.runs.listing import Summary, summary_of, text_searched
from llm_core.runs.names import CHILDREN
from llm_core.runs.owners import is_teacher
from llm_core.runs.run import children_of, open_run
from llm_core.runs.store import Store
from pages.ui.subject import BUNDLED_NAMES
from pages.ui.text import explain_in, translate

ROWS = 50
LONGEST_SEARCH = 200
Order = Literal["created", "name", "state", "step", "loss", "size"]
ORDERS: dict[str, Order] = {order: order for order in get_args(Order)}
MOST_CHILDREN = 200
_MOST_TAGS = 40
_LATER = 0.3
"""Seconds until all runs are looked at, so that this does not slow down the first rows."""


@dataclass(frozen=True)
class Query:
    """What is asked for. `owner`: only the runs of this one, empty for everybody's; `page` counts from 0."""

    search: str = ""
    kind: str = ""
    state: str = ""
    tag: str = ""
    owner: str = ""
    order: Order = "created"
    down: bool = True
    page: int = 0

    @property
    def is_plain(self) -> bool:
        """Whether it can be answered from what never changes of the runs."""
        return not (self.search or self.state or self.tag) and self.order == "created" and self.down


def rows(store: Store, query: Query, asker: str, language: str) -> dict[str, Any]:
    """One page of the table, for who asks, in a language."""
    if not store.listing.looked and query.is_plain:
        return _first_rows(store, query, asker, language)
    seen = store.listing.summaries()
    measuring = disk.measure_apart(store)
    everything = (*seen, *bundled(store))
    found = _ordered(store, seen, everything, query, language)
    reply = _reply(store, found[_part(query)], len(found), query, asker, language)
    tags = Counter(tag for one in everything for tag in one.tags)
    return reply | {
        "all": len(everything),
        "kinds": dict(Counter(one.fixed.kind for one in everything)),
        "states": dict(Counter(_state(one) for one in everything)),
        "tags": [tag for tag, _count in tags.most_common(_MOST_TAGS)],
        "measuring": measuring,
    }


def _first_rows(store: Store, query: Query, asker: str, language: str) -> dict[str, Any]:
    """The same at once, by a server that has not looked at all runs yet; meanwhile it does."""
    fixed = [one for one in store.listing.fixed() if query.kind in ("", one.kind) and query.owner in ("", one.owner)]
    with_program = [one for one in bundled(store) if query.kind in ("", one.fixed.kind) and not query.owner]
    shown = _part(query)
    own = store.listing.rows(fixed[shown])
    following = with_program[max(0, shown.start - len(fixed)) :][: ROWS - len(own)]
    reply = _reply(store, [*own, *following], len(fixed) + len(with_program), query, asker, language)
    look = threading.Timer(_LATER, store.listing.summaries)
    look.daemon = True
    look.start()
    kinds = Counter(one.kind for one in fixed) + Counter(one.fixed.kind for one in with_program)
    return reply | {"all": len(fixed) + len(with_program), "kinds": dict(kinds), "states": {}, "tags": [], "measuring": True}  # fmt: skip


def children(store: Store, parent: str, asker: str, language: str) -> dict[str, Any]:
    """The rows of the runs that belong to another. Raises UserError when there is no such run."""
    found = [summary_of(child) for child in children_of(store.find(parent))[:MOST_CHILDREN]]
    return _reply(store, found, len(found), Query(), asker, language)


def only(store: Store, references: Sequence[str], asker: str, language: str) -> dict[str, Any]:
    """The rows of these runs, of which one that is not there is left out."""
    found = []
    for reference in references[:MOST_CHILDREN]:
        with suppress(UserError):
            found.append(summary_of(store.find(reference)))
    return _reply(store, found, len(found), Query(), asker, language)


def bundled(store: Store) -> list[Summary]:
    """The rows of what comes with the program, the models that tell stories first."""
    models = sorted(store.bundled(), key=lambda run: not run.id.startswith("stories-"))
    return [summary_of(run) for run in (*models, *store.bundled_races())]


_kept: "OrderedDict[tuple[int, Query, str], tuple[Sequence[Summary], list[Summary]]]" = OrderedDict()
_lock = threading.Lock()


def _ordered(
    store: Store, seen: Sequence[Summary], everything: Sequence[Summary], query: Query, language: str
) -> list[Summary]:
    """All that fit the query, in order. Many tabs ask the same: kept as long as nobody has looked anew."""
    plain = Query(query.search, query.kind, query.state, query.tag, query.owner, query.order, query.down)
    key = id(seen), plain, language
    with _lock:
        if key in _kept and _kept[key][0] is seen and query.order != "size":
            return _kept[key][1]
    words = query.search.casefold().split()
    found = [one for one in everything if _fits(one, query, words, language)]
    found.sort(key=lambda one: _place(store, one, query.order, query.down, language))
    with _lock:
        _kept[key] = seen, found
        while len(_kept) > 16:
            _kept.popitem(last=False)
    return found


def _fits(one: Summary, query: Query, words: Sequence[str], language: str) -> bool:
    if query.kind not in ("", one.fixed.kind) or query.state not in ("", _state(one)):
        return False
    if query.owner and (one.read_only or one.fixed.owner != query.owner):
        return False
    if query.tag and query.tag not in one.tags:
        return False
    if not words:
        return True
    text = text_searched(one, (shown_name(one, language),) if one.read_only else ())
    return all(word in text for word in words)


def _place(store: Store, one: Summary, order: Order, down: bool, language: str) -> tuple[Any, ...]:
    """What a row is sorted by: what comes with the program behind what people made, what is not known last."""
    if order == "name":
        name = shown_name(one, language).casefold()
        return (tuple(-ord(sign) for sign in name) if down else name, one.id)
    if order == "state":
        state = _state(one)
        return (tuple(-ord(sign) for sign in state) if down else state, -one.fixed.created)
    if order == "created":
        return (one.read_only, 0 if one.read_only else -one.fixed.created if down else one.fixed.created)
    size = size_of(one.folder) if one.read_only else store.listing.size(one)
    value = {"step": one.status.step, "loss": one.loss, "size": size}[order]
    return (value is None, 0 if value is None else -value if down else value, one.id)


def _part(query: Query) -> slice:
    return slice(query.page * ROWS, (query.page + 1) * ROWS)


def _reply(
    store: Store, shown: Sequence[Summary], total: int, query: Query, asker: str, language: str
) -> dict[str, Any]:
    rows = [_row(store, one, asker, language) for one in shown]
    moving = any(one.status.under_way for one in shown)
    return {
        "rows": rows, "total": total, "page": query.page, "pages": max(1, -(-total // ROWS)),
        "poll_milliseconds": 1500 if moving else 5000,
    }  # fmt: skip


def _row(store: Store, one: Summary, asker: str, language: str) -> dict[str, Any]:
    status, fixed = one.status, one.fixed
    folder = one.folder
    place = store.queue.place(one.id) if status.state == "waiting" else None
    problem = _problem(folder, store.corpora, _stamp(folder / "run.json"))
    owner = "" if one.read_only else fixed.owner
    return {
        "run": one.id, "name": shown_name(one, language), "kind": fixed.kind, "recipe": fixed.recipe,
        "corpus": fixed.corpus, "owner": owner, "own": owner == asker, "created": fixed.created,
        "state": _state(one), "place": place[0] if place else None, "step": status.step, "steps": status.steps, "loss": one.loss, "tags": one.tags,
        "size": size_of(folder) if one.read_only or folder.parent.name == CHILDREN else store.listing.size(one),
        "children": _count_children(folder), "bundled": one.read_only,
        "may_change": not one.read_only and os.access(folder, os.W_OK) and (owner == asker or is_teacher(asker)),
        "problem": explain_in(problem, language) if problem is not None else None,
    }  # fmt: skip


@lru_cache(8192)
def _problem(folder: Path, corpora: Path, stamp: tuple[int, int]) -> UserError | None:
    """Why a run cannot be opened. To check its settings takes a while, and they stay as they are: done once for a file."""
    return open_run(folder, corpora).problem


def _stamp(file: Path) -> tuple[int, int]:
    try:
        found = file.stat()
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size


def _count_children(folder: Path) -> int:
    try:
        return sum(1 for child in (folder / CHILDREN).iterdir() if not child.name.startswith("."))
    except OSError:
        return 0


def _state(one: Summary) -> str:
    return "failed" if one.fixed.broken else one.status.state


def shown_name(one: Summary, language: str) -> str:
    """What a run is called: one that comes along in the language of the reader, any other as it was named."""
    return translate(one.name, language) if one.read_only and one.name in BUNDLED_NAMES else one.name


def all_rows(store: Store, query: Query, language: str) -> list[Summary]:
    """All that fit a query, in its order."""
    seen = store.listing.summaries()
    return _ordered(store, seen, (*seen, *bundled(store)), query, language)
