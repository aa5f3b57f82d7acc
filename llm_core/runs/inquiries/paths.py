"""Path patching: what every head and feed-forward layer says to one receiver, a row for each as it is known."""

from collections.abc import Iterator

from llm_core.interpret.components import Component, feed_forwards, heads, streams
from llm_core.interpret.patching.pairs import pair_of_readings
from llm_core.interpret.patching.patching import Patching
from llm_core.interpret.patching.path_patching import patch_paths
from llm_core.interpret.reading import read
from llm_core.interpret.target import Target
from llm_core.runs.history import Row
from llm_core.runs.inquired import PathsQuestion
from llm_core.runs.inquiry_subject import Subject


def answer(question: PathsQuestion, subject: Subject) -> Iterator[float | Row]:
    """Rows of kind "path": a sender, and how far its word to the receiver brings the clean answer back.

    Raises UserError where the two texts cannot be compared, the model tells them not apart, or there is no such receiver.
    """
    model, tokenizer = subject.model, subject.tokenizer
    clean = read(model, tokenizer, question.text, question.source or None)
    texts = (question.text, question.other) if question.source else (question.other, None)
    target = Target(question.token, question.target, question.against)
    pair = pair_of_readings(model, clean, read(model, tokenizer, *texts), subject.names, target)
    yield 0.02
    logits = Component(streams(model)[-1], None, "hidden")
    receiver = Component.parse(question.receiver) if question.receiver else logits
    count = len(heads(model)) + len(feed_forwards(model))
    for number, (sender, value) in enumerate(patch_paths(Patching(model, pair), receiver, question.heard_by)):
        yield {"kind": "path", "sender": str(sender), "value": value}
        yield 0.02 + 0.97 * (number + 1) / count
