"""Attribution to the input: which words of the text speak for the answer; and whether that is faithful."""

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go
import streamlit as st
from numpy.typing import NDArray

from llm_core.data.table_writing import as_table
from llm_core.runs.inquired import InputsQuestion, InquiryConfig
from llm_core.runs.inquiry import Answer
from pages.ui.charts import Colors, faint, layout
from pages.ui.drawing import drawing
from pages.ui.faults import as_text
from pages.ui.inside import python
from pages.ui.inside.choices import METHODS
from pages.ui.inside.computed import Predicted
from pages.ui.inside.controls import choice, heading
from pages.ui.inside.inputs.inputs_rows import Scores, scores_of
from pages.ui.inside.pictures.bars import Bar, upright
from pages.ui.inside.pictures.grid import safe, short
from pages.ui.inside.selection import Selection
from pages.ui.inside.under_way import answered
from pages.ui.inside.words import explained
from pages.ui.state import INSIDE_METHOD_KEY
from pages.ui.text import _

if TYPE_CHECKING:
    from llm_core.interpret.attribution.faithfulness import Faithfulness

_SHAPLEY_ORDERS = 6
_RANDOM_ORDERS = 20
_PASSES = {"gradient_input": 3, "integrated_gradients": 200, "occlusion": 1, "shapley": 2 * _SHAPLEY_ORDERS}
"""Forward passes of a text, of occlusion and Shapley sampling for each of its tokens."""


def show(selection: Selection, predicted: Predicted) -> None:
    """The scores as bars under the words, and the curves beside random order. Raises UserError."""
    method = choice(_("Method"), INSIDE_METHOD_KEY, METHODS)
    what, code, run = explained(selection, predicted), as_python(selection, method), f"{selection.run}-{selection.step}"
    tokens = (*predicted.source_tokens, *predicted.tokens)
    answer = _answer(selection, method, len(tokens), code, tested=False)
    if answer is None:
        return
    scores = scores_of(answer)
    assert scores is not None
    bars = [Bar(short(token), score) for token, score in zip(tokens, scores.scores, strict=True)]
    drawing(
        "inside_inputs", (selection, method), partial(upright, bars, what),
        label=_("How much each token adds to {what}", what=what), height=300, least_width=90 + 46 * len(bars), code=code,
        table=as_csv(tokens, scores), name=f"terrarium-input-attribution-{run}",
    )  # fmt: skip
    st.caption(as_text(_summed(scores, what)))
    heading(_("Is that faithful? Words taken away, and brought back, the strongest first"))
    answer = _answer(selection, method, len(tokens), code, tested=True)
    if answer is None:
        return
    test = _test_of(answer)
    st.caption(as_text(_tested(test)))
    for place, kind in zip(st.columns(2, gap="medium"), ("deletion", "insertion"), strict=True):
        with place:
            mine, others = _curves(test, kind)
            drawing(
                f"inside_{kind}", (selection, method, kind), partial(curves, mine, others, what, kind == "deletion"),
                label=_("Words taken away") if kind == "deletion" else _("Words brought back"), height=260, code=code,
                table=curves_csv(mine, others), name=f"terrarium-{kind}-{run}",
            )  # fmt: skip


def _answer(selection: Selection, method: str, count: int, code: str, *, tested: bool) -> Answer | None:
    """The scores, and where they are `tested` their curves; None while a worker is at it."""
    question = InputsQuestion(
        text=selection.text, source=selection.source, token=selection.token, target=selection.target, against=selection.against,  # type: ignore[arg-type]
        by=method, orders=_SHAPLEY_ORDERS, random_orders=_RANDOM_ORDERS if tested else 0,  # type: ignore[arg-type]
    )  # fmt: skip
    passes = _PASSES[method] * (count if method in ("occlusion", "shapley") else 1)
    return answered(
        f"inside_inputs_inquiry_{tested}", InquiryConfig(run=selection.run, step=selection.step, question=question), name=_("Words of the text"),
        picture=_("How much each token adds"), code=code, tokens=count,
        passes=passes + 2 * count * (1 + _RANDOM_ORDERS) / 4 * tested, button=_("Test the scores") if tested else None,
    )  # fmt: skip


def _test_of(answer: Answer) -> "Faithfulness":
    from llm_core.interpret.attribution.faithfulness import Faithfulness

    row = next(row for row in answer.rows if row.get("kind") == "curves")
    return Faithfulness(tuple(row["order"]), *(np.array(row[name]) for name in ("deletion", "insertion", "random_deletions", "random_insertions")))  # fmt: skip


def _summed(scores: Scores, what: str) -> str:
    if scores.baseline is None:
        return _("{what} is {value}. The scores of this method need not add up to it.", what=what, value=scores.value)
    said = _("{what} is {value}, and {baseline} where every word says nothing.", what=what, value=scores.value, baseline=scores.baseline)  # fmt: skip
    if scores.complete:
        return said + " " + _("The scores add up to the difference.")
    return said + " " + _("The scores should add up to the difference and miss it by {delta}: here the method is not exact.", delta=abs(scores.delta or 0.0))  # fmt: skip


def _tested(test: "Faithfulness") -> str:
    """How far the order of the scores is ahead of chance, and how far chance alone gets."""
    chance = float(np.abs(test.random_deletion_areas).max(initial=0.0)), float(np.abs(test.random_insertion_areas).max(initial=0.0))  # fmt: skip
    return _(
        "Between the curve and the mean of {count} random orders lie {deletion} of the fall when words are taken away, and {insertion} of the rise when they are brought back; single random orders reach {chance} and {other}.",
        count=len(test.random_deletions), deletion=_share(test.deletion_area), insertion=_share(test.insertion_area),
        chance=_share(chance[0]), other=_share(chance[1]),
    )  # fmt: skip


def _share(value: float) -> str:
    return f"{100 * value:.3g} %".replace("-", "−")


def _curves(test: "Faithfulness", kind: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if kind == "deletion":
        return test.deletion, test.random_deletions
    return test.insertion, test.random_insertions


def curves(mine: NDArray[np.float64], others: NDArray[np.float64], title: str, away: bool, colors: Colors) -> go.Figure:
    """The curve of the scores over the random ones: their mean, and from the lowest to the highest."""
    made = go.Figure(layout=layout(colors))
    places = list(range(len(mine)))
    low, high = others.min(axis=0).tolist(), others.max(axis=0).tolist()
    made.add_scatter(x=places, y=low, mode="lines", line={"width": 0}, hoverinfo="skip")
    made.add_scatter(x=places, y=high, mode="lines", line={"width": 0}, fill="tonexty", fillcolor=faint(colors.quiet), hoverinfo="skip")  # fmt: skip
    for values, color, dash, name in (
        (others.mean(axis=0), colors.quiet, "dash", _("in random order")),
        (mine, colors.training, "solid", _("by the scores")),
    ):
        made.add_scatter(
            x=places, y=values.tolist(), mode="lines", line={"color": color, "width": 2.2, "dash": dash},
            hovertemplate=safe(_("{name}, after {count} words: {value}", name=name, count="%{x}", value="%{y:.3g}")) + "<extra></extra>",
        )  # fmt: skip
        middle = len(places) // 2
        made.add_annotation(
            x=middle, y=float(values[middle]), text=safe(name), showarrow=False, font={"color": color, "size": 12},
            yshift=(-14 if away else 14) * (1 if color == colors.training else -1), xanchor="center",
        )  # fmt: skip
    made.update_layout(
        margin={"l": 60, "r": 14, "t": 12, "b": 48},
        xaxis={"title": {"text": _("words taken away") if away else _("words brought back"), "standoff": 6}},
        yaxis={"title": {"text": safe(title), "standoff": 6}},
    )  # fmt: skip
    return made


def as_csv(tokens: tuple[str, ...], scores: Scores) -> str:
    """A row for each token, those of the source first."""
    return as_table(("position", "token", "score"), ((at, token, float(f"{score:.7g}")) for at, (token, score) in enumerate(zip(tokens, scores.scores, strict=True))))  # fmt: skip


def curves_csv(mine: NDArray[np.float64], others: NDArray[np.float64]) -> str:
    """A row for each number of words: the scores' order, then each random one."""
    heads = ("words", "by_score", *(f"random_{at}" for at in range(len(others))))
    return as_table(heads, ((at, *(float(f"{value:.7g}") for value in (mine[at], *others[:, at]))) for at in range(len(mine))))  # fmt: skip


def as_python(selection: Selection, method: str) -> str:
    """The same for a notebook."""
    function = {"gradient_input": "gradient_times_input"}.get(method, method)
    imports = ["from llm_core.interpret.attribution.faithfulness import faithfulness", f"from llm_core.interpret.attribution.input_attribution import Explained, {function}"]  # fmt: skip
    call = (
        f"list(shapley(explained, orders={_SHAPLEY_ORDERS}))[-1]" if method == "shapley" else f"{function}(explained)"
    )
    return f"""\
{python.preamble(selection.intact, imports, target=True)}\
explained = Explained(model, tokenizer, reading, target)
found = {call}
for token, score in zip(reading.text.tokens, found.text):
    print(f"{{token!r:16}} {{score:+.4f}}")
test = faithfulness(explained, found.scores, random_orders={_RANDOM_ORDERS})
print(test.deletion_area, test.insertion_area)
"""
