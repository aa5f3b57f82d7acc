"""A map of activation patching, row by row, and how its fast approximation agrees with it."""

from collections.abc import Iterator

import numpy as np

from llm_core.interpret.patching.attribution_patching import correlation, estimates
from llm_core.interpret.patching.pairs import pair_of_readings
from llm_core.interpret.patching.patching import Patching, PatchingMap, columns_of, rows_of
from llm_core.interpret.reading import read
from llm_core.interpret.target import Target
from llm_core.runs.history import Row
from llm_core.runs.inquired import PatchingQuestion
from llm_core.runs.inquiry_subject import Subject


def answer(question: PatchingQuestion, subject: Subject) -> Iterator[float | Row]:
    """A row of kind "map" with the columns, one of kind "row" for each of the map, one of kind "estimate" at the end.

    Raises UserError where the two texts cannot be compared, or the model tells them not apart.
    """
    model, tokenizer = subject.model, subject.tokenizer
    clean = read(model, tokenizer, question.text, question.source or None)
    texts = (question.text, question.other) if question.source else (question.other, None)
    target = Target(question.token, question.target, question.against)
    pair = pair_of_readings(model, clean, read(model, tokenizer, *texts), subject.names, target)
    yield 0.02
    patching = Patching(model, pair)
    columns, count = columns_of(model, pair, question.where, question.part), len(rows_of(model, question.where, question.part))  # fmt: skip
    yield {"kind": "map", "columns": list(columns), "rows": count, "clean": patching.clean, "corrupted": patching.corrupted}  # fmt: skip
    rows = []
    for place, row in enumerate(patching.rows(question.where, question.part)):
        rows.append(row)
        yield {"kind": "row", "component": str(row.component), "values": row.values.astype(float).round(6).tolist()}
        yield 0.05 + 0.85 * (place + 1) / count
    found = PatchingMap(
        question.where, question.part, tuple(str(row.component) for row in rows), columns,
        np.stack([row.values for row in rows]), patching.clean, patching.corrupted,
    )  # fmt: skip
    guessed = estimates(patching, question.part, [question.where])[question.where]
    yield {"kind": "estimate", "correlation": correlation(found, guessed)}
