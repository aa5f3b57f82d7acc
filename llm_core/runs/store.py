"""The store of runs: make, find, list, ask, start, and open their models. Knows no torch until a model is asked for.

A run is a folder, and the folder is all that worker, pages and command line share, so that whoever is killed, nothing
is lost. Whatever names a run here comes from outside and is checked here.
"""

import os
import platform
import shutil
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from llm_core.config import RunConfig
from llm_core.data.generated import grammar_digest
from llm_core.errors import UserError
from llm_core.runs import slots
from llm_core.runs.branch import Branching, branching
from llm_core.runs.check import refuse_impossible
from llm_core.runs.file_to_classify import ClassifyFileConfig
from llm_core.runs.files import replace_json, replace_text
from llm_core.runs.headless import refuse_headless
from llm_core.runs.imported import ImportConfig
from llm_core.runs.inquired import InquiryConfig
from llm_core.runs.launch import Launcher
from llm_core.runs.limits import refuse_new, refuse_room, refuse_start, taken
from llm_core.runs.listing import Listing
from llm_core.runs.names import BUNDLED, CHILDREN, ID, display_name, new_id, root_of
from llm_core.runs.owners import LOCAL, refuse_stranger
from llm_core.runs.pretrained import PretrainingConfig
from llm_core.runs.queue import SHORT_KINDS, Entry
from llm_core.runs.queued import Queue
from llm_core.runs.race import ClassifyConfig, RaceConfig
from llm_core.runs.race_table import keep_file, keep_tables, refuse_untabled
from llm_core.runs.raced import open_race
from llm_core.runs.run import FORMAT, KIND_OF, Run, open_run
from llm_core.runs.scored import HeadScoresConfig
from llm_core.runs.sized import DataSizesConfig
from llm_core.runs.status import Wish
from llm_core.runs.swept import RangeTestConfig, SweepConfig

if TYPE_CHECKING:
    from llm_core.data.tokenizers import Tokenizer
    from llm_core.models.base import Model

BUNDLED_MODELS = Path(__file__).parents[2] / "assets" / "models"
BUNDLED_RACES = Path(__file__).parents[2] / "assets" / "races"
BUNDLED_SWEEPS = Path(__file__).parents[2] / "assets" / "sweeps"
KEPT_MODELS = 6
_WITH_CHILDREN = ("race", "sweep")
TRASH = "trash"
"""The folder, beside the runs, where deleted ones stand until it is emptied."""
Created = (
    RunConfig | HeadScoresConfig | RaceConfig | ClassifyConfig | DataSizesConfig | ClassifyFileConfig | PretrainingConfig | InquiryConfig
    | SweepConfig | RangeTestConfig
)  # fmt: skip
"""The settings of all runs that a worker works on."""


class Store:
    """Runs under one root folder, and the bundled, read-only ones beside them. Safe to share among threads."""

    def __init__(self, root: Path | None = None, bundled: Path = BUNDLED_MODELS, races: Path = BUNDLED_RACES) -> None:
        """`root` defaults to the environment's TERRARIUM_RUNS, then to `runs` in the working folder."""
        self.root = Path(root or os.environ.get("TERRARIUM_RUNS") or "runs").absolute()
        self.corpora = self.root / "corpora"
        self._bundled, self._races = bundled.absolute(), races.absolute()
        self.trash = self.root / TRASH
        self.listing = Listing(self.root)
        self._deleted = Listing(self.trash, index=False)
        self._launcher = Launcher(self.root, self.corpora)
        self.queue = Queue(self.root)
        self._lock = threading.RLock()
        self._forms: OrderedDict[str, str] = OrderedDict()
        self._models: OrderedDict[tuple[Path, int, int], tuple[Model, Tokenizer]] = OrderedDict()

    # ---- making and finding

    def create(
        self,
        config: Created,
        *,
        name: str,
        owner: str = LOCAL,
        recipe: str | None = None,
        threads: int | None = None,
        form_token: str | None = None,
        identity: str | None = None,
        parent: Run | None = None,
        branched: Branching | None = None,
    ) -> Run:
        """A new run folder, checked but not started. Raises UserError, and leaves nothing behind, when refused.

        `threads`: what an empty setting becomes; the share of one of two workers when None. `form_token` belongs to
        one showing of a form: a second call with the same one, from a double click, gives the first run again; and so
        does one with the `identity` of a run that is there. `parent`: the sweep whose training it is; those were checked
        when the sweep was made. `branched`: what it begins with (`branch`).
        """
        if isinstance(config, RaceConfig) and form_token not in self._forms:
            refuse_untabled(config)  # a large table takes seconds, in which others want their models
        with self._lock:
            if form_token is not None and form_token in self._forms:
                return self.find(self._forms[form_token])
            if identity is not None and (self.root / identity).is_dir():
                return self.find(identity)
            place = self.root
            if isinstance(config, HeadScoresConfig):
                refuse_headless(self.find(config.run))
            elif isinstance(config, InquiryConfig):
                _kept_step(self.find(config.run), config.step)
            elif isinstance(config, RaceConfig):
                config = keep_tables(config, self.corpora)
            elif isinstance(config, DataSizesConfig | ClassifyFileConfig):
                open_race(self.find(config.race))
                if isinstance(config, ClassifyFileConfig):
                    config = config.model_copy(update={"file": str(keep_file(Path(config.file), self.corpora))})
            elif isinstance(config, ClassifyConfig):
                place = self._children_of(open_race(self.find(config.race)).run, owner)
            elif parent is not None:
                place = self._children_of(parent, owner)
            elif isinstance(config, SweepConfig | RangeTestConfig):
                for each in config.extremes:
                    refuse_impossible(each, self.corpora)
            elif isinstance(config, RunConfig) and branched is None:
                refuse_impossible(config, self.corpora)
            if place == self.root:  # a child belongs to a run that was let in
                kind = KIND_OF[type(config)]
                refuse_new(self.root, owner, config, self._line(kind), self.listing, self._deleted)
            threads = threads or slots.default_threads()
            run = self._write(config, name, owner, recipe, threads, None, place, identity, branched)
            if form_token is not None:
                self._forms[form_token] = run.id
                while len(self._forms) > 1000:
                    self._forms.popitem(last=False)
            return run

    def branch(
        self, run: Run, step: int | None, config: RunConfig, *, name: str, owner: str, form_token: str | None = None
    ) -> Run:
        """A new run, of whoever asks, that goes on from a step of any run, the last one kept when None. Not yet started.

        Its training may have other settings (`llm_core.runs.branch`). Raises UserError, and leaves nothing behind, when
        refused; `form_token` as in `create`.
        """
        made = branching(run, _kept_step(run, step), config)
        return self.create(config, name=name, owner=owner, recipe=run.recipe, form_token=form_token, branched=made)

    def keep(self, config: ImportConfig, fill: Callable[[Path], None], *, name: str, owner: str = LOCAL) -> Run:
        """A finished run that nobody works on: `fill` writes model, tokenizer and status into its folder.

        Raises UserError, and leaves nothing behind, when `fill` does or when the disk does not take it.
        """
        self.refuse_full(owner)
        return self._write(config, name, owner, None, slots.default_threads(), fill)

    def _write(
        self,
        config: Created | ImportConfig,
        name: str,
        owner: str,
        recipe: str | None,
        threads: int,
        fill: Callable[[Path], None] | None = None,
        place: Path | None = None,
        identity: str | None = None,
        branched: Branching | None = None,
    ) -> Run:
        text, grammar = "", None
        if isinstance(config, RunConfig):
            text, grammar = config.data.corpus, grammar_digest(config.data)
            if config.training.threads is None:
                config = config.model_copy(update={"training": config.training.model_copy(update={"threads": threads})})
            threads = config.training.threads or threads
        elif not isinstance(config, HeadScoresConfig | ImportConfig):
            config = config.model_copy(update={"threads": config.threads or threads})
        identity, now = identity or new_id(), time.time()
        folder, temporary = (place or self.root) / identity, self.root / f".new-{os.getpid()}-{identity}"
        self._sweep()
        try:
            temporary.mkdir(parents=True)
            values = {
                "format": FORMAT, "kind": KIND_OF[type(config)],
                "config": config.model_dump(mode="json"), "owner": owner, "created": now, "recipe": recipe,
                "threads": threads, "versions": _versions(), "grammar": grammar,
            }  # fmt: skip
            if branched is not None:
                values["branched_from"] = branched.origin
                branched.fill(temporary)
            replace_json(temporary / "run.json", values, durable=True)
            replace_text(temporary / "name.txt", display_name(name, recipe or text[-80:] or identity))
            if fill is None:
                wish = {"state": "running", "until_step": None, "at": now, "owner": owner}
                replace_json(temporary / "wanted.json", wish)
            else:
                fill(temporary)
            folder.parent.mkdir(exist_ok=True)
            temporary.rename(folder)
        except OSError as error:
            shutil.rmtree(temporary, ignore_errors=True)
            reason = error.strerror or str(error)
            raise UserError("No run can be made in {folder}: {reason}.", folder=str(self.root), reason=reason) from None
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        return open_run(folder, self.corpora)

    def _children_of(self, parent: Run, owner: str) -> Path:
        refuse_stranger(parent, owner)
        return parent.folder / CHILDREN

    def _sweep(self) -> None:
        """Remove what processes that were killed while making a run have left."""
        for leftover in self.root.glob(".new-*-*"):
            owner = leftover.name.split("-")[1]
            if not (owner.isdigit() and psutil.pid_exists(int(owner))):
                shutil.rmtree(leftover, ignore_errors=True)

    def find(self, reference: str, *, paths: bool = False) -> Run:
        """The run with this id, the child of a run with it, or the bundled model or race with this name.

        With `paths`, for the command line, also a run's folder, or the display name that only one run has.

        Raises UserError when there is none. Nothing outside the root is touched unless `paths` is set.
        """
        if ID.fullmatch(reference):
            for folder in self._places(reference):
                if folder.is_dir() and not folder.is_symlink() and folder.resolve().is_relative_to(self.root.resolve()):
                    return open_run(folder, self.corpora)
            if (self.trash / reference).is_dir():
                raise UserError("Run {run} was deleted; it lies in the trash of the page Runs.", run=reference)
        elif BUNDLED.fullmatch(reference):
            for run in (*self.bundled(), *self.bundled_races(), *self.bundled_sweeps()):
                if run.id == reference:
                    return run
        if paths:
            try:
                folder = Path(reference).resolve()
                if (folder / "run.json").is_file():
                    root = root_of(folder)
                    if root in (self._bundled.resolve(), self._races.resolve()):
                        return open_run(folder, self.corpora, read_only=True)
                    return open_run(folder, root / "corpora")
            except (OSError, ValueError):
                pass
            named = [self.find(one.id) for one in self.listing.summaries(fresh=True) if one.name == reference]
            if len(named) == 1:
                return named[0]
            if named:
                ids = ", ".join(run.id for run in named[:5])
                raise UserError("Several runs are called {reference}; say which by its id: {ids}.", reference=reference, ids=ids)  # fmt: skip
        raise UserError("There is no run {reference}.", reference=display_name(reference, "-"))

    def _places(self, identity: str) -> Iterator[Path]:
        """Where a run with this id may stand: by itself, or as the child of another."""
        yield self.root / identity
        # Pages that watch a child ask again and again: among thousands of runs only few folders are looked into.
        for parent in self.listing.fixed():
            if parent.kind in _WITH_CHILDREN or parent.broken:
                yield self.root / parent.id / CHILDREN / identity

    def runs(self, *, kind: str | None = None, about: str | None = None) -> list[Run]:
        """The runs under the root, newest first: all, or those of a kind, or those that look at this run or race.

        A broken one is among them with its `problem`. Where there are thousands, opening all of them takes a second;
        `listing` has what a list shows of them.
        """
        return [
            open_run(self.root / one.id, self.corpora)
            for one in self.listing.fixed()
            if kind in (None, one.kind) and about in (None, one.about)
        ]

    def bundled(self) -> list[Run]:
        """The models that come with the program."""
        return self._read_only(self._bundled)

    def bundled_races(self) -> list[Run]:
        """The finished races that come with the program."""
        return self._read_only(self._races)

    def bundled_sweeps(self) -> list[Run]:
        """The finished sweeps and range tests that come with the program."""
        return self._read_only(BUNDLED_SWEEPS)

    def _read_only(self, place: Path) -> list[Run]:
        try:
            names = sorted(e.name for e in os.scandir(place) if BUNDLED.fullmatch(e.name) and e.is_dir())
        except OSError:
            return []
        return [open_run(place / name, self.corpora, read_only=True) for name in names]

    def refuse_full(self, owner: str) -> None:
        """Raises UserError where the runs of this owner take as much room as they may."""
        refuse_room(self.root, owner, self.listing, self._deleted)

    def taken_by(self, owner: str) -> int:
        """Bytes on the disk of all runs of an owner, those in the trash among them."""
        return taken(owner, self.listing, self._deleted)

    # ---- asking

    def want(self, run: Run, state: Wish, *, until_step: int | None = None, owner: str) -> None:
        """Ask that a run go on, pause or stop; `until_step` pauses it there. Asking twice is asking once.

        A finished run stays as it is. A worker that shows no sign of life for 10 s after a stop is ended.
        Raises UserError when `owner` may not ask, or when the folder cannot be written.
        """
        refuse_stranger(run, owner)
        if run.status().state == "finished":
            return
        if state == "running" and not run.alive() and self.queue.find(run.id) is None:
            refuse_start(self.root, owner, self._line(run.kind))
        try:
            replace_json(
                run.folder / "wanted.json",
                {"state": state, "until_step": until_step, "at": time.time(), "owner": owner},
            )
        except OSError as error:
            raise _unwritable(run, error) from None
        if state != "running":
            self._launcher.leave(run)
        if state == "stopped":
            self._launcher.end_if_silent(run)

    def _line(self, kind: str) -> list[Entry]:
        """What the queue holds in the line of this kind of run."""
        return [entry for entry in self.queue.entries() if entry.short == (kind in SHORT_KINDS)]

    def rename(self, run: Run, name: str, owner: str) -> None:
        """Give a run another display name. Raises UserError when `owner` may not, or when it cannot be written."""
        refuse_stranger(run, owner)
        try:
            replace_text(run.folder / "name.txt", display_name(name, run.recipe or run.id))
        except OSError as error:
            raise _unwritable(run, error) from None

    # ---- working

    def start(self, run: Run, owner: str = LOCAL) -> None:
        """Have a worker process take the run up when its turn comes, at once where one is free. Nothing happens when one
        has it already.

        Raises UserError when the run is broken or read-only, or when `owner` may not. Call `want` first to resume one
        that was stopped.
        """
        refuse_stranger(run, owner)
        self._launcher.start(run)

    def serve(self) -> None:
        """Give turns to whatever waits as long as this process lives, also to what waits since before it began."""
        self._launcher.serve()

    def warm(self) -> None:
        """Keep a process waiting that has imported torch and prepared the embedded text, so that starts are quick."""
        self._launcher.warm()

    # ---- models

    def model(self, run: Run, step: int | None = None) -> tuple["Model", "Tokenizer"]:
        """The model as it was at a step, the last kept one when None, and its tokenizer: to look at, not to change.

        Raises UserError when the run has kept no such step. The last few are kept in memory.
        """
        from llm_core.data.foreign_tokenizers import load_tokenizer
        from llm_core.training.checkpoints import read_model

        chosen = _kept_step(run, step)
        folder = run.folder / "steps" / f"{chosen:08d}"
        key = (run.folder, chosen, folder.stat().st_mtime_ns)
        with self._lock:
            if key not in self._models:
                model = _read_settled(read_model, folder).eval()
                model.requires_grad_(False)
                self._models[key] = model, load_tokenizer(run.folder / "tokenizer.json")
            self._models.move_to_end(key)
            while len(self._models) > KEPT_MODELS:
                self._models.popitem(last=False)
            return self._models[key]


def _kept_step(run: Run, step: int | None) -> int:
    """The step itself, the last kept one when None. Raises UserError where the run has kept no model of it."""
    if run.problem is not None:
        raise run.problem
    steps = run.steps()
    if not steps:
        raise UserError("Run {run} has not kept a model yet; it does at its first step.", run=run.id)
    chosen = steps[-1] if step is None else step
    if chosen not in steps:
        raise UserError(
            "Run {run} kept no model at step {step}; it has {steps}.",
            run=run.id, step=chosen, steps=_listing(steps),
        )  # fmt: skip
    return chosen


def _read_settled(read: Callable[[Path], "Model"], folder: Path) -> "Model":
    """Read a checkpoint that its worker may just be replacing by a smaller one: once more when it seems damaged."""
    try:
        return read(folder)
    except UserError:
        time.sleep(0.2)
        return read(folder)


def _unwritable(run: Run, error: OSError) -> UserError:
    return UserError("Run {run} cannot be written: {reason}.", run=run.id, reason=error.strerror or str(error))


def _listing(steps: list[int], most: int = 12) -> str:
    """The steps in a sentence, the middle ones left out when they are many."""
    if len(steps) <= most:
        return ", ".join(map(str, steps))
    return ", ".join(map(str, steps[: most // 2])) + ", … " + ", ".join(map(str, steps[-most // 2 :]))


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in ("torch", "numpy", "tokenizers"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
