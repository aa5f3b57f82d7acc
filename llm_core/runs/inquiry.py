"""Questions about the model of a run that take over a second: where their answers are kept, and how one is begun. Knows no
torch.

An answer is rows in the history of a run of the kind "inquiry", with large arrays in files beside it. The run's id is
made of the question, so that the same one is answered once. Answers that come with a bundled model lie in its folder:
`inquiries/<digest>.jsonl`, and files as `inquiries/<digest>.<name>`.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from llm_core.errors import UserError
from llm_core.runs import history
from llm_core.runs.history import Row
from llm_core.runs.inquired import InquiryConfig
from llm_core.runs.owners import LOCAL
from llm_core.runs.run import Run
from llm_core.runs.store import Store

FOLDER = "inquiries"
ANEW = "anew"
"""The kind of the row that takes back all before it: the answer has begun again from its beginning."""
_BOOKKEEPING = (ANEW, "resumed", "finish")


@dataclass(frozen=True)
class Answer:
    """What is known so far. `run`: who answers, None for what came with the program; `path`: of its files, all but their
    names."""

    rows: tuple[Row, ...]
    finished: bool
    run: Run | None
    path: str

    def file(self, name: str) -> Path:
        """Where a file of the answer is, if it is."""
        return Path(f"{self.path}{name}")


def begin(store: Store, config: InquiryConfig, *, name: str, owner: str = LOCAL) -> Run:
    """Have a question answered by a worker, unless it is or one is at it; one that was stopped or failed goes on.

    Raises UserError where no run can be made.
    """
    run = _of(store, config.digest)
    if run is not None and run.owner != owner and not (run.status().under_way or run.status().state == "finished"):
        config_id = _own(config.digest, owner)
        run = _of(store, config_id)
    else:
        config_id = config.digest
    if run is None:
        run = store.create(config, name=name, owner=owner, identity=config_id)
        store.start(run, owner)
        return run
    status = run.status()
    if not status.under_way and status.state != "finished":
        store.want(run, "running", owner=owner)
        store.start(run, owner)
    return run


def find(store: Store, digest: str, owner: str = LOCAL) -> Run | None:
    """The run that answers a question, or has answered it: anybody's, or else the asker's own; None where none does."""
    shared, own = _of(store, digest), _of(store, _own(digest, owner))
    if own is not None and (shared is None or shared.status().state != "finished"):
        return own
    return shared


def known(store: Store, config: InquiryConfig, owner: str = LOCAL) -> Answer | None:
    """What is known of the answer, None where nobody has asked."""
    run = find(store, config.digest, owner)
    if run is not None:
        return answer_of(run)
    try:
        folder = store.find(config.run).folder / FOLDER
    except UserError:
        return None
    try:
        rows = history.rows_of((folder / f"{config.digest}.jsonl").read_bytes())
    except OSError:
        return None
    return Answer(_whole(rows), True, None, f"{folder / config.digest}.")


def answer_of(run: Run) -> Answer:
    """What a run of the kind "inquiry" has found."""
    return Answer(_whole(history.records(run.folder)), run.status().state == "finished", run, f"{run.folder}/")


def _whole(rows: list[Row]) -> tuple[Row, ...]:
    """The rows of the answer, without those that were taken back."""
    anew = max((place for place, row in enumerate(rows) if row.get("kind") == ANEW), default=-1)
    return tuple(row for row in rows[anew + 1 :] if row.get("kind") not in _BOOKKEEPING)


def _of(store: Store, identity: str) -> Run | None:
    try:
        run = store.find(identity)
    except UserError:
        return None
    return run if isinstance(run.settings, InquiryConfig) else None


def _own(digest: str, owner: str) -> str:
    """Where another's run of the same question was stopped, the asker has one of their own."""
    return hashlib.sha256(f"{digest} {owner}".encode()).hexdigest()[:16]
