"""Commands that learn to classify texts, and do: `race`, `classify`."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from llm_core.commands.training import work_on
from llm_core.config import TaskConfig, parse
from llm_core.errors import UserError
from llm_core.runs.race import FAMILIES, Augmentation, ClassifyConfig, RaceConfig
from llm_core.runs.raced import classifier_of, open_race
from llm_core.runs.run import Run
from llm_core.runs.store import Store

if TYPE_CHECKING:
    from llm_core.data.table_reading import Table
    from llm_core.data.tokenizers import Tokenizer
    from llm_core.inference.classifiers.base import Classifier
    from llm_core.models.base import Model

Values = dict[str, Any]
SECONDS = 60.0


def race_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of `race`."""
    parser.add_argument("file", metavar="FILE", help="CSV, TSV, JSON lines, XLSX or Parquet, or the name of an included table")  # fmt: skip
    parser.add_argument("--text-column", metavar="C", help="the column that holds the texts")
    parser.add_argument("--label-column", metavar="C", help="the column that holds the labels")
    parser.add_argument(
        "--test", metavar="FILE", help="another table to test with, instead of a fifth of the first one"
    )
    parser.add_argument("--encoding", metavar="NAME", help="character encoding of the file")
    parser.add_argument("--families", metavar="NAME", nargs="+", default=list(FAMILIES), help=f"some of {', '.join(FAMILIES)}")  # fmt: skip
    parser.add_argument("--seconds", type=float, default=SECONDS, metavar="N", help="how long each family may learn")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    parser.add_argument("--augmentation", choices=get_args(Augmentation), default="none", help="copies that are added to the training texts; each family then runs once more without")  # fmt: skip
    parser.add_argument("--name", help="what the race is called")


def race(arguments: argparse.Namespace) -> Values:
    """Every family of classifiers on one split of a table, each tested once on texts that it has not seen."""
    from llm_core.devices import physical_cores

    config = parse(
        RaceConfig,
        {
            "table": {
                "file": arguments.file, "encoding": arguments.encoding, "text_column": arguments.text_column,
                "label_column": arguments.label_column, "test_file": arguments.test, "seed": arguments.seed,
            },
            "families": arguments.families, "seconds": arguments.seconds, "per_family": True, "seed": arguments.seed,
            "augmentation": arguments.augmentation,
        },
    )  # fmt: skip
    store = Store(arguments.runs)
    name = arguments.name or Path(arguments.file).name
    return work_on(store.create(config, name=name, threads=physical_cores()))


def classify_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of `classify`."""
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--text", metavar="TEXT", help="one text to classify")
    what.add_argument("--file", type=Path, metavar="FILE", help="a table of texts to classify")
    parser.add_argument("--text-column", metavar="C", help="the column that holds the texts")
    parser.add_argument("--label-column", metavar="C", help="the column that holds the right labels, to be scored")
    parser.add_argument("--encoding", metavar="NAME", help="character encoding of the file")
    parser.add_argument("--out", type=Path, metavar="CSV", help="write the table here, with a class for every text")
    parser.add_argument("--family", choices=FAMILIES, help="of a race: which one classifies; its best neural one otherwise")  # fmt: skip


def classify(arguments: argparse.Namespace) -> Values:
    """The class of a text, or of every text in a table, by what a race has learned, or by a model that was trained to
    classify."""
    from llm_core.devices import physical_cores, use_threads

    store = Store(arguments.runs)
    run = store.find(arguments.run, paths=True)
    use_threads(physical_cores())
    told, classifier = _of_model(store, run, arguments.family) if _is_model(run) else _of_race(run, arguments.family)
    if arguments.text is not None:
        (shares,) = classifier.probabilities([arguments.text])
        probabilities = {name: float(share) for name, share in zip(classifier.names, shares, strict=True)}
        return {**told, "label": classifier.names[int(shares.argmax())], "probabilities": probabilities}
    return {**told, **_classify_file(classifier, arguments)}


class _Classifies(Protocol):
    """What tells texts apart: the probability of each of `names` for each text, (N, K)."""

    @property
    def names(self) -> tuple[str, ...]: ...

    def probabilities(self, texts: Sequence[str]) -> NDArray[np.float64]: ...


@dataclass(frozen=True)
class _Labeller:
    """A model that was trained with the objective classify."""

    model: "Model"
    tokenizer: "Tokenizer"
    names: tuple[str, ...]

    def probabilities(self, texts: Sequence[str]) -> NDArray[np.float64]:
        from llm_core.inference.label import label

        found = label(self.model, self.tokenizer, self.names, texts)
        return np.array([[shares[name] for name in self.names] for shares in found]).reshape(-1, len(self.names))


def _is_model(run: Run) -> bool:
    return run.has_model and isinstance(run.model_config, TaskConfig) and run.model_config.task == "classify"


def _of_model(store: Store, run: Run, family: str | None) -> tuple[Values, _Classifies]:
    from llm_core.devices import choose_device

    if family is not None:
        raise UserError("Run {run} is a single model; only a race has families to choose from.", run=run.id)
    model, tokenizer = store.model(run)
    return {}, _Labeller(model.to(choose_device("auto")), tokenizer, run.labels)


def _of_race(run: Run, family: str | None) -> tuple[Values, _Classifies]:
    name, classifier = _classifier(run, family)
    return {"family": name}, classifier


def _classifier(run: Run, family: str | None) -> tuple[str, "Classifier"]:
    if isinstance(run.settings, ClassifyConfig):
        if family not in (None, run.settings.family):
            raise UserError("Run {run} is of the family {family}.", run=run.id, family=run.settings.family)
        return run.settings.family, classifier_of(run)
    race = open_race(run)
    chosen = family or race.best()
    if chosen is None:
        raise UserError("No family of race {run} has finished; there is nothing to classify with.", run=run.id)
    return chosen, race.classifier(chosen)


def _classify_file(classifier: _Classifies, arguments: argparse.Namespace) -> Values:
    from llm_core.data.table_reading import read_table

    table = read_table(arguments.file, arguments.encoding)
    column = _place(table, arguments.text_column, "--text-column")
    labels = None if arguments.label_column is None else _place(table, arguments.label_column, "--label-column")
    probabilities = classifier.probabilities([row[column] or "" for row in table.rows])
    called = [classifier.names[place] for place in probabilities.argmax(axis=1)]
    if arguments.out is not None:
        _write(arguments.out, table, called, probabilities, classifier.names)
    if labels is not None:
        return _scores([row[labels] for row in table.rows], called)
    counts = {name: called.count(name) for name in classifier.names}
    return {"texts": len(called), "labels": counts, **({} if arguments.out else {"predictions": called})}


def _place(table: "Table", column: str | None, flag: str) -> int:
    if column not in table.columns:
        raise UserError(
            "{file} has no column {column!r}; name one of {found} with {flag}.",
            file=table.name, column=column or "", found=", ".join(table.columns)[:500], flag=flag,
        )  # fmt: skip
    return table.columns.index(column)


def _scores(labels: list[str | None], called: list[str]) -> Values:
    """Of the rows that have a label. One that the classifier does not know is a class that it never hits."""
    from llm_core.evaluate.classification import report

    pairs = [(label.strip(), guess) for label, guess in zip(labels, called, strict=True) if label and label.strip()]
    if not pairs:
        raise UserError("The label column is empty; leave it out to classify without scoring.")
    numbers = {name: place for place, name in enumerate(sorted({name for pair in pairs for name in pair}))}
    wanted, given = (np.array([numbers[pair[side]] for pair in pairs], dtype=np.int64) for side in (0, 1))
    found = report(wanted, given, len(numbers))
    return {"texts": len(pairs), "accuracy": found.accuracy, "macro_f1": found.macro.f1}


def _write(
    path: Path, table: "Table", called: list[str], probabilities: NDArray[np.float64], names: tuple[str, ...]
) -> None:
    from llm_core.data.table_writing import as_table

    columns = [*table.columns, "predicted", *(f"probability of {name}" for name in names)]
    rows = [
        [*row, label, *(round(float(share), 6) for share in shares)]
        for row, label, shares in zip(table.rows, called, probabilities, strict=True)
    ]
    path.write_text(as_table(columns, rows), encoding="utf-8-sig", newline="")
