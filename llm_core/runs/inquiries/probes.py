"""Linear probes at every layer of a model, one after the other, and the probes themselves in a file."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from llm_core.errors import UserError
from llm_core.interpret.array_files import read_arrays, write_arrays
from llm_core.interpret.components import streams
from llm_core.interpret.geometry.hidden_states import layer_ends
from llm_core.interpret.probes.probe_labels import labelled_tokens
from llm_core.interpret.probes.probe_truth import lexicon
from llm_core.interpret.probes.probes import LinearProbe, probe
from llm_core.runs.history import Row
from llm_core.runs.inquired import ProbesQuestion
from llm_core.runs.inquiry_subject import Subject

FILE = "probes.safetensors"
"""weights (P, L, width) and biases (P, L) of the probes at P places for L labels."""
_ARRAYS = ("weights", "biases")


def answer(question: ProbesQuestion, subject: Subject) -> Iterator[float | Row]:
    """A row of kind "asked" with the labels and the words that are always the same, then one of kind "probe" for each place.

    Raises UserError where there is nothing to ask, as `labelled_tokens` and `probe` do.
    """
    model = subject.model
    labelled = labelled_tokens(
        model, subject.tokenizer, question.about, texts=question.texts, language=question.language, seed=question.seed
    )
    yield 0.05
    yield {
        "kind": "asked", "names": list(labelled.names), "longest": labelled.longest, "tokens": len(labelled.label),
        "words": lexicon(question.about, question.language),
    }  # fmt: skip
    yield 0.1
    count = len(layer_ends(model, streams(model)[0]))
    readers = []
    for number, each in enumerate(probe(model, labelled, question.seed)):
        readers.append(each.reader)
        yield {
            "kind": "probe", "place": str(each.place), "accuracy": each.accuracy, "low": each.low, "high": each.high,
            "control": each.control, "majority": each.majority, "by_word": each.by_word, "tokens": each.tokens,
            "confusion": each.confusion.tolist(),
        }  # fmt: skip
        if number + 1 == count:
            weights, biases = (np.stack([getattr(each, name) for each in readers]) for name in _ARRAYS)
            write_arrays(subject.folder / FILE, {"weights": weights, "biases": biases})
        yield 0.1 + 0.9 * (number + 1) / count


def readers_of(path: Path, places: int, labels: int, width: int) -> tuple[LinearProbe, ...]:
    """The probes in a file, by place. Raises UserError where it cannot be read, and where it does not hold probes of so many
    labels, of vectors so wide, at so many places."""
    weights, biases = read_arrays(path, *_ARRAYS)
    if weights.shape != (places, labels, width) or biases.shape != (places, labels):
        raise UserError("The file {name} is missing or broken.", name=path.name)
    return tuple(LinearProbe(each, free) for each, free in zip(weights, biases, strict=True))
