"""The logit lens: what the model would say after each layer, as a grid; and the chosen tokens through the layers."""

from functools import lru_cache, partial
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from llm_core.data.table_writing import as_table
from llm_core.runs import inquiry
from llm_core.runs.history import Row
from llm_core.runs.inquired import InquiryConfig, TunedLensQuestion
from pages.ui.attention.words import token_label
from pages.ui.drawing import drawing
from pages.ui.faults import as_text
from pages.ui.inside import python
from pages.ui.inside.choices import COLOURS, LENSES, PLACES
from pages.ui.inside.computed import KEPT, Asked, Predicted, opened, refuse_slow, without
from pages.ui.inside.controls import choice
from pages.ui.inside.lens.lens_rows import lens_of, report_of
from pages.ui.inside.pictures.grid import Grid, figure, short
from pages.ui.inside.pictures.lines import Line, lines
from pages.ui.inside.places import name_of
from pages.ui.inside.selection import Selection, asked, choose_piece, choose_token
from pages.ui.inside.under_way import answered
from pages.ui.state import INSIDE_COLOUR_KEY, INSIDE_LENS_KEY, INSIDE_PLACES_KEY, inference, store
from pages.ui.text import _
from pages.ui.who import owner

if TYPE_CHECKING:
    from llm_core.interpret.lenses.logit_lens import Lens

_LINES_HEIGHT = 270


@lru_cache(maxsize=KEPT)
def seen(asked: Asked, pinned: tuple[int, ...], tuned: InquiryConfig | None = None) -> "Lens":
    """The lens at every place and position, with these tokens followed; through a tuned lens where one is given. Raises
    UserError where nothing is read out."""
    with inference():
        from llm_core.interpret.lenses.logit_lens import logit_lens

        model, _tokenizer, reading = opened(asked)
        refuse_slow(model, 3, len(reading.text.ids))
        answer = None if tuned is None else inquiry.known(store(), tuned, owner())
        report = None if answer is None else report_of(answer)
        translate = lens_of(answer, report).translate if answer is not None and report is not None else None
        return logit_lens(model, reading, pinned=pinned, translate=translate, edits=without(asked, model))


def show(selection: Selection, predicted: Predicted) -> None:
    """The grid, and under it the lines. Raises UserError where the model cannot be read out."""
    pinned = tuple(each for each in (selection.target, selection.against) if isinstance(each, int))
    lens, colouring, rows_shown = st.columns([3, 5, 3], vertical_alignment="bottom")
    with lens:
        kind = choice(_("Lens"), INSIDE_LENS_KEY, LENSES)
    tuned = _tuned(selection) if kind == "tuned" else None
    if kind == "tuned" and tuned is None:
        return
    found = seen(asked(selection), pinned, tuned)
    with colouring:
        colour = choice(_("Colour"), INSIDE_COLOUR_KEY, COLOURS)
    with rows_shown:
        rows = rows_of(found, choice(_("Rows of the grid"), INSIDE_PLACES_KEY, PLACES))
    column = len(found.columns) - 1 if selection.token is None else selection.token
    grid = grid_of(found, predicted, rows, colour, marked=(_row_of(found, rows, selection.layer), column))
    code = as_python(selection, pinned, tuned=kind == "tuned")
    drawing(
        "inside_lens", (selection, colour, rows, kind), partial(figure, grid),
        label=_("The logit lens: a row for each layer, a column for each token"), height=grid.height, least_width=grid.least_width,
        code=code, table=as_csv(found, predicted), name=f"terrarium-logit-lens-{selection.run}-{selection.step}",
        on_picked=lambda picked: pick(picked, found),
    )  # fmt: skip
    followed = [
        Line(token_label(predicted.names[token]), found.pinned_probabilities[rows, column, place].tolist())
        for place, token in enumerate(pinned)
    ]
    drawing(
        "inside_lens_lines", (selection, rows, kind, "lines"),
        partial(lines, followed, [name_of(found.rows[row]) for row in rows], _("probability")),
        label=_("The probability of the chosen tokens through the layers"), height=_LINES_HEIGHT, code=code,
        table=lines_csv(found, predicted, column), name=f"terrarium-logit-lens-lines-{selection.run}-{selection.step}",
    )  # fmt: skip


def _tuned(selection: Selection) -> InquiryConfig | None:
    """Which tuned lens is looked through, with what it is worth; None while it is trained."""
    config = InquiryConfig(run=selection.run, step=selection.step, question=TunedLensQuestion())
    answer = answered(
        "inside_lens_inquiry", config, name=_("Tuned lens"), picture=_("How far each place is from the output, while the lens learns"),
        code=as_python(selection, (), tuned=True), button=_("Train the lens (some seconds)"),
        empty=_("For every place one map is learnt that makes it speak as the end does, from texts like those that the model has read."),
    )  # fmt: skip
    report = None if answer is None else report_of(answer)
    if report is None:
        return None
    middle = len(report["before"]) // 2
    st.caption(as_text(_("On texts that it has not learnt from, {place} is {after} nats from the output through the tuned lens, and {before} through the plain one (Belrose et al. 2023); at the embedding {first} and {first_before}.", place=places_of(report)[middle], after=report["after"][middle], before=report["before"][middle], first=report["after"][0], first_before=report["before"][0])))  # fmt: skip
    return config


def places_of(report: Row) -> list[str]:
    """The places of a tuned lens in words."""
    from llm_core.interpret.components import Component

    return [name_of(Component.parse(name)) for name in report["places"]]


def rows_of(found: "Lens", places: str) -> list[int]:
    """Which places of the stream are drawn: the embedding and the end of every layer, or all."""
    kinds = ("embedding", "residual_after")
    return [row for row, place in enumerate(found.rows) if places == "all" or place.kind in kinds]


def grid_of(found: "Lens", predicted: Predicted, rows: list[int], colour: str, marked: tuple[int, int]) -> Grid:
    """The lens as a grid; a cell says the likeliest token, and gives row and column back."""
    values, low, high, bar = _colours(found, rows, colour, len(predicted.names))
    columns = range(len(found.columns))
    names = [token_label(token) or _("whole text") for token in found.columns]
    return Grid(
        values=values, low=low, high=high, bar=bar, bar_format=".0%" if colour == "probability" else ".2~f",
        texts=[[short(predicted.names[int(found.top[row, column, 0])], 6) for column in columns] for row in rows],
        hovers=[[_said(found, predicted, row, column, names[column]) for column in columns] for row in rows],
        picks=[[[row, column] for column in columns] for row in rows],
        rows=[name_of(found.rows[row]) for row in rows], columns=[short(token) or _("whole text") for token in found.columns],
        upward=True, marked=marked, cell_width=48,
    )  # fmt: skip


def _colours(found: "Lens", rows: list[int], colour: str, size: int) -> tuple[NDArray[np.float64], float, float, str]:
    """What the colour means: values, their range, and its name; the stronger, the more of it."""
    if colour == "entropy":
        return found.entropies[rows].astype(float), 0.0, float(np.log(max(2, size))), _("entropy (nats)")
    if colour == "divergence":
        values = found.divergences[rows].astype(float)
        return values, 0.0, max(0.1, float(values.max(initial=0.0))), _("KL divergence (nats)")
    if colour == "rank":
        # Strong where the true token is first; one step of colour for each tenfold. Nobody knows at a mask or the end.
        ranks = found.true_ranks[rows].astype(float)
        values = np.where(ranks < 0, np.nan, -np.log10(np.maximum(ranks, 0) + 1))
        return values, -float(np.log10(max(2, size))), 0.0, _("−log₁₀ of the rank")
    return found.probabilities[rows][:, :, 0].astype(float), 0.0, 1.0, _("probability")


def _said(found: "Lens", predicted: Predicted, row: int, column: int, token: str) -> str:
    """A cell in words."""
    shares = _(", ").join(
        f"{token_label(predicted.names[int(each)])} {100 * share:.3g} %"
        for each, share in zip(found.top[row, column], found.probabilities[row, column], strict=True)
    )
    said = _("At “{token}”, {place}: {shares}", token=token, place=name_of(found.rows[row]), shares=shares)
    said += "\n" + _("entropy {entropy} nats, {divergence} nats from the output", entropy=float(found.entropies[row, column]), divergence=float(found.divergences[row, column]))  # fmt: skip
    if found.truth[column] >= 0:
        said += "\n" + _(
            "{token} should be said: number {rank}, {share} %",
            token=token_label(predicted.names[int(found.truth[column])]), rank=int(found.true_ranks[row, column]) + 1,
            share=f"{100 * found.true_probabilities[row, column]:.3g}",
        )  # fmt: skip
    return said


def pick(picked: object, found: "Lens") -> None:
    """A cell was clicked: its token and its layer. What comes from the browser is checked."""
    if not (isinstance(picked, list) and len(picked) == 2 and all(type(each) is int for each in picked)):
        return
    row, column = picked
    if not (0 <= row < len(found.rows) and 0 <= column < len(found.columns)):
        return
    if not found.whole:
        choose_token(column)
    choose_piece(found.rows[row].layer or 0)


def _row_of(found: "Lens", rows: list[int], layer: int) -> int:
    """The last row of a layer among those that are drawn."""
    return max((at for at, row in enumerate(rows) if found.rows[row].layer == layer), default=0)


def as_csv(found: "Lens", predicted: Predicted) -> str:
    """A row for each place, position and token among the likeliest."""
    rows = (
        (str(place), column, found.columns[column], rank + 1, int(token), predicted.names[int(token)],
         _exact(found.probabilities[row, column, rank]), _exact(found.entropies[row, column]), _exact(found.divergences[row, column]),
         int(found.true_ranks[row, column]) + 1 or "")
        for row, place in enumerate(found.rows)
        for column in range(len(found.columns))
        for rank, token in enumerate(found.top[row, column])
    )  # fmt: skip
    heads = ("place", "position", "token", "rank", "id", "said", "probability", "entropy", "divergence", "true_rank")
    return as_table(heads, rows)


def lines_csv(found: "Lens", predicted: Predicted, column: int) -> str:
    """The chosen tokens at the chosen position, place by place."""
    rows = (
        (str(place), int(token), predicted.names[int(token)], _exact(found.pinned_probabilities[row, column, at]), int(found.pinned_ranks[row, column, at]) + 1)
        for row, place in enumerate(found.rows)
        for at, token in enumerate(found.pinned)
    )  # fmt: skip
    return as_table(("place", "id", "token", "probability", "rank"), rows)


def _exact(value: object) -> float:
    return float(f"{float(value):.7g}")  # type: ignore[arg-type]


def as_python(selection: Selection, pinned: tuple[int, ...], *, tuned: bool = False) -> str:
    """The same for a notebook."""
    imports = ["from llm_core.interpret.lenses.logit_lens import logit_lens"]
    train, translate = "", ""
    if tuned:
        imports += [
            "from llm_core.interpret.loss_texts import loss_texts", "from llm_core.interpret.outcome import outcome",
            "from llm_core.interpret.lenses.tuned_lens import train_tuned_lens", "from llm_core.runs.own_texts import own_readings",
        ]  # fmt: skip
        question = TunedLensQuestion()
        train = f"""\
run, mask = store.find({selection.run!r}), getattr(tokenizer, "mask", None)
known, others = (
    loss_texts(model, own_readings(run, model, tokenizer, {question.texts}, start, total={2 * question.texts}), mask=mask).batches for start in ({question.texts}, 0)
)
report = outcome(train_tuned_lens(model, known, others, steps={question.steps}))
print(report.before, report.after)
"""
        translate = ", translate=report.lens.translate"
    column = -1 if selection.token is None else selection.token
    return f"""\
{python.preamble(selection, imports)}{train}\
lens = logit_lens(model, reading, pinned={pinned!r}{translate}{python.with_edits(selection)})
for place, top, shares, followed in zip(lens.rows, lens.top, lens.probabilities, lens.pinned_probabilities):
    print(f"{{place!s:28}} {{tokenizer.pieces[top[{column}, 0]]!r:16}} {{shares[{column}, 0]:.3f}}", followed[{column}])
"""
