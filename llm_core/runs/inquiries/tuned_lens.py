"""A tuned lens: trained on texts like those that a model has read, judged on others, kept beside its rows."""

from collections.abc import Iterator

import numpy as np

from llm_core.interpret.array_files import write_arrays
from llm_core.interpret.lenses.tuned_lens import TunedLensReport, train_tuned_lens
from llm_core.interpret.loss_texts import askable, loss_texts
from llm_core.models.base import Batch
from llm_core.runs.history import Row
from llm_core.runs.inquired import TunedLensQuestion
from llm_core.runs.inquiry_subject import Subject
from llm_core.runs.own_texts import own_readings

FILE = "lens.safetensors"
_POINTS = 60
"""Steps of a training that are rows."""


def answer(question: TunedLensQuestion, subject: Subject) -> Iterator[float | Row]:
    """Rows of kind "step" while it learns; then the file, and a row of kind "report".

    Raises UserError for a model that cannot be read out, and where there are no texts.
    """
    known = _batches(subject, question.texts, question.texts)
    unknown = _batches(subject, question.texts, 0)
    yield 0.02
    work = train_tuned_lens(subject.model, known, unknown, steps=question.steps, seed=question.seed)
    while True:
        try:
            step = next(work)
        except StopIteration as end:
            report: TunedLensReport = end.value
            break
        if step.step % max(1, question.steps // _POINTS) == 0 or step.step == 1:
            yield {"kind": "step", "number": step.step, "divergences": step.divergences.astype(float).round(5).tolist()}
        yield 0.02 + 0.97 * step.step / step.of
    lens = report.lens
    # In 16 bits: the weights are corrections to the identity.
    write_arrays(subject.folder / FILE, {"weights": lens.weights.astype(np.float16), "biases": lens.biases.astype(np.float16)})  # fmt: skip
    yield {
        "kind": "report", "stream": lens.stream, "places": [str(row) for row in lens.rows], "steps": lens.steps,
        "positions": lens.positions, "judged": report.positions,
        "before": report.before.astype(float).tolist(), "after": report.after.astype(float).tolist(),
    }  # fmt: skip


def _batches(subject: Subject, count: int, start: int) -> tuple[Batch, ...]:
    """Texts as they are read when a word is to be said: an encoder reads them with some hidden."""
    readings = own_readings(subject.run, subject.model, subject.tokenizer, count, start, total=2 * count)
    mask = getattr(subject.tokenizer, "mask", None)
    asked = [reading for reading in readings if askable(subject.model, reading, mask)]
    return loss_texts(subject.model, asked, mask=mask).batches
