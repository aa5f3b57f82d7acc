"""One family on the split of a race: fitted within its time, then tested once, and kept in its folder.

Knows no worker: a race's job drives it for one family after another, a "classify" run's job for its own.
"""

import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llm_core.data.labelled import Labelled, Prepared, folds, inner_split
from llm_core.data.synonyms import Synonyms, synonyms_of
from llm_core.data.table_examples import EXAMPLES
from llm_core.evaluate.bootstrap import interval, resample
from llm_core.evaluate.classification import predict, report
from llm_core.evaluate.cross_validation import over_folds
from llm_core.inference.classifiers.base import Classifier
from llm_core.runs.files import replace_json
from llm_core.runs.race import Augmentation, RaceConfig
from llm_core.runs.raced import CLASSIFIER, PREDICTIONS, RESULT
from llm_core.runs.run import Run
from llm_core.training.atomic import write_folder
from llm_core.training.classifiers.base import Family, FitOptions, Fitted, Progress

READ_AT_ONCE = 256
"""Texts between two signs of life while a classifier reads the test part."""

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Beat:
    """A sign of life: seconds since this family began, reading included."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Fold:
    """One fold of a cross-validation has been scored: number `fold`, from 1, `of` so many."""

    fold: int
    of: int
    accuracy: float
    macro_f1: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end: what `result.json` holds."""

    result: dict[str, Any]


@dataclass(frozen=True)
class Entry:
    """What a family is given. `seconds`: for all of it but reading the test part. `folds`: fitted so often besides."""

    family: Family
    seconds: float
    seed: int
    options: FitOptions = field(default_factory=FitOptions)
    share: float = 1.0
    folds: int | None = None


def enter(
    entry: Entry, prepared: Prepared, child: Run, clock: Clock = time.monotonic
) -> Iterator[Progress | Beat | Fold | Outcome]:
    """Fit a family on the training part, read the test part once, and keep all of it in the child's folder.

    `result.json` is written last: a family that has it is finished. Raises whatever the family does; UserError for
    folds that the training part does not allow.
    """
    began = clock()
    training = prepared.training
    if entry.share < 1:
        training = inner_split(training, entry.seed, entry.share)[1]
    parts = folds(training, entry.folds, entry.seed) if entry.folds else []
    seconds = entry.seconds / (len(parts) + 1)
    scored: list[Fold] = []
    for number, (learned, tested) in enumerate(parts, 1):
        fitted = yield from _fit(entry, training.take(learned), seconds, clock)
        kept = training.take(tested)
        probabilities = yield from _read(fitted.classifier, kept.texts, began, clock)
        found = report(kept.labels, predict(probabilities), len(kept.names))
        scored.append(Fold(number, len(parts), found.accuracy, found.macro.f1))
        yield scored[-1]
    fitted = yield from _fit(entry, training, seconds, clock)
    learned_in = clock() - began
    test = yield from _read(fitted.classifier, prepared.test.texts, began, clock)
    result = {
        **_scores(prepared.test, test), "seconds": fitted.seconds, "test_seconds": clock() - began - learned_in,
        "all_seconds": clock() - began, "parameters": fitted.classifier.parameters, "texts": len(training),
        "neural": entry.family.neural, "chosen": dict(fitted.chosen), "allotted": entry.seconds, **_summary(scored),
    }  # fmt: skip
    _keep(child, fitted.classifier, test, result)
    yield Outcome(result)


def options_for(settings: RaceConfig, augmentation: Augmentation | None = None) -> FitOptions:
    """What a person has chosen for all families of a race; `augmentation`: in place of what was chosen there.

    Words of the same meaning are those of an included table's own grammar, else those of the reviews in both languages.
    """
    sets: Synonyms = ()
    kind = augmentation or settings.augmentation
    if kind == "synonyms":
        example = EXAMPLES.get(settings.table.file)
        sets = example.synonyms if example else (*synonyms_of("reviews", "en"), *synonyms_of("reviews", "zh"))
    return FitOptions(augmentation=kind, synonyms=sets, long_texts=settings.long_texts)


def _fit(entry: Entry, training: Labelled, seconds: float, clock: Clock) -> Generator[Progress, None, Fitted]:
    records = entry.family.fit(training, seconds=seconds, seed=entry.seed, options=entry.options, clock=clock)
    for record in records:
        if isinstance(record, Fitted):
            return record
        yield record
    raise AssertionError(f"{entry.family.name} has yielded no classifier")


def _read(
    classifier: Classifier, texts: tuple[str, ...], began: float, clock: Clock
) -> Generator[Beat, None, NDArray[np.float64]]:
    """The probabilities (N, K), as exact as they are kept."""
    parts = [np.zeros((0, len(classifier.names)))]
    for start in range(0, len(texts), READ_AT_ONCE):
        parts.append(classifier.probabilities(texts[start : start + READ_AT_ONCE]))
        yield Beat(clock() - began)
    return np.concatenate(parts).astype(np.float32).astype(np.float64)


def _scores(test: Labelled, probabilities: NDArray[np.float64]) -> dict[str, float]:
    predicted = predict(probabilities)
    found = report(test.labels, predicted, len(test.names))
    drawn = resample(test.labels, [predicted], len(test.names))
    accuracy, macro_f1 = interval(drawn.accuracy[:, 0]), interval(drawn.macro_f1[:, 0])
    return {
        "accuracy": found.accuracy, "accuracy_low": accuracy.low, "accuracy_high": accuracy.high,
        "macro_f1": found.macro.f1, "macro_f1_low": macro_f1.low, "macro_f1_high": macro_f1.high,
    }  # fmt: skip


def _summary(scored: list[Fold]) -> dict[str, Any]:
    if not scored:
        return {}
    accuracy, macro_f1 = over_folds([fold.accuracy for fold in scored]), over_folds([fold.macro_f1 for fold in scored])
    return {"folds": {"accuracy": asdict(accuracy), "macro_f1": asdict(macro_f1)}}


def _keep(child: Run, classifier: Classifier, test: NDArray[np.float64], result: dict[str, Any]) -> None:
    from safetensors.numpy import save

    write_folder(child.folder, CLASSIFIER, classifier.files())
    partial = child.folder / f".{PREDICTIONS}"
    partial.write_bytes(save({"test": test.astype(np.float32)}))
    partial.replace(child.folder / PREDICTIONS)
    replace_json(child.folder / RESULT, result, durable=True)
