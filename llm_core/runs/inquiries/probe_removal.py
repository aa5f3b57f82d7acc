"""Whether a model still knows how many there are when what a probe reads is taken out of it, place by place."""

from collections.abc import Iterator

from llm_core.interpret.probes.probe_removal import probe_removal
from llm_core.runs.history import Row
from llm_core.runs.inquired import RemovalQuestion
from llm_core.runs.inquiry_subject import Subject


def answer(question: RemovalQuestion, subject: Subject) -> Iterator[float | Row]:
    """A row of kind "removal" for each place. Raises UserError where the model cannot be asked."""
    work = probe_removal(
        subject.model, subject.tokenizer, texts=question.texts, language=question.language, directions=question.directions,
        draws=question.draws, seed=question.seed,
    )  # fmt: skip
    for found in work:
        if isinstance(found, float):
            yield found
            continue
        yield {
            "kind": "removal", "place": str(found.place), "probe": found.probe, "low": found.low, "high": found.high,
            "left": found.left, "before": found.before, "after": found.after, "lead_before": found.lead_before,
            "lead_after": found.lead_after, "random": found.random.astype(float).round(6).tolist(), "texts": found.texts,
        }  # fmt: skip
