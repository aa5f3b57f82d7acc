"""Heads that are found by what they do, and then proved: a row for each set that is taken away."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from llm_core.interpret.ablation.ablation import Ablated
from llm_core.interpret.circuits.prove_heads import LEAST, find_heads, prove_found
from llm_core.runs.history import Row
from llm_core.runs.inquired import ProofQuestion
from llm_core.runs.inquiry_subject import Subject
from llm_core.runs.used_tokens import spoken_language, used_tokens


def answer(question: ProofQuestion, subject: Subject) -> Iterator[float | Row]:
    """A row of kind "scores" with that of each head and those that are `chosen`: all that reach `least`, else the best one.
    Then one of kind "chosen", one of kind "other" for each other set, and one of kind "proof" at the end. Where no head has
    any score, there is nothing to take away, and the first row is the only one.

    Raises UserError where this kind cannot be looked for, and where there are no other heads.
    """
    model, tokenizer = subject.model, subject.tokenizer
    # Random texts are made of the tokens that the model has learned from.
    vocabulary = None if question.about in ("successor", "subject") else used_tokens(subject.run, tokenizer)
    language = spoken_language(subject.run) or "en"
    found = find_heads(model, tokenizer, question.about, vocabulary=vocabulary, language=language, texts=question.texts, seed=question.seed)  # fmt: skip
    reached = bool(found.chosen)
    if not reached and found.scores.max() > 0:
        found = replace(found, chosen=(found.heads[int(np.argmax(found.scores))],))
    yield {
        "kind": "scores", "heads": [str(head) for head in found.heads], "scores": found.scores.astype(float).round(5).tolist(),
        "chosen": [str(head) for head in found.chosen], "least": LEAST, "reached": reached,
        "baseline": None if found.baseline is None else round(float(found.baseline), 5),
    }  # fmt: skip
    if not found.chosen:
        return
    yield 0.3
    work = prove_found(
        model, tokenizer, found, vocabulary=vocabulary, language=language, texts=question.texts, draws=question.draws, seed=question.seed
    )  # fmt: skip
    number = 0
    while True:
        try:
            each = next(work)
        except StopIteration as end:
            proof = end.value
            yield {
                "kind": "proof", "items": proof.items, "rank": proof.rank, "of": len(proof.accuracy.others) + 1, "exhaustive": proof.accuracy.exhaustive,
                "loss_before": float(proof.loss.before.mean()), "loss_after": float(proof.loss.after.mean()),
            }  # fmt: skip
            return
        yield _row("other" if number else "chosen", each)
        number += 1
        yield 0.3 + 0.7 * number / (question.draws + 1)


def _row(kind: str, found: Ablated) -> Row:
    return {
        "kind": kind, "components": [str(component) for component in found.components], "change": round(found.change, 6),
        "before": round(float(found.before.mean()), 6), "after": round(float(found.after.mean()), 6),
    }  # fmt: skip
