"""What pre-training is worth: where the trials of a run of the kind "pretraining" are kept, and how such a run begins. Knows
no torch.

They are rows of the kind "trial" in its history; rows of the kind "known" say of each language what is known of its test.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llm_core.runs import history
from llm_core.runs.history import Row
from llm_core.runs.pretrained import STARTS, PretrainingConfig
from llm_core.runs.run import Run
from llm_core.runs.store import Store


@dataclass(frozen=True)
class Measured:
    """accuracies: by language and start one for each seed · ceiling: the best that is possible, by language ·
    never_labelled: by language the share of the test's telling words that stood in no labelled text."""

    labelled: int
    tested: int
    seeds: int
    accuracies: Mapping[str, Mapping[str, Sequence[float]]]
    ceiling: Mapping[str, float]
    never_labelled: Mapping[str, float]

    @property
    def trials(self) -> int:
        """How many there are."""
        return sum(len(found) for starts in self.accuracies.values() for found in starts.values())


def begin(store: Store, owner: str, name: str) -> Run:
    """Have it measured by a worker: the run that does it, a new one unless one is at it already. One of the owner's that was
    stopped goes on. Raises UserError where none can be made."""
    for known in find_runs(store):
        state = known.status()
        if state.under_way:
            return known
        if known.owner == owner and state.state in ("paused", "stopped", "interrupted"):
            store.want(known, "running", owner=owner)
            store.start(known, owner)
            return known
    made = store.create(PretrainingConfig(), name=name, owner=owner)
    store.start(made, owner)
    return made


def find_runs(store: Store) -> list[Run]:
    """The runs that have measured it, the newest first."""
    return [run for run in store.runs(kind="pretraining") if isinstance(run.settings, PretrainingConfig)]


def of_run(run: Run) -> Measured | None:
    """What a run has found so far; None before its first trial."""
    assert isinstance(run.settings, PretrainingConfig)
    settings = run.settings
    return gathered(history.records(run.folder), settings.labelled, settings.tested)


def gathered(rows: Iterable[Row], labelled: int, tested: int) -> Measured | None:
    """The trials in a history; a broken row is left out, and so is a language of which its test is not known."""
    found: dict[str, dict[str, dict[int, float]]] = defaultdict(lambda: defaultdict(dict))
    ceiling, never_labelled = {}, {}
    for row in rows:
        language = row.get("language")
        if not isinstance(language, str):
            continue
        if row.get("kind") == "known" and _are_shares(row.get("ceiling"), row.get("never_labelled")):
            ceiling[language], never_labelled[language] = float(row["ceiling"]), float(row["never_labelled"])
        trial = row.get("kind") == "trial" and row.get("start") in STARTS and type(row.get("seed")) is int
        if trial and _are_shares(row.get("accuracy")):
            found[language][row["start"]][row["seed"]] = float(row["accuracy"])
    accuracies = {
        language: {start: [by_seed[seed] for seed in sorted(by_seed)] for start, by_seed in starts.items()}
        for language, starts in found.items()
        if language in ceiling
    }
    if not accuracies:
        return None
    seeds = max(len(each) for starts in accuracies.values() for each in starts.values())
    kept = {language: ceiling[language] for language in accuracies}
    return Measured(
        labelled, tested, seeds, accuracies, kept, {language: never_labelled[language] for language in accuracies}
    )


def of_file(path: Path) -> Measured | None:
    """The figures that came with the program, as `benchmarks.pretraining` keeps them; None where there are none."""
    try:
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for language, start, _seed, accuracy in values["trials"]:
        found[language][start].append(accuracy)
    return Measured(
        values["labelled"], values["tested"], values["seeds"], found, values["ceiling"], values["never_labelled"]
    )


def _are_shares(*values: object) -> bool:
    return all(isinstance(value, int | float) and 0 <= value <= 1 for value in values)
