"""What a page that watches a race fetches again and again: its new rows, and how it stands."""

from typing import Any

from llm_core.runs import history
from llm_core.runs.live import poll_milliseconds
from llm_core.runs.raced import open_race
from llm_core.runs.store import Store

SHOWN = ("family", "progress", "fold", "result")
"""The kinds of rows that make lanes."""


def watch(store: Store, reference: str, offset: int = 0) -> dict[str, Any]:
    """How a race stands, and its rows after a byte offset, with offset 0 all of them.

    `lanes` in the order of the race; each row names its lane · `next` the offset for the next time · `reset`: the reader must forget what it
    holds · `poll_milliseconds`: when to ask again, None for a race that is over for good · `message`: an English template with its values, or None. Raises UserError when there is no such race.
    """
    run = store.find(reference)
    settings = open_race(run).settings
    status = run.status()
    rows, following = history.read(run.folder, max(0, offset))
    reset = offset <= 0 or following < offset
    if following < offset:
        rows, following = history.read(run.folder, 0)
    return {
        "run": run.id,
        "state": status.state,
        "lively": status.under_way,
        "message": {"template": status.template, "values": status.values} if status.template else None,
        "lanes": settings.lanes,
        "total": settings.seconds * (len(settings.lanes) if settings.per_family else 1),
        "seconds": status.seconds,
        "remaining": status.remaining_seconds if status.under_way else None,
        "progress": status.progress,
        # In races of before, whose families run once, a row has no lane beside its family.
        "rows": [{"lane": row.get("family"), **row} for row in rows if row.get("kind") in SHOWN],
        "next": following,
        "reset": reset,
        "poll_milliseconds": poll_milliseconds(status) if status.state != "finished" else None,
    }
