"""Measures how fast this machine trains, in a process of its own: `python -m llm_core.runs.calibration ROOT`.

A few kinds of models, each in two sizes, take a few steps on a small text, with the looks, samples and snapshots that a
run has, as a worker with one thread takes them; where there is a device beside the processor, on that as well. About a
minute, once; what finished runs take is added to it.
"""

import contextlib
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import sklearn.linear_model  # noqa: F401 - what a worker loads
import torch

from llm_core.config import DataConfig, RunConfig, TaskConfig, load_recipe, network
from llm_core.data.corpora import CORPORA
from llm_core.data.generated import generated
from llm_core.data.prepare import TokenizedCorpus, prepare, with_vocabulary
from llm_core.devices import choose_device
from llm_core.models.work import Work, update
from llm_core.runs import families, race_job, slots, train_job  # noqa: F401 - as above
from llm_core.runs.baselines import ngram_score
from llm_core.runs.check import FEW
from llm_core.runs.estimate import look, sample, snapshot
from llm_core.runs.locks import Lock
from llm_core.runs.speed import LOCK, Part, Point, Speed, kind_of, read_speed, write_speed
from llm_core.runs.text_size import size_of
from llm_core.training import checkpoints
from llm_core.training.loop import train
from llm_core.training.records import Finish, Layers, Sample, Snapshot, Step
from llm_core.training.state import begin

RECIPES = ("gpt", "lstm", "cloze", "translate", "tag")
FOLDER = Path(__file__).parents[2] / "assets" / "recipes"
_STEPS = 11
_EVERY = 4
_WARM_STEPS = 2
_SIZES = (1.0, 0.5)
_LARGE_SIZES = (4.0, 1.0)
"""On a device whose small steps are all calls, only a large model shows what arithmetic costs."""


def calibrate(root: Path) -> None:
    """Measure and keep what was found, unless that has been done or somebody else is at it. Raises OSError."""
    root.mkdir(parents=True, exist_ok=True)
    with Lock(root / LOCK) as lock:
        if not lock.acquire() or read_speed(root).measured:
            return
        write_speed(root, measure(slots.default_threads()))


def measure(threads: int, recipes: tuple[str, ...] = RECIPES) -> Speed:
    """The speed of this machine with so many threads. Takes about a minute."""
    torch.set_num_threads(threads)
    usual = choose_device("auto").type
    resident = 0
    points: list[Point] = []
    rates: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="terrarium-") as place:
        for name in recipes:
            config = load_recipe(FOLDER / f"{name}.toml")
            kind = f"prepare {CORPORA[config.data.corpus].kind}"
            corpus, seconds = _prepared(config.data, Path(place))
            if kind not in rates:
                rates[kind] = seconds
            if corpus.rows == "windows" and "count" not in rates:
                before = time.process_time()
                ngram_score(corpus)
                rates["count"] = (time.process_time() - before) / (len(corpus.training) + len(corpus.held_out))
            if not resident:
                begin(config, corpus)
                resident = psutil.Process().memory_info().rss
            for size in _SIZES:
                points += _points(_sized(config, size), corpus, threads, "cpu")
            if usual != "cpu":
                with contextlib.suppress(RuntimeError):  # what does not fit into it says nothing
                    for size in _LARGE_SIZES:
                        points += _points(_sized(config, size), corpus, threads, usual)
    return Speed(tuple(points), rates, resident, measured=True, device=usual)


def _prepared(data: DataConfig, place: Path) -> tuple[TokenizedCorpus, float]:
    """A small text of the same kind, and the seconds that each token takes to prepare; of a text that the program writes
    the second time, when its grammar has been read."""
    sizes = [FEW.get(data.rows, 200) * times for times in (1, 3)] if generated(data) else [None]
    for documents in sizes:
        before = time.process_time()
        corpus = prepare(data.model_copy(update={"documents": documents}), place)
        seconds = time.process_time() - before
    size = size_of(corpus)
    return corpus, max(1e-8, seconds / (size.training + size.held_out))


def _sized(config: RunConfig, size: float) -> RunConfig:
    """The same model with so many times its width and layers, on as much larger batches."""
    if size == 1:
        return config
    body = network(config.model)
    changes = {"width": int(body.width * size), "layers": max(1, int(body.layers * size))}  # type: ignore[union-attr]
    if getattr(body, "feed_forward_width", None):
        changes["feed_forward_width"] = int(body.feed_forward_width * size)  # type: ignore[union-attr, operator]
    part = body.model_copy(update=changes)
    model = config.model.model_copy(update={"body": part}) if isinstance(config.model, TaskConfig) else part
    training = config.training.model_copy(update={"batch_size": max(1, int(config.training.batch_size * size))})
    return config.model_copy(update={"model": model, "training": training})


def _points(config: RunConfig, corpus: TokenizedCorpus, threads: int, device: str) -> Iterator[Point]:
    """What each part of a short run takes, as the median of what comes after the first, which are slow."""
    changes = {
        "steps": _STEPS, "evaluation_every": _EVERY, "sample_every": _EVERY, "checkpoint_every": _EVERY,
        "evaluation_tokens": min(4096, config.training.evaluation_tokens), "threads": threads, "device": device,
    }  # fmt: skip
    training = config.training.model_copy(update=changes)
    config = config.model_copy(update={"training": training})
    taken = _timed(config, corpus)
    model = with_vocabulary(config.model, corpus)
    text = size_of(corpus)
    row = text.row_length(model.context)
    works: dict[Part, Work] = {
        "step": update(model, training, training.batch_size, row),
        "evaluation": look(config, model, row, min(training.evaluation_tokens, text.held_out)),
        "sample": sample(config, model, row),
        "snapshot": snapshot(model),
    }
    for part, seconds in taken.items():
        kind = kind_of(model, training.objective)
        yield Point(part, kind, threads, works[part], max(1e-6, statistics.median(seconds)), device=device)


def _timed(config: RunConfig, corpus: TokenizedCorpus) -> dict[Part, list[float]]:
    """Seconds of each part, where it was done after the first steps. Whatever else comes after a step is part of a look."""
    taken: dict[Part, list[float]] = {"step": [], "evaluation": [], "sample": [], "snapshot": []}
    # Of one thread its own time counts, in which nothing else that this machine does just now is.
    alone = config.training.threads == 1 and config.training.device == "cpu"
    clock = time.process_time if alone else time.perf_counter
    step = read = 0
    looked: dict[Part, float] = {}
    closely = False
    with tempfile.TemporaryDirectory(prefix="terrarium-") as folder:
        before = clock()
        for record in train(config, corpus, clock=clock):
            seconds = clock() - before
            if isinstance(record, Snapshot):
                begun = time.perf_counter()
                checkpoints.write(Path(folder), record)
                seconds += time.perf_counter() - begun  # a disk is waited for
            before = clock()
            if isinstance(record, Layers):  # the step after it was slowed by what it measures
                closely = True
            elif isinstance(record, Step):
                for part, whole in looked.items():
                    if step > _WARM_STEPS and (part == "snapshot" or step % _EVERY == 0):
                        taken[part].append(whole)
                looked = {}
                if record.step > _WARM_STEPS and not closely:
                    taken["step"].append((record.tokens - read) / record.tokens_per_second)
                step, read, closely = record.step, record.tokens, False
            elif not isinstance(record, Finish):
                part = "snapshot" if isinstance(record, Snapshot) else "sample" if isinstance(record, Sample) else "evaluation"  # fmt: skip
                looked[part] = looked.get(part, 0.0) + seconds
    return {part: seconds for part, seconds in taken.items() if seconds}


def main(arguments: list[str]) -> int:
    """`ROOT`: the folder of the runs."""
    if hasattr(os, "nice"):
        os.nice(15)  # trainings and pages come first
    calibrate(Path(arguments[0]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
