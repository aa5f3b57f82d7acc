"""Head scores of a run: where they are kept, and how more come about. Knows no torch.

They are rows (`llm_core.interpret.attention.head_rows.Heads`) in `heads.jsonl` of a bundled model, and in the history of a run of
the kind "head_scores" for any other.
"""

from collections.abc import Iterable

from llm_core.runs import history
from llm_core.runs.history import Row
from llm_core.runs.run import Run
from llm_core.runs.scored import HeadScoresConfig
from llm_core.runs.store import Store

FILE = "heads.jsonl"


def start(store: Store, run: Run, owner: str, *, texts: int = 500, seed: int = 0) -> Run:
    """Have the heads of a run scored by a worker: the run that does it, a new one unless one is at it already.

    One of the owner's that was stopped goes on. Raises UserError for a run whose model has no attention heads, or that
    has kept no model yet.
    """
    for known in find_runs(store, run):
        if known.status().under_way:
            return known
        if known.owner == owner and known.status().state in ("paused", "stopped", "interrupted"):
            store.want(known, "running", owner=owner)
            store.start(known, owner)
            return known
    made = store.create(HeadScoresConfig(run=run.id, texts=texts, seed=seed), name=f"heads of {run.name}", owner=owner)
    store.start(made, owner)
    return made


def find_runs(store: Store, run: Run) -> list[Run]:
    """The runs that score the heads of this one, the newest first."""
    return [one for one in store.runs(kind="head_scores", about=run.id) if isinstance(one.settings, HeadScoresConfig)]


def find_rows(store: Store, run: Run) -> list[Row]:
    """The rows of kind "heads" of all steps that are wholly scored, by step; empty where nothing is known.

    From the newest run that has finished; else from what comes with a bundled model; else from the newest run that has
    scored a step at all.
    """
    found = find_runs(store, run)
    for one in found:
        if one.status().state == "finished":
            return whole_steps(history.records(one.folder))
    if (run.folder / FILE).is_file():
        return whole_steps(history.rows_of((run.folder / FILE).read_bytes()))
    return next((rows for one in found if (rows := whole_steps(history.records(one.folder)))), [])


def whole_steps(rows: Iterable[Row]) -> list[Row]:
    """The rows of kind "heads" of steps of which a row of kind "scored" says that none is missing, each once, by step."""
    kept: dict[tuple[int, str, str], Row] = {}
    scored = set()
    for row in rows:
        if row.get("kind") == "scored":
            scored.add(row["step"])
        elif row.get("kind") == "heads":
            kept[row["step"], row["part"], row["score"]] = row
    return sorted((row for row in kept.values() if row["step"] in scored), key=lambda row: row["step"])
