"""How much each token of a text adds to an answer, and how faithful that is."""

from collections.abc import Iterator

from llm_core.interpret.attribution import input_attribution as attribution
from llm_core.interpret.attribution.faithfulness import faithfulness
from llm_core.interpret.attribution.input_attribution import Explained, InputAttribution
from llm_core.interpret.reading import read
from llm_core.interpret.target import Target
from llm_core.runs.history import Row
from llm_core.runs.inquired import InputsQuestion
from llm_core.runs.inquiry_subject import Subject


def answer(question: InputsQuestion, subject: Subject) -> Iterator[float | Row]:
    """Rows of kind "scores", of Shapley sampling one after each order, the last the best; then, where they are tested, one of kind
    "curves".

    Raises UserError where the model has no such target.
    """
    reading = read(subject.model, subject.tokenizer, question.text, question.source or None)
    explained = Explained(subject.model, subject.tokenizer, reading, Target(question.token, question.target, question.against))  # fmt: skip
    yield 0.02
    if question.by == "shapley":
        for number, found in enumerate(attribution.shapley(explained, orders=question.orders)):
            yield _row(found)
            yield 0.8 * (number + 1) / question.orders
    else:
        found = _scores(explained, question.by)
        yield _row(found)
    yield 0.8
    if not question.random_orders:
        return
    test = faithfulness(explained, found.scores, random_orders=question.random_orders)
    yield {
        "kind": "curves", "order": list(test.order), "deletion": test.deletion.tolist(), "insertion": test.insertion.tolist(),
        "random_deletions": test.random_deletions.tolist(), "random_insertions": test.random_insertions.tolist(),
    }  # fmt: skip


def _scores(explained: Explained, by: str) -> InputAttribution:
    if by == "gradient_input":
        return attribution.gradient_times_input(explained)
    return attribution.occlusion(explained) if by == "occlusion" else attribution.integrated_gradients(explained)


def _row(found: InputAttribution) -> Row:
    return {
        "kind": "scores", "scores": found.scores.astype(float).tolist(), "value": found.value, "baseline": found.baseline,
        "delta": found.delta, "complete": found.complete,
    }  # fmt: skip
