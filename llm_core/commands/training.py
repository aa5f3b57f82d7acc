"""Commands that work on runs: `train`, `resume`, `branch`, and the recipes to train after."""

import argparse
import contextlib
import dataclasses
import signal
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from llm_core.config import RunConfig, load_recipe, parse
from llm_core.data.corpora import CORPORA, with_corpus
from llm_core.errors import RunFailed, UserError
from llm_core.runs.history import Row
from llm_core.runs.owners import LOCAL
from llm_core.runs.race import ClassifyConfig, RaceConfig
from llm_core.runs.race_summary import summary
from llm_core.runs.raced import open_race, outcome_of
from llm_core.runs.result import result_of
from llm_core.runs.run import Run
from llm_core.runs.settings import with_settings
from llm_core.runs.store import Store
from llm_core.runs.sweep_summary import range_test_summary, sweep_summary
from llm_core.runs.swept import RangeTestConfig, SweepConfig

RECIPES = Path(__file__).parents[2] / "assets" / "recipes"
Values = dict[str, Any]


def train(arguments: argparse.Namespace) -> Values:
    """Make a run after a recipe and train it in this process."""
    from llm_core.devices import choose_device, physical_cores
    from llm_core.runs.check import prepared

    config = configure(arguments)
    if config.training.device in ("cuda", "mps"):
        choose_device(config.training.device)
    store = Store(arguments.runs)
    with _ended_like_an_interrupt():
        corpus = prepared(config, store.corpora)
    size, asked = corpus.tokenizer.vocabulary_size, config.data.vocabulary_size
    if size < asked and any(word.startswith("data.vocabulary_size") for word in arguments.set):
        print(f"This text gives a vocabulary of {size} tokens, not {asked}.", file=sys.stderr)
    run = store.create(config, name=arguments.name or "", recipe=arguments.recipe, threads=physical_cores())
    return work_on(run)


@contextlib.contextmanager
def _ended_like_an_interrupt() -> Iterator[None]:
    """While a text is prepared, let SIGTERM end the process as Ctrl-C does, so that nothing half-made is left."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def resume(arguments: argparse.Namespace) -> Values:
    """Go on with a run from its last full checkpoint. A finished one stays as it is."""
    store = Store(arguments.runs)
    run = store.find(arguments.run, paths=True)
    if run.problem is not None:
        raise run.problem
    status = run.status()
    if status.state == "finished":
        return _outcome(run)
    if status.state == "diverged":
        raise RunFailed(status.template or "Run {run} has diverged.", **{"run": run.id, **status.values})
    if run.alive():
        raise UserError("Run {run} is already under way in another process.", run=run.id)
    store.want(run, "running", owner=run.owner)
    return work_on(run)


def branch(arguments: argparse.Namespace) -> Values:
    """Go on from a step of a run, as a run of its own with other settings of training."""
    store = Store(arguments.runs)
    run = store.find(arguments.run, paths=True)
    config = with_settings(run.config, arguments.set)
    return work_on(store.branch(run, arguments.step, config, name=arguments.name or "", owner=LOCAL))


def configure(arguments: argparse.Namespace) -> RunConfig:
    """The recipe with what the flags change of it. Raises UserError."""
    known = {path.stem: path for path in RECIPES.glob("*.toml")}
    if arguments.recipe not in known:
        raise UserError("There is no recipe {name!r}; recipes are {known}.", name=arguments.recipe[:100], known=", ".join(sorted(known)))  # fmt: skip
    config = load_recipe(known[arguments.recipe])
    if arguments.corpus is not None:
        config = with_corpus(config, arguments.corpus)
    data: Values = {"encoding": arguments.encoding} if arguments.encoding else {}
    training: Values = {"device": arguments.device} if arguments.device else {}
    if arguments.seconds is not None:
        training["seconds"] = arguments.seconds
    values = config.model_dump(mode="json")
    values["data"] |= data
    values["training"] |= training
    config = with_settings(parse(RunConfig, values), arguments.set)
    if config.data.corpus in ("", *CORPORA):
        return config
    # A run must find its text again, wherever it is resumed from.
    return config.model_copy(update={"data": config.data.model_copy(update={"corpus": str(Path(config.data.corpus).absolute())})})  # fmt: skip


def work_on(run: Run) -> Values:
    """Work on a run in this process; what came out of it. Raises RunFailed where nothing good did."""
    from llm_core.runs.worker import work

    print(f"run {run.folder}", file=sys.stderr)
    status = work(run, report=_report)
    full_disk = status.state == "paused" and status.template is not None
    if status.state in ("failed", "diverged") or full_disk:
        raise RunFailed(status.template or "The run failed.", **status.values)
    return _outcome(run)


def _outcome(run: Run) -> Values:
    if isinstance(run.settings, RaceConfig):
        return summary(open_race(run))
    if isinstance(run.settings, SweepConfig):
        return sweep_summary(run)
    if isinstance(run.settings, RangeTestConfig):
        return range_test_summary(run)
    if isinstance(run.settings, ClassifyConfig):
        return {"run": str(run.folder), **(outcome_of(run) or {})}
    return dataclasses.asdict(result_of(run))


def _report(row: Row) -> None:
    if row["kind"] == "result":
        print(f"{_who(row)}: accuracy {row['accuracy']:.4f}, macro F1 {row['macro_f1']:.4f}, {row['seconds']:.1f} s", file=sys.stderr)  # fmt: skip
    if row["kind"] == "family" and row["state"] == "failed":
        print(f"{_who(row)}: {row['template'].format(**row['values'])}", file=sys.stderr)
    if row["kind"] == "cell" and row["state"] != "running":
        print(f"run {row['run']}: {row['state']}, held-out loss {row['loss']}", file=sys.stderr)
    if row["kind"] == "evaluation":
        bits, accuracy = row["bits_per_character"], row["measures"].get("accuracy")
        beside = f", {accuracy:.1%} right" if accuracy is not None else ""
        beside = beside if bits is None else f", {bits:.4f} bits per character"
        print(f"step {row['step']}: held-out loss {row['loss']:.4f}{beside}, {row['seconds']:.1f} s", file=sys.stderr)


def _who(row: Row) -> str:
    """Which family a row of a race is of, and which of two."""
    return (
        f"{row['family']} without augmentation"
        if row.get("lane", row["family"]) != row["family"]
        else str(row["family"])
    )


def list_recipes(arguments: argparse.Namespace) -> None:
    """One recipe a line: name, title."""
    for path in sorted(RECIPES.glob("*.toml")):
        print(path.stem, tomllib.loads(path.read_text(encoding="utf-8")).get("about", {}).get("title", ""), sep="\t")
