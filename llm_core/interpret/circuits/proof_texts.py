"""Texts on which a model shows whether it can copy, or go on with a sequence: what certain heads are said to be for.

Copying: random tokens that come twice; a model that writes must say the next token of the second copy, an encoder one
that is hidden there. Going on: after one, two, three comes four.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from llm_core.config import TaskConfig
from llm_core.errors import UserError
from llm_core.interpret.attention.attention import Part, parts
from llm_core.interpret.attention.repeated_tokens import repeated_texts
from llm_core.interpret.loss_texts import UNASKED, LossTexts
from llm_core.interpret.padding import padded, together
from llm_core.interpret.reading import AnyTokenizer
from llm_core.models.base import Model

SEQUENCES: tuple[tuple[str, ...], ...] = (
    tuple("0123456789"),
    ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
    ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"),
    ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"),
    tuple("abcdefghijklmnopqrstuvwxyz"),
    tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
    tuple("一二三四五六七八九十"),
)  # fmt: skip
"""What has a next one. A tokenizer serves a sequence as far as its members are single tokens of it."""

_RUN = 3
"""Members of a sequence that a model reads before it is asked for the next one."""
_TEXTS_AT_ONCE = 32


def writing_part(model: Model) -> Part:
    """The part whose heads are looked at: a decoder, or an encoder. Raises UserError for a model without attention."""
    present = parts(model)
    if not present:
        raise UserError("This model has no attention heads: only Transformers with layers do. Choose one.")
    return "decoder" if "decoder" in present else "encoder"


def sequences_of(tokenizer: AnyTokenizer) -> list[tuple[int, ...]]:
    """The sequences that a tokenizer knows, as token ids: members in a row that are single tokens, four or more.

    Raises UserError where there is none.
    """
    found = []
    for sequence in SEQUENCES:
        for before in (" ", ""):
            longest = _longest_run([_only_token(tokenizer, before + word) for word in sequence])
            if len(longest) > _RUN:
                found.append(longest)
                break
    if not found:
        raise UserError("The tokenizer of this model has no sequence such as one, two, three, four as single tokens, so that successor heads cannot be looked for.")  # fmt: skip
    return found


def sequence_texts(tokenizer: AnyTokenizer) -> LossTexts:
    """Every three members in a row of every sequence, with the fourth. Raises UserError as `sequences_of` does."""
    rows = [
        ([*tokenizer.begin, *sequence[start : start + _RUN]], sequence[start + _RUN])
        for sequence in sequences_of(tokenizer)
        for start in range(len(sequence) - _RUN)
    ]
    truths = [[UNASKED] * (len(ids) - 1) + [right] for ids, right in rows]
    return _batched([ids for ids, _ in rows], truths, [])


def copying_texts(model: Model, tokenizer: AnyTokenizer, vocabulary: Sequence[int], texts: int, seed: int) -> LossTexts:
    """Random tokens of a vocabulary, twice, with what should be said in the second copy.

    Raises UserError where there is no room for two copies, and for an encoder whose tokenizer has no mask.
    """
    if isinstance(model.config, TaskConfig):
        raise UserError("A model for a task says no tokens, so that it cannot show whether it copies.")
    part = writing_part(model)
    mask = getattr(tokenizer, "mask", None)
    if part == "encoder" and mask is None:
        raise UserError("What an encoder can is measured at hidden tokens: its tokenizer needs a mask.")
    random = np.random.default_rng(seed)
    ids, truths, sources = [], [], []
    for text in repeated_texts(model, tokenizer, vocabulary, texts, seed):
        row = list(text.reading.text.ids)
        truth = [UNASKED] * len(row)
        if part == "decoder":
            for question in text.questions["decoder"]["induction"]:
                (position,) = question.positions
                if position + 1 < len(row):
                    truth[position] = row[position + 1]
        else:
            questions = text.questions["encoder"]["duplicate_token"]
            (position,) = questions[int(random.integers(len(questions)))].positions
            truth[position] = row[position]
            row[position] = int(mask or 0)
        ids.append(row)
        truths.append(truth)
        if text.reading.source is not None:
            sources.append(list(text.reading.source.ids))
    if not ids:
        raise UserError("The model's context, or the vocabulary, has no room for tokens that come twice.")
    asked = _batched(ids, truths, sources)
    if not getattr(model.config, "query_stream", False):
        return asked
    # One with a query stream (XLNet) is told that what is hidden comes last in its order.
    ordered = [
        replace(batch, permutation=(truth != UNASKED).long())
        for batch, truth in zip(asked.batches, asked.truths, strict=True)
    ]
    return LossTexts(tuple(ordered), asked.truths)


def _batched(ids: list[list[int]], truths: list[list[int]], sources: list[list[int]]) -> LossTexts:
    batches, answers = [], []
    for start in range(0, len(ids), _TEXTS_AT_ONCE):
        some = slice(start, start + _TEXTS_AT_ONCE)
        batches.append(together(ids[some], sources[some]))
        answers.append(padded(truths[some], UNASKED))
    return LossTexts(tuple(batches), tuple(answers))


def _only_token(tokenizer: AnyTokenizer, text: str) -> int | None:
    """The token that spells all of a text, and not the sign for an unknown word; None where there is none."""
    ids = tokenizer.encode(text)
    return ids[0] if len(ids) == 1 and text.strip() in tokenizer.pieces[ids[0]] else None


def _longest_run(tokens: Sequence[int | None]) -> tuple[int, ...]:
    """The most members in a row that are there, none of them twice."""
    best: tuple[int, ...] = ()
    run: tuple[int, ...] = ()
    for token in tokens:
        run = () if token is None or token in run else (*run, token)
        best = max(best, run, key=len)
    return best
