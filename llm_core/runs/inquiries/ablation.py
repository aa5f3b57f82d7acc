"""What is lost when pieces of a model or tokens of a text are taken away: a row for each as it is measured."""

from collections.abc import Iterator, Sequence

from llm_core.errors import UserError
from llm_core.interpret.ablation.ablation import (
    Ablated,
    Score,
    ablated,
    against_others,
    loss_of,
    map_ablations,
    target_of,
)
from llm_core.interpret.components import Component, feed_forwards, heads, streams
from llm_core.interpret.interventions import Reference, reference
from llm_core.interpret.loss_texts import loss_texts
from llm_core.interpret.reading import Reading, as_batch, read
from llm_core.interpret.target import Target
from llm_core.runs.history import Row
from llm_core.runs.inquired import AblationQuestion
from llm_core.runs.inquiry_subject import Subject
from llm_core.runs.own_texts import own_readings

OTHERS = 24
"""Other texts, to put what pieces do there in place of what they do here."""
DRAWS = 50
"""Sets of other pieces at most."""


def answer(question: AblationQuestion, subject: Subject) -> Iterator[float | Row]:
    """A row of kind "ablated" for each piece, or each token; or, of the chosen pieces beside others, one of kind "chosen",
    one of kind "other" for each other set, and one of kind "control". Before them one of kind "before".

    A piece that is named twice is taken away once. Raises UserError where nothing can be measured, where no piece is
    chosen to be held beside others, and where there are no other pieces.
    """
    model = subject.model
    chosen = list(dict.fromkeys(Component.parse(name) for name in question.chosen))
    if question.of == "others" and not chosen:
        raise UserError("Choose at least one piece to take away.")
    reading = read(model, subject.tokenizer, question.text, question.source or None)
    score = _score(question, subject, reading)
    yield {"kind": "before", "value": float(score({}).mean())}
    if question.of == "tokens":
        embedding = Component(streams(model)[-1], None, "embedding")
        count = len(reading.text.ids)
        for place in range(count):
            yield {**_row("ablated", ablated(model, score, [embedding], positions=[place])), "position": place}
            yield (place + 1) / count
        return
    components = (*heads(model), *feed_forwards(model))
    others = None if question.instead == "zero" else _others(subject, (*components, *chosen))
    if question.of == "pieces":
        for number, each in enumerate(map_ablations(model, score, components, question.instead, others=others)):
            yield _row("ablated", each)
            yield (number + 1) / len(components)
        return
    work = against_others(model, score, chosen, question.instead, draws=DRAWS, others=others)
    number = 0
    while True:
        try:
            each = next(work)
        except StopIteration as end:
            control = end.value
            yield {"kind": "control", "exhaustive": control.exhaustive, "rank": control.rank, "of": control.of}
            return
        yield _row("other" if number else "chosen", each)
        number += 1
        yield number / (DRAWS + 1)


def _row(kind: str, found: Ablated) -> Row:
    return {
        "kind": kind, "components": [str(component) for component in found.components], "change": found.change,
        "after": float(found.after.mean()),
    }  # fmt: skip


def _score(question: AblationQuestion, subject: Subject, reading: Reading) -> Score:
    model = subject.model
    if question.measure == "target":
        return target_of(model, reading, Target(question.token, question.target, question.against))
    return loss_of(model, loss_texts(model, [reading], mask=getattr(subject.tokenizer, "mask", None)))


def _others(subject: Subject, components: Sequence[Component]) -> Reference:
    readings = own_readings(subject.run, subject.model, subject.tokenizer, OTHERS)
    return reference(subject.model, components, [as_batch(each) for each in readings])
