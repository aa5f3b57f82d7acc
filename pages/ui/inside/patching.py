"""Activation patching: which place, carried over from the clean text into another one, brings the answer back."""

from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from llm_core.config import TransformerConfig, network
from llm_core.data.table_writing import as_table
from pages.ui.attention.words import token_label
from pages.ui.drawing import drawing
from pages.ui.faults import as_text
from pages.ui.inside import python
from pages.ui.inside.choices import SITES
from pages.ui.inside.computed import KEPT, Asked, Predicted, opened, refuse_slow
from pages.ui.inside.controls import choice, part_choice
from pages.ui.inside.first_text import other_text
from pages.ui.inside.grid import Grid, figure, short
from pages.ui.inside.selection import LONGEST_TEXT, Against, Selection, choose_piece, intact
from pages.ui.inside.words import explained, signed
from pages.ui.state import INSIDE_OTHER_FOR_KEY, INSIDE_OTHER_KEY, INSIDE_SITE_KEY, inference
from pages.ui.text import _, number

if TYPE_CHECKING:
    from llm_core.interpret.patching import PatchingMap


@dataclass(frozen=True)
class Patched:
    """A map, and how its fast approximation agrees with it: Pearson's correlation, None where there is none."""

    map: "PatchingMap"
    correlation: float | None


@dataclass(frozen=True)
class Question:
    """What is carried over into which text; `other` stands in place of the source where there is one, else of the text."""

    asked: Asked
    other: str
    token: int | None
    target: int
    against: Against
    where: str
    part: str


@lru_cache(maxsize=KEPT)
def patched(question: Question, names: tuple[str, ...]) -> Patched:
    """Raises UserError where the two texts cannot be compared, or the model tells them not apart."""
    with inference():
        from llm_core.interpret.attribution_patching import correlation, estimates
        from llm_core.interpret.pairs import pair_of_readings
        from llm_core.interpret.patching import Patching
        from llm_core.interpret.reading import read
        from llm_core.interpret.target import Target

        model, tokenizer, clean = opened(question.asked)
        config, tokens = network(model.config), len(clean.text.ids)
        assert isinstance(config, TransformerConfig)
        refuse_slow(model, 3 + config.layers * (config.heads if question.where == "heads" else tokens) / 2, tokens)
        texts = (question.asked.text, question.other) if question.asked.source else (question.other, None)
        target = Target(question.token, question.target, question.against)  # type: ignore[arg-type]
        patching = Patching(model, pair_of_readings(model, clean, read(model, tokenizer, *texts), names, target))
        found = patching.map(question.where, question.part)  # type: ignore[arg-type]
        guessed = estimates(patching, question.part, [question.where])[question.where]  # type: ignore[arg-type, list-item, index]  # fmt: skip
        return Patched(found, correlation(found, guessed))


def show(selection: Selection, predicted: Predicted) -> None:
    """The other text, and the map. Raises UserError."""
    other = _other(selection)
    places = st.columns([3, 2], vertical_alignment="bottom")
    with places[0]:
        where = choice(_("Carried over"), INSIDE_SITE_KEY, SITES)
    with places[1]:
        part = part_choice(selection, predicted, cross=where in ("attention", "heads"))
    if not other.strip():
        st.info(_("Type another text of as many tokens, in which one word is different: so that the model says something else."))  # fmt: skip
        return
    question = Question(intact(selection), other, selection.token, selection.target, selection.against, where, part)
    found, what = patched(question, predicted.names), explained(selection, predicted)
    grid = grid_of(found.map, selection)
    st.caption(as_text(_("In the text above {what} is {clean}, in the other one {corrupted}. 1 brings back all of the difference, 0 nothing of it.", what=what, clean=found.map.clean, corrupted=found.map.corrupted)))  # fmt: skip
    drawing(
        "inside_patching", (selection, question), partial(figure, grid), label=_("What each place brings back of {what}", what=what),
        height=grid.height, least_width=grid.least_width, code=as_python(selection, question), table=as_csv(found.map),
        name=f"terrarium-patching-{selection.run}-{selection.step}", on_picked=lambda picked: pick(picked, found.map),
    )  # fmt: skip
    if found.correlation is not None:
        st.caption(as_text(_("Attribution patching, which reckons with slopes in place of carrying anything over, would draw nearly this map in one go: the two correlate by {correlation} (Nanda 2023).", correlation=number(found.correlation)) if found.correlation >= 0.7 else _("Attribution patching, which reckons with slopes in place of carrying anything over, would mislead here: the two maps correlate by {correlation} only (Nanda 2023).", correlation=number(found.correlation))))  # fmt: skip


def _other(selection: Selection) -> str:
    """The text that is compared with; it begins anew with the text that it is for."""
    state, of = st.session_state, (selection.text, selection.source)
    if INSIDE_OTHER_KEY not in state or state.get(INSIDE_OTHER_FOR_KEY, of) != of:
        state[INSIDE_OTHER_KEY] = other_text(selection.source or selection.text)
    state[INSIDE_OTHER_FOR_KEY] = of
    return str(
        st.text_area(
            _("The other source") if selection.source else _("The other text"), key=INSIDE_OTHER_KEY, height=68, max_chars=LONGEST_TEXT,
            persist_state="session", help=_("The same but for a word, and as many tokens, so that each token has a partner."),
        )
    )  # fmt: skip


def grid_of(found: "PatchingMap", selection: Selection) -> Grid:
    """A row for each layer; a column for each token, or of heads for each head."""
    heads = found.where == "heads"
    names = [_("head {head}", head=int(name)) if heads else token_label(name) for name in found.columns]
    most = max(1.0, float(np.abs(found.values).max(initial=0.0)))
    rows = [_("into layer {layer}", layer=at) if found.where == "residual" else _("layer {layer}", layer=at) for at in range(len(found.rows))]  # fmt: skip
    column = selection.head if heads else selection.token
    return Grid(
        values=found.values, low=-most, high=most, signed=True,
        hovers=[
            [_("{place}, “{name}”: brings back {value}", place=rows[row], name=name, value=signed(float(value))) for name, value in zip(names, values, strict=True)]
            for row, values in enumerate(found.values)
        ],
        picks=[[[row, at] for at in range(len(names))] for row in range(len(found.rows))],
        texts=[[_written(value) for value in values] for values in found.values] if len(names) <= 26 else None,
        rows=rows, columns=[name if heads else short(token) for name, token in zip(names, found.columns, strict=True)],
        bar=_("brought back"), bar_format=".2~f", upward=True, cell_width=58 if heads else 46, level=heads,
        marked=(selection.layer, column) if column is not None and column < len(names) and selection.layer < len(rows) else None,
    )  # fmt: skip


def _written(value: float) -> str:
    """What is nothing to two digits is left blank: what stands out is to be seen."""
    return "" if abs(value) < 0.005 else f"{value:.2f}".replace("-", "−")


def pick(picked: object, found: "PatchingMap") -> None:
    """A cell was clicked: its layer, and its head or token. What comes from the browser is checked."""
    if not (isinstance(picked, list) and len(picked) == 2 and all(type(each) is int and each >= 0 for each in picked)):
        return
    row, column = picked
    if row < len(found.rows) and column < len(found.columns):
        choose_piece(row, column if found.where == "heads" else None, found.part)


def as_csv(found: "PatchingMap") -> str:
    """A row for each cell."""
    rows = (
        (name, at, column, float(f"{found.values[row, at]:.7g}"))
        for row, name in enumerate(found.rows)
        for at, column in enumerate(found.columns)
    )
    return as_table(("place", "column", "name", "brought_back"), rows)


def as_python(selection: Selection, question: Question) -> str:
    """The same for a notebook."""
    imports = ["from llm_core.interpret.pairs import pair_of_readings", "from llm_core.interpret.patching import Patching"]  # fmt: skip
    texts = f"{selection.text!r}, {question.other!r}" if selection.source else repr(question.other)
    unchanged = Selection(**{**vars(selection), "off": ()})
    return f"""\
{python.preamble(unchanged, imports, target=True)}\
other = read(model, tokenizer, {texts})
pair = pair_of_readings(model, reading, other, tokenizer.pieces, target)
found = Patching(model, pair).map({question.where!r}, {question.part!r})
for name, values in zip(found.rows, found.values):
    print(f"{{name:28}}", values.round(3))
"""
