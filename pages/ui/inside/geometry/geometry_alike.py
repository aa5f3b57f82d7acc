"""How alike layers are, of one model or of two: linear CKA, beside what chance alone would make of it."""

from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING

import streamlit as st

from llm_core.config import TransformerConfig
from llm_core.data.table_writing import as_table
from pages.ui.drawing import drawing
from pages.ui.faults import as_text
from pages.ui.inside import python
from pages.ui.inside.choices import BESIDE
from pages.ui.inside.computed import KEPT, Asked, Predicted, ask
from pages.ui.inside.controls import choice, heading
from pages.ui.inside.geometry.geometry_map import words_in
from pages.ui.inside.pictures.grid import Grid, figure
from pages.ui.inside.selection import Selection, choose_piece
from pages.ui.inside.vectors import place_name, texts_for
from pages.ui.state import INSIDE_BESIDE_KEY, INSIDE_BESIDE_RUN_KEY, INSIDE_BESIDE_STEP_KEY, inference, store
from pages.ui.subject import available, titles
from pages.ui.text import _

if TYPE_CHECKING:
    from llm_core.interpret.geometry.hidden_states import HiddenStates
    from llm_core.interpret.geometry.similarity import Similarity


@dataclass(frozen=True)
class Pair:
    """Two models that read the same texts of the grammar."""

    first: Asked
    second: Asked
    language: str


@lru_cache(maxsize=KEPT)
def alike(pair: Pair) -> "Similarity":
    """Every place of the one beside every place of the other. Raises UserError where they have too little in common."""
    texts = texts_of_both(pair)
    with inference():
        from llm_core.interpret.geometry.similarity import similarity

        first, second = (_read(each, pair.language, texts) for each in (pair.first, pair.second))
        return similarity(first, second)


def texts_of_both(pair: Pair) -> int:
    """As many texts as the slower of the two reads in about a second."""
    with inference():
        models = [store().model(store().find(each.run), each.step)[0] for each in (pair.first, pair.second)]
        return min(map(texts_for, models))


def _read(asked: Asked, language: str, texts: int) -> "HiddenStates":
    from llm_core.interpret.components import streams
    from llm_core.interpret.geometry.clouds import readings_of
    from llm_core.interpret.geometry.hidden_states import hidden_states

    model, tokenizer = store().model(store().find(asked.run), asked.step)
    return hidden_states(model, readings_of(model, tokenizer, texts, language), streams(model)[0]).of_one_length()


def show(selection: Selection, predicted: Predicted) -> None:
    """What is set beside it, and the two maps. Raises UserError."""
    places = st.columns([3, 5], vertical_alignment="bottom")
    with places[0]:
        beside = choice(_("Beside"), INSIDE_BESIDE_KEY, BESIDE)
    with places[1]:
        run, step = _other(selection, beside)
    language = words_in(selection)
    first = ask(selection.run, selection.step, "")
    pair = Pair(first, ask(run, step, ""), language)
    found = alike(pair)
    own = titles([store().find(each) for each in {selection.run, run}])
    names = [_("{name}, step {step}", name=own[each.run], step=each.step) for each in (pair.first, pair.second)]
    code = as_python(selection, pair)
    left, right = st.columns(2, gap="medium")
    for column, title, values, kind in (
        (left, _("Likeness"), found.values, "values"), (right, _("By chance"), found.chance, "chance"),
    ):  # fmt: skip
        with column:
            heading(title)
            grid = _grid(found, values, names)
            drawing(
                f"inside_alike_{kind}", (pair, kind), partial(figure, grid), label=_("How alike every two layers are: {kind}", kind=title),
                height=grid.height, least_width=grid.least_width, code=code, table=as_csv(found),
                name=f"terrarium-cka-{kind}-{selection.run}-{selection.step}", on_picked=lambda picked: pick(picked, found),
            )  # fmt: skip
    st.caption(as_text(_("Over {count} tokens of the same texts. Rows: {first}; columns: {second}. 1: the same up to turning and stretching; all vectors are brought to one length first, else a few long ones decide. By chance: what CKA would be on average if the tokens of one were shuffled; few tokens of wide vectors look alike whatever they hold.", count=found.tokens, first=names[0], second=names[1])))  # fmt: skip


def _other(selection: Selection, beside: str) -> tuple[str, int]:
    """The run and step that are set beside the subject's."""
    if beside == "itself":
        return selection.run, selection.step
    if beside == "model":
        runs = {run.id: run for run in available(needs_steps=True) if isinstance(run.model_config, TransformerConfig) and run.model_config.layers and run.id != selection.run}  # fmt: skip
        if not runs:
            st.caption(_("There is no other model to set beside it."))
            return selection.run, selection.step
        if st.session_state.get(INSIDE_BESIDE_RUN_KEY) not in runs:
            st.session_state[INSIDE_BESIDE_RUN_KEY] = next(iter(runs))
        labels = titles(runs.values())
        run = st.selectbox(_("Other model"), list(runs), key=INSIDE_BESIDE_RUN_KEY, format_func=labels.__getitem__, persist_state="session")  # fmt: skip
        return run, runs[run].steps()[-1]
    steps = store().find(selection.run).steps()
    if len(steps) < 2:
        st.caption(_("This run has kept one step only."))
        return selection.run, selection.step
    if st.session_state.get(INSIDE_BESIDE_STEP_KEY) not in steps:
        st.session_state[INSIDE_BESIDE_STEP_KEY] = next(each for each in steps if each != selection.step)
    return selection.run, int(st.select_slider(_("Other step"), steps, key=INSIDE_BESIDE_STEP_KEY, persist_state="session"))  # fmt: skip


def _grid(found: "Similarity", values: "object", names: list[str]) -> Grid:
    import numpy as np

    shown = np.asarray(values, dtype=np.float64)
    rows, columns = ([place_name(-1 if place.layer is None else place.layer) for place in each] for each in (found.rows, found.columns))  # fmt: skip
    return Grid(
        values=shown, low=0.0, high=1.0, rows=rows, columns=columns, bar=_("CKA"), bar_format=".1f", upward=True,
        hovers=[[_("{row} and {column}: {value}, by chance {chance}", row=row, column=column, value=float(found.values[at, to]), chance=float(found.chance[at, to])) for to, column in enumerate(columns)] for at, row in enumerate(rows)],
        picks=[[[at, to] for to in range(len(columns))] for at in range(len(rows))],
        texts=[[f"{value:.2f}" for value in row] for row in shown] if len(columns) <= 14 else None, cell_width=44,
    )  # fmt: skip


def pick(picked: object, found: "Similarity") -> None:
    """A cell was clicked: its row's layer is chosen. What comes from the browser is checked."""
    if isinstance(picked, list) and len(picked) == 2 and type(picked[0]) is int and 0 <= picked[0] < len(found.rows):
        choose_piece(found.rows[picked[0]].layer or 0)


def as_csv(found: "Similarity") -> str:
    """A row for each pair of places."""
    rows = (
        (str(row), str(column), float(f"{found.values[at, to]:.6g}"), float(f"{found.chance[at, to]:.6g}"))
        for at, row in enumerate(found.rows)
        for to, column in enumerate(found.columns)
    )
    return as_table(("row", "column", "cka", "chance"), rows)


def as_python(selection: Selection, pair: Pair) -> str:
    """The same for a notebook."""
    imports = [
        "from llm_core.interpret.geometry.clouds import readings_of",
        "from llm_core.interpret.components import streams",
        "from llm_core.interpret.geometry.hidden_states import hidden_states",
        "from llm_core.interpret.geometry.similarity import similarity",
    ]
    texts = texts_of_both(pair)
    return f"""\
{python.preamble(selection.intact, imports)}\
other, other_tokenizer = store.model(store.find({pair.second.run!r}), step={pair.second.step})
first = hidden_states(model, readings_of(model, tokenizer, {texts}, {pair.language!r}), streams(model)[0]).of_one_length()
second = hidden_states(other, readings_of(other, other_tokenizer, {texts}, {pair.language!r}), streams(other)[0]).of_one_length()
found = similarity(first, second)
print(found.values.round(3))
print("by chance")
print(found.chance.round(3))
"""
