"""Commands that list, one thing a line: `runs`, `corpora`."""

import argparse

from llm_core.data.corpora import CORPORA
from llm_core.runs.store import Store


def list_runs(arguments: argparse.Namespace) -> None:
    """One run a line: name, id, state, step."""
    store = Store(arguments.runs)
    for run in [*store.runs(), *store.bundled(), *store.bundled_races()]:
        status = run.status()
        print(run.id if run.read_only else run.name, run.id, status.state, status.step, sep="\t")


def list_corpora(arguments: argparse.Namespace) -> None:
    """One embedded text a line: name, title."""
    for corpus in CORPORA.values():
        print(corpus.name, corpus.title, sep="\t")
