"""Two readings side by side, as a page keeps them: words and numbers, and no model."""

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from llm_core.errors import UserError
from pages.ui.inside.computed import KEPT, Asked, opened, refuse_slow, takes_long
from pages.ui.inside.selection import Against
from pages.ui.state import inference, store

if TYPE_CHECKING:
    from llm_core.interpret.side_by_side import Column, SideBySide

Floats = NDArray[np.floating]
_TOP = 24
_PASSES = {"lens": 4, "inputs": 200}


@dataclass(frozen=True)
class Pair:
    """Who reads what, on both sides."""

    one: Asked
    other: Asked


@dataclass(frozen=True)
class Laid:
    """`tokens` of both texts; `says` (a side, a position, K) the likeliest names with their probabilities, of a whole text
    one position; `divergences`, `why_not` and `losses` as in `llm_core.interpret.side_by_side.SideBySide`."""

    columns: "tuple[Column, ...]"
    tokens: tuple[tuple[str, ...], tuple[str, ...]]
    says: tuple[tuple[tuple[tuple[str, float], ...], ...], tuple[tuple[tuple[str, float], ...], ...]]
    whole: bool
    divergences: Floats | None
    why_not: UserError | None
    losses: Floats


@dataclass(frozen=True)
class Both:
    """Something of both over the same columns: values (R, C) each, NaN where one has no token; `rows` are names of places.
    `texts` (R, C) of what stands in the cells, where something does."""

    rows: tuple[str, ...]
    one: Floats
    other: Floats
    one_texts: tuple[tuple[str, ...], ...] = ()
    other_texts: tuple[tuple[str, ...], ...] = ()


@lru_cache(maxsize=KEPT)
def laid(pair: Pair) -> Laid:
    """Raises UserError where the two cannot be aligned."""
    with inference():
        found = _side_by_side(pair)
        halves = (found.one, found.other)
        says = tuple(
            tuple(tuple((half.subject.names[each], float(share)) for each, share in zip(top, shares, strict=True)) for top, shares in zip(half.top, half.probabilities, strict=True))
            for half in halves
        )  # fmt: skip
        from llm_core.interpret.target import is_whole

        return Laid(
            found.columns, (found.one.subject.reading.text.tokens, found.other.subject.reading.text.tokens), says,  # type: ignore[arg-type]
            is_whole(found.one.subject.model), found.divergences, found.why_not, found.losses,
        )  # fmt: skip


@lru_cache(maxsize=KEPT)
def lenses(pair: Pair, target: str) -> Both:
    """The probability of what is explained, by name, at the end of each layer and at each column. Raises UserError where
    one of the two has no such token, or has another number of layers."""
    with inference():
        from llm_core.interpret.lenses.logit_lens import logit_lens
        from llm_core.interpret.side_by_side import lasts_over

        found = _side_by_side(pair)
        made = []
        for side, half in enumerate((found.one, found.other)):
            subject = half.subject
            refuse_slow(subject.model, _PASSES["lens"], len(subject.reading.text.ids))
            lens = logit_lens(subject.model, subject.reading, pinned=(_named(subject.names, target),), top=1)
            rows = [row for row, place in enumerate(lens.rows) if place.kind in ("embedding", "residual_after")]
            count = len(subject.reading.text.ids)
            shares = lasts_over(lens.pinned_probabilities[rows, :count, 0], found.columns, side)
            words = [
                tuple(subject.names[int(lens.top[row, at[-1], 0])] if at else "" for at in ((column.other if side else column.one) for column in found.columns))
                for row in rows
            ]  # fmt: skip
            made.append((tuple(str(lens.rows[row]) for row in rows), shares, tuple(words)))
        (rows_one, one, one_texts), (rows_other, other, other_texts) = made
        if len(rows_one) != len(rows_other):
            raise UserError("The two models have {one} and {other} layers: their layers do not stand for each other.", one=len(rows_one) - 1, other=len(rows_other) - 1)  # fmt: skip
        return Both(rows_one, one, other, one_texts, other_texts)


@lru_cache(maxsize=KEPT)
def attributions(pair: Pair, token: int | None, target: str, against: str | None) -> Both:
    """How much the tokens of each column speak for what is explained, on both sides: one row. Raises UserError where the
    other side has nothing in the place of the chosen token, and where it would take over a second."""
    with inference():
        from llm_core.interpret.attribution.input_attribution import Explained, integrated_gradients
        from llm_core.interpret.side_by_side import counterpart, sums_over
        from llm_core.interpret.target import Target

        found = _side_by_side(pair)
        there = None if token is None else counterpart(found.columns, token)
        if token is not None and there is None:
            raise UserError("In the other text nothing stands for the chosen token: choose one that both have.")
        made = []
        for side, (asked, position) in enumerate(((pair.one, token), (pair.other, there))):
            model, tokenizer, reading = opened(asked)
            names = (found.one, found.other)[side].subject.names
            if takes_long(model, _PASSES["inputs"], len(reading.text.ids)):
                raise UserError("This would take long for two texts at once; look at one after the other in the view “Words of the text”, where a worker is asked.")  # fmt: skip
            held: Against = against if against in (None, "others") else _named(names, str(against))
            explained = Explained(model, tokenizer, reading, Target(position, _named(names, target), held))  # type: ignore[arg-type]
            scores = integrated_gradients(explained).text
            made.append(sums_over(np.asarray(scores)[None], found.columns, side))
        return Both(("",), made[0], made[1])


def _side_by_side(pair: Pair) -> "SideBySide":
    from llm_core.interpret.names import names_of
    from llm_core.interpret.side_by_side import Subject, side_by_side

    subjects = []
    for asked in (pair.one, pair.other):
        model, tokenizer, reading = opened(asked)
        refuse_slow(model, 1, len(reading.text.ids))
        pieces = tuple(tokenizer.pieces)
        subjects.append(Subject(model, pieces, names_of(model, tokenizer, store().find(asked.run).labels), reading))
    return side_by_side(subjects[0], subjects[1], same_text=pair.one.text == pair.other.text, top=_TOP)


def _named(names: tuple[str, ...], name: str) -> int:
    """The token or class of this name. Raises UserError where there is none."""
    if name not in names:
        raise UserError("The other model has no token {name!r}.", name=name)
    return names.index(name)
