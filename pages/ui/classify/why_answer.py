"""What the panel "why" computes for one family and one text: in three parts, so that each is there soon.

Knows no page. What takes longest, the index of training texts, is kept in memory for the last few races.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from llm_core.config import Config
from llm_core.data.labelled import Labelled
from llm_core.data.table_examples import EXAMPLES
from llm_core.data.table_writing import as_table
from llm_core.runs.raced import Race, open_race
from pages.ui.state import inference, store

LONGEST = 20_000
MOST_READ = 800
"""Training texts that a network reads to find the nearest: a second or two of work."""
NEAREST = 5
FLIP_SECONDS = 2.0
MOST_KEPT = 48
_AT_ONCE = 100

Kept = TypeVar("Kept")


class Asked(Config):
    """A question about one family of a race as it comes from a browser. target: the class that is explained."""

    run: str
    family: str
    text: str = Field(max_length=LONGEST)
    target: int = Field(ge=0, le=1000)
    method: Literal["integrated_gradients", "gradient_input", "occlusion"]
    part: Literal["words", "nearest", "flips"]


def answer(asked: Asked) -> dict[str, Any]:
    """One part of the answer, as the browser takes it. Raises UserError for a race, family or class that is not there."""
    race = open_race(store().find(asked.run))
    key = asked.part, race.run.folder, asked.family, asked.text, asked.target, asked.method
    make = {"words": words, "nearest": nearest, "flips": flips}[asked.part]
    return _kept(key, lambda: make(race, asked))


def words(race: Race, asked: Asked) -> dict[str, Any]:
    """What each word adds to the margin of the class; for a tree its questions, too."""
    from llm_core.inference.classifiers.base import LinearClassifier, NetworkClassifier, TreeClassifier
    from llm_core.interpret.attribution import class_attribution as methods

    classifier = race.classifier(asked.family)
    with inference():
        row = classifier.probabilities([asked.text])[0]
        if isinstance(classifier, LinearClassifier):
            found = methods.linear_weights(classifier, asked.text, asked.target)
        elif isinstance(classifier, NetworkClassifier) and asked.method == "integrated_gradients":
            found = methods.integrated_gradients(classifier, asked.text, asked.target)
        elif isinstance(classifier, NetworkClassifier) and asked.method == "gradient_input":
            found = methods.gradient_times_input(classifier, asked.text, asked.target)
        else:
            found = methods.occlusion(classifier, asked.text, asked.target)
    spans, scores, rest = methods.onto_words(found, asked.text)
    path = classifier.path(asked.text) if isinstance(classifier, TreeClassifier) else None
    return {
        "called": int(row.argmax()), "probability": float(row.max()), "of_target": float(row[asked.target]),
        "method": found.method, "margin": found.margin, "baseline": found.baseline, "delta": found.delta,
        "complete": found.complete, "steps": found.steps, "rest": rest,
        "words": [[start, end, round(float(score), 6)] for (start, end), score in zip(spans, scores, strict=True)],
        "path": None if path is None else [[one.feature, one.threshold, one.value, one.went_left] for one in path],
        "csv": as_table(
            ("family", "method", "start", "word", "score"),
            (
                (asked.family, found.method, start, asked.text[start:end], float(f"{score:.6g}"))
                for (start, end), score in zip(spans, scores, strict=True)
            ),
        ),
    }  # fmt: skip


def nearest(race: Race, asked: Asked) -> dict[str, Any]:
    """The training texts nearest to the text: by what the family's network makes of them, or by their words."""
    from llm_core.interpret.attribution.nearest_texts import HasVectors, NearestByVectors, NearestByWords

    classifier, training = race.classifier(asked.family), race.prepared.training
    if isinstance(classifier, HasVectors):
        places = np.sort(np.random.default_rng(0).permutation(len(training))[:MOST_READ])
        index = _kept(
            ("vectors", race.run.folder, asked.family), lambda: NearestByVectors(_vectors(classifier, training, places))
        )
        with inference():
            found = index.of(classifier.vectors([asked.text])[0], NEAREST)
        by, of = "vectors", len(places)
    else:
        places, by, of = np.arange(len(training)), "words", len(training)
        found = _kept(("by words", race.run.folder), lambda: NearestByWords(training.texts)).of(asked.text, NEAREST)
    return {
        "by": by, "of": of,
        "found": [_told(training, int(places[one.place]), one.cosine) for one in found],
    }  # fmt: skip


def flips(race: Race, asked: Asked) -> dict[str, Any]:
    """The smallest changes that flip the family's decision, by kind of change."""
    from llm_core.interpret.attribution import flips as search
    from llm_core.interpret.attribution.evidence import evidence

    classifier, training = race.classifier(asked.family), race.prepared.training
    told = _kept(("evidence", race.run.folder), lambda: evidence(training.texts, training.labels, len(training.names)))
    with inference():
        called = int(classifier.probabilities([asked.text])[0].argmax())
    kinds = {
        "deletions": search.deletions(asked.text),
        "opposites": search.opposites(asked.text, called, told),
    }
    example = EXAMPLES.get(race.settings.table.file)
    if example is not None:
        kinds["synonyms"] = search.synonym_swaps(asked.text, example.synonyms)
    reply: dict[str, Any] = {}
    for kind, edits in kinds.items():
        with inference():
            result = search.flip(classifier, asked.text, edits, seconds=FLIP_SECONDS)
        reply[kind] = {
            "called": result.label, "smallest": result.smallest, "judged": result.judged, "timed_out": result.timed_out,
            "possible": len(edits),
            "found": [
                {
                    "label": one.label, "probability": one.probability,
                    "edits": [[edit.start, edit.end, edit.replacement] for edit in one.edits],
                }
                for one in result.found
            ],
        }  # fmt: skip
    return reply


def _told(training: Labelled, place: int, cosine: float) -> dict[str, Any]:
    text = training.texts[place]
    return {
        "text": text[:400] + "…" if len(text) > 400 else text,
        "label": int(training.labels[place]),
        "row": training.rows[place],
        "cosine": cosine,
    }


def _vectors(classifier: Any, training: Labelled, places: NDArray[np.int64]) -> NDArray[np.float64]:
    """A hundred texts at a time, so that others who wait for a place to compute get their turn."""
    found = []
    for start in range(0, len(places), _AT_ONCE):
        with inference():
            found.append(classifier.vectors([training.texts[place] for place in places[start : start + _AT_ONCE]]))
    return np.concatenate(found)


_memory: "OrderedDict[tuple[Any, ...], Any]" = OrderedDict()
_lock = threading.Lock()
_making: dict[tuple[Any, ...], threading.Lock] = {}


def _kept(key: tuple[Any, ...], make: Callable[[], Kept]) -> Kept:
    """Made once, however many ask at the same time."""
    with _lock:
        if key in _memory:
            _memory.move_to_end(key)
            known: Kept = _memory[key]
            return known
        mine = _making.setdefault(key, threading.Lock())
    try:
        with mine:
            with _lock:
                if key in _memory:
                    again: Kept = _memory[key]
                    return again
            made = make()
            with _lock:
                _memory[key] = made
                while len(_memory) > MOST_KEPT:
                    _memory.popitem(last=False)
            return made
    finally:
        with _lock:
            _making.pop(key, None)
