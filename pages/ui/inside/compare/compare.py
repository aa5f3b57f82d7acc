"""Side by side: a text and an edited one, or one text as two models read it; what both say, token by token."""

from collections.abc import Sequence
from functools import partial
from html import escape

import numpy as np
import streamlit as st

from llm_core.data.table_writing import as_table
from pages.ui.attention.words import token_label
from pages.ui.drawing import drawing
from pages.ui.faults import as_text
from pages.ui.inside.choices import COMPARED_SHOWN
from pages.ui.inside.compare.compare_pair import labels_of, pair_of
from pages.ui.inside.compare.laid import Both, Floats, Laid, Pair, attributions, laid, lenses
from pages.ui.inside.computed import Predicted
from pages.ui.inside.controls import choice, heading
from pages.ui.inside.pictures.bars import Bar, upright
from pages.ui.inside.pictures.grid import Grid, figure, short
from pages.ui.inside.pictures.grouped_bars import Series, grouped
from pages.ui.inside.places import name_of
from pages.ui.inside.selection import Selection, choose_piece, choose_token
from pages.ui.inside.words import explained, signed
from pages.ui.state import (
    INSIDE_COMPARED_SHOWN_KEY,
)
from pages.ui.text import _, explain, number

_SHOWN = 8
_LEFT, _RIGHT = "light-dark(#94650c, #dcb457)", "light-dark(#2f5f8f, #8ab4dc)"


def show(selection: Selection, predicted: Predicted) -> None:
    """What stands beside it, both texts, and what is seen of both. Raises UserError."""
    pair = pair_of(selection)
    if pair is None:
        return
    shown = choice(_("Seen of both"), INSIDE_COMPARED_SHOWN_KEY, COMPARED_SHOWN)
    found = laid(pair)
    labels = labels_of(selection, pair)
    st.html(_texts(found, labels))
    if shown == "said":
        _said(selection, pair, found, labels)
    elif shown == "lens":
        _lens(selection, predicted, pair, found, labels)
    else:
        _inputs(selection, predicted, pair, found, labels)


def _texts(found: Laid, labels: tuple[str, str]) -> str:
    """Both texts as HTML, all of it escaped, with what only one of them has marked."""
    lines = []
    for side, (label, color, line) in enumerate(zip(labels, (_LEFT, _RIGHT), ("dotted", "solid"), strict=True)):
        chips = []
        for column in found.columns:
            mine = column.other if side else column.one
            shown = escape("".join(_visible(found.tokens[side][at]) for at in mine))
            if column.same or not shown:
                chips.append(shown)
            else:
                chips.append(f"<span style='background:color-mix(in srgb, {color} 30%, transparent);border-bottom:2px {line} {color};border-radius:.2em'>{shown}</span>")  # fmt: skip
        lines.append(f"<p class='t-read' style='font-size:1rem;line-height:1.7'><small style='opacity:.75'>{escape(label)}</small><br>{''.join(chips)}</p>")  # fmt: skip
    return f"<div class='t-host t-still'>{''.join(lines)}</div>"


def _visible(token: str) -> str:
    return token if token.isprintable() else token_label(token)


def _said(selection: Selection, pair: Pair, found: Laid, labels: tuple[str, str]) -> None:
    """What both say at the chosen place, how far apart they are at each, and how surprising each token was."""
    code, run = as_python(pair, found.whole), f"{selection.run}-{selection.step}"
    column = _column(selection, found)
    heading(_("What is said of the text") if found.whole else _("What both say at the chosen position"))
    one, other = (_row(found, side, column) for side in (0, 1))
    best = sorted({**dict(one), **dict(other)}, key=lambda name: -max(dict(one).get(name, 0.0), dict(other).get(name, 0.0)))[:_SHOWN]  # fmt: skip
    if not other:
        st.caption(_("In the other text nothing stands for the chosen token: choose one that both have."))
    drawing(
        "inside_compare_said", (selection, pair, labels, column),
        partial(grouped, [short(name, 16) for name in best], [Series(label, [dict(row).get(name) for name in best]) for label, row in zip(labels, (one, other), strict=True)], _("probability"), sideways=True, shares=True),
        label=_("What both say, side by side"), height=92 + 34 * len(best), code=code,
        table=as_table(("token", "one", "other"), ((name, dict(one).get(name, ""), dict(other).get(name, "")) for name in best)), name=f"terrarium-compare-said-{run}",
    )  # fmt: skip
    names, table = _names(found), _csv(found)
    if found.divergences is None:
        assert found.why_not is not None
        st.info(as_text(explain(found.why_not)))
    elif found.whole:
        st.caption(as_text(_("The two answers are {value} nats apart (KL divergence).", value=number(float(found.divergences[0])))))  # fmt: skip
    else:
        heading(_("How far apart they are, token by token"))
        st.caption(_("The Kullback-Leibler divergence of what the other says from what this one says, in nats: 0 where both say the same. A click looks at the token."))  # fmt: skip
        bars = [Bar(name, round(float(value), 3), "", at) for at, (name, value) in enumerate(zip(names, found.divergences, strict=True)) if np.isfinite(value)]  # fmt: skip
        drawing(
            "inside_compare_divergence", (selection, pair), partial(upright, bars, _("KL divergence (nats)")),
            label=_("How far apart what both say is at each token"), height=300, least_width=90 + 46 * len(bars), code=code, table=table,
            name=f"terrarium-compare-{run}", on_picked=lambda picked: pick(picked, found),
        )  # fmt: skip
    if np.isfinite(found.losses).any():
        heading(_("How surprising each token was"))
        series = [Series(label, [float(value) if np.isfinite(value) else None for value in found.losses[:, side]]) for side, label in enumerate(labels)]  # fmt: skip
        totals = [number(float(np.nansum(found.losses[:, side]))) for side in (0, 1)]
        st.caption(as_text(_("Together {one} and {other} nats. Where the tokens of two models differ, those between the same places of the text stand together.", one=totals[0], other=totals[1])))  # fmt: skip
        drawing(
            "inside_compare_losses", (selection, pair, labels), partial(grouped, names, series, _("loss (nats)")), label=_("The loss of each token on both sides"),
            height=320, least_width=90 + 52 * len(names), code=code, table=table, name=f"terrarium-compare-losses-{run}",
        )  # fmt: skip


def _lens(selection: Selection, predicted: Predicted, pair: Pair, found: Laid, labels: tuple[str, str]) -> None:
    """The logit lens of both, and the difference."""
    target = predicted.names[selection.target]
    both = lenses(pair, target)
    heading(_("The probability of “{token}” after each layer", token=token_label(target)))
    views: list[tuple[str, Floats, tuple[tuple[str, ...], ...], bool]] = [
        (labels[0], both.one, both.one_texts, False), (labels[1], both.other, both.other_texts, False),
        (_("The second minus the first"), both.other - both.one, (), True),
    ]  # fmt: skip
    for number_, (label, values, texts, difference) in enumerate(views):
        st.caption(as_text(label))
        grid = _grid(selection, found, both, values, texts, difference)
        drawing(
            f"inside_compare_lens_{number_}", (selection, pair, number_), partial(figure, grid), label=label, height=grid.height,
            least_width=grid.least_width, code=as_python(pair, found.whole), table=_lens_csv(found, both), name=f"terrarium-compare-lens-{selection.run}-{selection.step}",
            on_picked=lambda picked: pick_cell(picked, found, both),
        )  # fmt: skip


def _grid(selection: Selection, found: Laid, both: Both, values: Floats, texts: Sequence[Sequence[str]], difference: bool) -> Grid:  # fmt: skip
    from llm_core.interpret.components import Component

    names = _names(found)
    rows = [name_of(Component.parse(row)) for row in both.rows]
    column = _column(selection, found)
    most = max(0.05, float(np.nanmax(np.abs(values), initial=0.0))) if difference else 1.0

    def say(value: float) -> str:
        return "–" if not np.isfinite(value) else signed(value) if difference else f"{100 * value:.3g} %"

    return Grid(
        values=values, low=-most if difference else 0.0, high=most, signed=difference,
        hovers=[[f"{rows[row]}, {name}: {say(float(value))}" for name, value in zip(names, line, strict=True)] for row, line in enumerate(values)],
        picks=[[[row, at] for at in range(len(names))] for row in range(len(rows))],
        texts=[[short(text, 6) if text else "" for text in line] for line in texts] if texts else None, rows=rows, columns=names,
        bar=_("probability"), bar_format=".2~f" if difference else ".0%", upward=True, cell_width=48,
        marked=None if column is None else (min(selection.layer + 1, len(rows) - 1), column),
    )  # fmt: skip


def _inputs(selection: Selection, predicted: Predicted, pair: Pair, found: Laid, labels: tuple[str, str]) -> None:
    """How much each token speaks for the answer, on both sides."""
    against = predicted.names[selection.against] if isinstance(selection.against, int) else selection.against
    both = attributions(pair, selection.token, predicted.names[selection.target], against)
    what = explained(selection, predicted)
    heading(_("How much each token adds to {what}", what=what))
    st.caption(_("Integrated gradients, as in the view on the words of the text; there its faithfulness is tested."))
    names = _names(found)
    series = [Series(label, [float(value) if np.isfinite(value) else None for value in row[0]]) for label, row in zip(labels, (both.one, both.other), strict=True)]  # fmt: skip
    rows = ((at, name, *("" if value is None else float(f"{value:.7g}") for value in (series[0].values[at], series[1].values[at]))) for at, name in enumerate(names))  # fmt: skip
    drawing(
        "inside_compare_inputs", (selection, pair, labels), partial(grouped, names, series, what), label=_("How much each token adds to {what}", what=what),
        height=340, least_width=90 + 52 * len(names), code=as_python(pair, found.whole), table=as_table(("column", "token", "one", "other"), rows),
        name=f"terrarium-compare-inputs-{selection.run}-{selection.step}",
    )  # fmt: skip


def pick(picked: object, found: Laid) -> None:
    """A token was clicked: what is said there is looked at. What comes from the browser is checked."""
    if type(picked) is int and 0 <= picked < len(found.columns) and found.columns[picked].one:
        choose_token(found.columns[picked].one[-1])


def pick_cell(picked: object, found: Laid, both: Both) -> None:
    """A cell was clicked: its token and its layer."""
    if isinstance(picked, list) and len(picked) == 2 and all(type(each) is int for each in picked) and 0 <= picked[0] < len(both.rows):  # fmt: skip
        if not found.whole:
            pick(picked[1], found)
        choose_piece(max(0, picked[0] - 1))


def _column(selection: Selection, found: Laid) -> int | None:
    """Where the chosen token stands; None where one thing is said of the whole text."""
    if selection.token is None:
        return None
    return next((at for at, column in enumerate(found.columns) if selection.token in column.one), None)


def _row(found: Laid, side: int, column: int | None) -> tuple[tuple[str, float], ...]:
    """What one side says at a column, the likeliest first; empty where it has no token there."""
    if found.whole or column is None:
        return found.says[side][0] if found.whole else ()
    at = found.columns[column].other if side else found.columns[column].one
    return found.says[side][at[-1]] if at else ()


def _names(found: Laid) -> list[str]:
    """Of the columns: the token, or both where they differ."""

    def written(side: int, at: tuple[int, ...]) -> str:
        return short("".join(found.tokens[side][each] for each in at), 12) if at else "–"

    return [
        written(0, column.one) if column.same and len(column.one) <= len(column.other) else written(1, column.other) if column.same else f"{written(0, column.one)} | {written(1, column.other)}"
        for column in found.columns
    ]  # fmt: skip


def _csv(found: Laid) -> str:
    """A row for each column."""
    rows = (
        (at, *("".join(found.tokens[side][each] for each in (column.other if side else column.one)) for side in (0, 1)), column.same,
         *("" if value is None or not np.isfinite(value) else float(f"{value:.7g}") for value in (None if found.divergences is None or found.whole else found.divergences[at], *found.losses[at])))
        for at, column in enumerate(found.columns)
    )  # fmt: skip
    return as_table(("column", "one", "other", "same", "divergence", "loss_one", "loss_other"), rows)


def _lens_csv(found: Laid, both: Both) -> str:
    names = _names(found)
    rows = (
        (place, at, name, *("" if not np.isfinite(side[row, at]) else float(f"{side[row, at]:.7g}") for side in (both.one, both.other)))
        for row, place in enumerate(both.rows)
        for at, name in enumerate(names)
    )  # fmt: skip
    return as_table(("place", "column", "token", "one", "other"), rows)


def as_python(pair: Pair, whole: bool) -> str:
    """The same for a notebook; `whole`: one thing is said of a whole text."""
    sides = "".join(
        f"{name} = subject({asked.run!r}, {asked.step}, {asked.text!r}, {asked.source or None!r})\n" for name, asked in (("one", pair.one), ("other", pair.other))
    )  # fmt: skip
    return f"""\
from llm_core.interpret.names import names_of
from llm_core.interpret.reading import read
from llm_core.interpret.side_by_side import Subject, side_by_side
from llm_core.runs.store import Store

store = Store()


def subject(run, step, text, source):
    found = store.find(run)
    model, tokenizer = store.model(found, step=step)
    reading = read(model, tokenizer, text, source)
    return Subject(model, tuple(tokenizer.pieces), names_of(model, tokenizer, found.labels), reading)


{sides}found = side_by_side(one, other, same_text={pair.one.text == pair.other.text})
for at, column in enumerate(found.columns):
    print(column.one, column.other, found.losses[at], None if found.divergences is None else found.divergences[{0 if whole else "at"}])
"""
