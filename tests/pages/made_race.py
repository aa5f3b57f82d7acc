"""A finished race written by hand: a table, and families whose answers are known, without anything being trained."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save

from llm_core.config import TableConfig
from llm_core.evaluate.classification import predict, report
from llm_core.inference.classifiers.base import Classifier, save_classifier
from llm_core.inference.classifiers.linear import TfidfLogisticRegression
from llm_core.inference.classifiers.majority import Majority
from llm_core.runs.race import ClassifyConfig, RaceConfig
from llm_core.runs.raced import CLASSIFIER, PREDICTIONS, RESULT, SPLIT, Race, open_race, split_of
from llm_core.runs.store import Store

WORDS = {"bad": "poor", "good": "great", "so-so": "plain"}
HARMFUL = "<img src=x onerror=alert(1)> [link](http://evil.example) $x$"


def write_shops(path: Path, classes: int = 2, rows: int = 200) -> Path:
    """A table of reviews with a shop each; every tenth label is wrong, the first text is a formula, one holds a script."""
    names = list(WORDS)[:classes]
    lines = ["review,label,shop"]
    for n in range(rows):
        true = names[n % classes]
        label = names[(n + 1) % classes] if n % 10 == 9 else true
        start = "=1+1 " if n % 20 == 0 else "<script>alert(1)</script> " if n % 20 == 9 else ""
        lines.append(
            f"{start}{WORDS[true]} soup number {n}{' indeed' * (n % 7)},{label},{'=shop' if n % 3 else 'corner'}"
        )
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def linear(names: tuple[str, ...], strength: float = 2.0) -> TfidfLogisticRegression:
    """A linear classifier that knows one word for each class."""
    keys = tuple(WORDS.get(name, f"word {place}") for place, name in enumerate(names))
    weights = strength * (2 * np.eye(len(names)) - 1)
    return TfidfLogisticRegression(names, keys, (), np.ones(len(keys)), weights, np.zeros(len(names)))


def made_race(
    store: Store, table: Path, answers: Mapping[str, Any] | None = None, name: str = "Shops", folds: bool = False
) -> Race:
    """The race of a majority and a linear classifier, which can be used, and of others that only have `answers`: family to
    probabilities (N, K), made from the test part by a function."""
    answers = answers or {}
    families = ("majority", "tfidf_logistic_regression", *answers)
    run = store.create(RaceConfig(table=TableConfig(file=str(table)), families=families), name=name, threads=1)
    race = open_race(run)
    test, training = race.prepared.test, race.prepared.training
    (run.folder / SPLIT).write_text(json.dumps(split_of(race.prepared)), encoding="utf-8")
    shares = np.bincount(training.labels, minlength=len(test.names)) / len(training)
    known: dict[str, Classifier] = {
        "majority": Majority(test.names, shares.tolist()), "tfidf_logistic_regression": linear(test.names),
    }  # fmt: skip
    for seconds, family in enumerate(families, 1):
        child = store.create(ClassifyConfig(race=run.id, family=family), name=family, threads=1)  # type: ignore[arg-type]
        if family in known:
            save_classifier(known[family], child.folder / CLASSIFIER)
            found = known[family].probabilities(test.texts)
        else:
            found = answers[family](test)
        (child.folder / PREDICTIONS).write_bytes(save({"test": found.astype(np.float32)}))
        scores = report(test.labels, predict(found), len(test.names))
        result: dict[str, Any] = {
            "accuracy": scores.accuracy, "accuracy_low": scores.accuracy - 0.05, "accuracy_high": min(1.0, scores.accuracy + 0.05),
            "macro_f1": scores.macro.f1, "seconds": seconds / 2, "all_seconds": float(seconds), "parameters": 1000 * seconds,
            "texts": len(training), "neural": family == "lstm", "chosen": {},
        }  # fmt: skip
        if folds:
            mean = {"folds": [0.7, 0.8], "mean": 0.75, "deviation": 0.07071}
            result["folds"] = {"accuracy": mean, "macro_f1": mean}
        (child.folder / RESULT).write_text(json.dumps(result), encoding="utf-8")
    (run.folder / "status.json").write_text(json.dumps({"state": "finished", "heartbeat": 0.0}), encoding="utf-8")
    return open_race(store.find(run.id))


def sure(share: float) -> Any:
    """Answers that are right on so large a share of the texts, the first ones, and 0.9 sure of each."""

    def answer(test: Any) -> Any:
        count, classes = len(test), len(test.names)
        called = np.where(np.arange(count) < share * count, test.labels, (test.labels + 1) % classes)
        found = np.full((count, classes), 0.1 / (classes - 1))
        found[np.arange(count), called] = 0.9
        return found

    return answer
