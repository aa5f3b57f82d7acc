"""Working on a sweep: one training after another, each a run of its own in the sweep's folder.

They share one worker: side by side they would only take each other's time. What each has come to stands, thinned, in the
history of the sweep too, so that whoever watches it reads one file.
"""

from collections.abc import Iterator

from llm_core.config import RunConfig
from llm_core.data.prepare import open_corpus, with_vocabulary
from llm_core.models.size import count_parameters
from llm_core.runs import history
from llm_core.runs.files import moment
from llm_core.runs.history import Row
from llm_core.runs.job import Clock, Job, Noted, Progress
from llm_core.runs.run import Run, children_of
from llm_core.runs.status import Status, trained_share, wanted
from llm_core.runs.store import Store
from llm_core.runs.sweep import open_sweep
from llm_core.training import checkpoints
from llm_core.training.records import Finish, Snapshot

POINTS = 80
"""Points kept of the training loss of each child."""
_OVER = ("finished", "diverged", "failed")


class SweepJob(Job):
    """A child that has finished, diverged or failed is not trained again; one that was under way goes on from its last
    checkpoint; one that a person stopped is left out."""

    def __init__(self, run: Run) -> None:
        super().__init__(run)
        self._settings = open_sweep(run)

    def prepare(self, progress: Progress) -> None:
        self._store = Store(self.run.folder.parent)
        progress(0.5)

    def resume_step(self) -> int | None:
        return None

    def records(self, clock: Clock) -> Iterator[Noted | Finish]:
        trainings = self._settings.trainings
        known = {
            _identity(child.config): child for child in children_of(self.run) if isinstance(child.settings, RunConfig)
        }
        took = [child.status().seconds for child in known.values() if child.status().state in _OVER]
        said = _said(self.run)
        began = clock()
        for number, (cell, seed) in enumerate(trainings):
            config = self._settings.config(self._settings.cells[cell], seed)
            child = known.get(_identity(config))
            if child is not None and child.alive():
                continue
            if child is not None and ((status := child.status()).state in _OVER or _given_up(child)):
                # Where the worker was killed before it could say so, or a person has gone on with the child by hand.
                if said.get((cell, seed)) != status.state:
                    yield Noted(
                        _closing(child, cell, seed, status), clock() - began, (number + 1) / len(trainings), None
                    )
                continue
            if child is None:
                child = self._store.create(
                    config,
                    name=self._name(cell, seed),
                    owner=self.run.owner,
                    threads=self._settings.threads,
                    parent=self.run,
                )
            for row, status in self._train(child, cell, seed, clock):
                share = 1.0 if status.state in _OVER else trained_share(status, config.training)
                each = (sum(took) + status.seconds) / (len(took) + share) if took or share > 0.05 else None
                left = None if each is None else each * (len(trainings) - number - share)
                yield Noted(row, clock() - began, (number + share) / len(trainings), left)
            took.append(child.status().seconds)
        yield Finish(len(trainings), "finished")

    def _name(self, cell: int, seed: int) -> str:
        values = zip(self._settings.axes, self._settings.cells[cell], strict=True)
        named = [f"{axis.setting.split('.')[1]} {value:g}" for axis, value in values]
        return " · ".join([*named, *([f"seed {seed}"] if self._settings.seeds > 1 else [])])

    def _train(self, child: Run, cell: int, seed: int, clock: Clock) -> Iterator[tuple[Row | None, Status]]:
        """The rows of one child as the sweep keeps them, each with how the child stands; None for a sign of life."""
        about = {"cell": cell, "seed": seed}
        rows: list[Row] = []
        status = child.status()
        thinned = _Thinned(child.config)
        yield {"kind": "cell", **about, "run": child.id, "state": "running", "at": _resumed(child)}, status
        for status in self.working(child, clock=clock, report=rows.append):
            kept = [row for each in rows if (row := thinned.row(each)) is not None]
            rows.clear()
            for row in kept:
                yield {**row, **about}, status
            yield None, status
        yield _closing(child, cell, seed, status), status

    def write(self, snapshot: Snapshot) -> None:
        raise NotImplementedError("a sweep keeps its models in the folders of its children")

    def snapshot(self) -> Snapshot | None:
        return None


class _Thinned:
    """A child's history as the sweep keeps it: means of the training loss over stretches, and every look."""

    def __init__(self, config: RunConfig) -> None:
        training = config.training
        self._timed = training.seconds is not None
        self._every = (training.seconds or training.steps) / POINTS
        self._next = 0.0
        self._losses: list[float] = []

    def row(self, row: Row) -> Row | None:
        """The row that one of the child's makes; None for most. `at`, and not `step`, which a resumed run takes back."""
        if row.get("kind") == "evaluation":
            return {"kind": "look", "at": row["step"], "loss": row["loss"]}
        if row.get("kind") != "step" or not isinstance(row.get("loss"), float):
            return None
        self._losses.append(row["loss"])
        now = row["seconds"] if self._timed else row["step"]
        if now < self._next:
            return None
        self._next = now + self._every
        mean = sum(self._losses) / len(self._losses)
        self._losses.clear()
        return {"kind": "point", "at": row["step"], "loss": mean}


def _identity(config: RunConfig) -> str:
    """The settings without what the store fills in."""
    training = config.training.model_copy(update={"threads": None})
    return config.model_copy(update={"training": training}).model_dump_json()


def _given_up(child: Run) -> bool:
    return child.status().state == "stopped" and wanted(child.folder).state == "stopped"


def _resumed(child: Run) -> int:
    """The step that a child goes on after."""
    newest = checkpoints.newest_full(child.folder / "steps")
    return 0 if newest is None else int(newest.name)


def _said(sweep: Run) -> dict[tuple[object, object], object]:
    """The state of every child, by cell and seed, as the sweep's history has it."""
    rows = history.records(sweep.folder)
    return {(row.get("cell"), row.get("seed")): row.get("state") for row in rows if row.get("kind") == "cell"}


def _closing(child: Run, cell: int, seed: int, status: Status) -> Row:
    """The row that says how a child stands in the end."""
    about = {"kind": "cell", "cell": cell, "seed": seed, "run": child.id, "state": status.state}
    return {**about, **_outcome(child, status)}


def _outcome(child: Run, status: Status) -> Row:
    """What a child has come to. tokens: how long its training text is · read: how many it was trained on · ngram, floor:
    losses to compare with, where they are known."""
    found: Row = {
        "loss": status.validation_loss if status.state == "finished" else None, "steps": status.step,
        "read": status.tokens, "seconds": moment(status.seconds), "bits_per_character": status.bits_per_character,
    }  # fmt: skip
    if status.template:
        found |= {"template": status.template, "values": status.values}
    if child.digest is not None:
        corpus = open_corpus(child.corpora / child.digest)
        model = with_vocabulary(child.config.model, corpus)
        found |= {"tokens": len(corpus.training), "parameters": count_parameters(model)}
    found |= {
        str(row["name"]): row["loss"]
        for row in history.records(child.folder)
        if row.get("kind") == "baseline" and row.get("name") in ("ngram", "floor")
    }
    return found
