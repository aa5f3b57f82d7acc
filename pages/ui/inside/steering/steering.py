"""Steering: a direction is added to the residual stream, and the model is let go on, beside a random one of the same size."""

from functools import partial
from html import escape

import streamlit as st

from llm_core.config import TaskConfig
from llm_core.runs.inquired import InquiryConfig
from llm_core.runs.steered import tried_on
from pages.ui.attention.shape import shape_of
from pages.ui.attention.words import token_label
from pages.ui.drawing import drawing
from pages.ui.faults import as_text
from pages.ui.inside.computed import Predicted
from pages.ui.inside.controls import heading
from pages.ui.inside.pictures.grid import short
from pages.ui.inside.pictures.grouped_bars import Series, grouped
from pages.ui.inside.selection import Selection, choose_piece
from pages.ui.inside.steering import steering_rows
from pages.ui.inside.steering.steering_python import as_python
from pages.ui.inside.steering.steering_question import asked_for
from pages.ui.inside.steering.steering_seen import SEED, Seen, Steer, Written, seen
from pages.ui.inside.under_way import answered
from pages.ui.state import store
from pages.ui.text import _, language, translate

_LIKELIER, _RARER = "light-dark(#2f5f8f, #8ab4dc)", "light-dark(#94650c, #dcb457)"
_MOST = 4.0
"""Of the logarithm: from there on the colour is full."""


def show(selection: Selection, predicted: Predicted) -> None:
    """The controls, what is written in three ways, what is said next, and the curves. Raises UserError."""
    steer = asked_for(selection, predicted)
    found = seen(steer)
    code = as_python(selection, steer)
    labels = (_("Without steering"), _("With the direction"), _("With a random direction"))
    if found.texts:
        for place, label, text in zip(st.columns(3, gap="medium"), labels, found.texts, strict=True):
            with place:
                heading(label)
                st.html(_chips(text))
        st.caption(as_text(_("Written on from the text above with the same draws (seed {seed}). Blue, underlined: tokens that steering makes likelier; brown, dotted: rarer. In the first text that is what the direction would do to it, and the random one is as long.", seed=SEED)))  # fmt: skip
    heading(_("What is said at the chosen position") if selection.token is not None else _("What is said of the text"))
    drawing(
        "inside_steering_said", steer,
        partial(grouped, [short(name, 16) for name in found.names], [Series(label, row) for label, row in zip(labels, found.shares, strict=True)], _("probability"), sideways=True, shares=True),
        label=_("What is said without and with the direction"), height=92 + 44 * len(found.names), code=code, table=_csv(found),
        name=f"terrarium-steering-{selection.run}-{selection.step}",
    )  # fmt: skip
    if steer.question.source == "texts":
        st.caption(as_text(_("Between the two sets of texts lie {share} % of the mean length of the stream's vectors here.", share=f"{100 * found.share:.3g}")))  # fmt: skip
    _measured(selection, steer, code)


def _measured(selection: Selection, steer: Steer, code: str) -> None:
    """How far it goes and what it costs, as an inquiry."""
    question = steer.question
    heading(_("How far, and at what cost"))
    if not question.words or not question.tried:
        st.info(_("Say under “More” which word is wanted and in which texts: then it is counted how often it comes."))
        return
    if not tried_on(question):
        st.info(_("The direction is made of every text that it is tried on: try it on others, too."))
        return
    config = store().find(selection.run).model_config
    if isinstance(config, TaskConfig) and config.task != "classify":
        st.info(_("How far a model is moved is measured where it writes, fills in a hidden word or says a class."))
        return
    if shape_of(store().find(selection.run)).has_source:
        st.info(_("How far a translator is moved is not measured here; see above what it writes."))
        return
    answer = answered(
        "inside_steering_inquiry", InquiryConfig(run=selection.run, step=selection.step, question=question), name=_("Steering"),
        picture=_("What is wanted, and what it costs, over the strength"), code=code,
    )  # fmt: skip
    if answer is None:
        return
    words, table = partial(translate, code=language()), steering_rows.as_csv(answer)
    run = f"{selection.run}-{selection.step}"
    st.caption(as_text(_("Wanted: {words}; steered everywhere. Dashed: the mean of {count} random directions of the same length, from the least to the greatest in grey.", words=_(", ").join(question.words), count=len(steering_rows.points_of(answer, "strength", "wanted")[0].random))))  # fmt: skip
    drawing(
        "inside_steering_curve", (question, steer.percent), partial(steering_rows.curves, answer, words, marked=steer.percent / 100),
        label=_("What is wanted, and what it costs, over the strength"), height=60 + 180 * len(steering_rows.panels_of(answer)), code=code,
        table=table, name=f"terrarium-steering-curve-{run}",
    )  # fmt: skip
    if steering_rows.points_of(answer, "place", "wanted"):
        heading(_("Which layer"))
        st.caption(as_text(_("All at strength {strength}, each with the direction that the two sets have there; circles: random directions. A click steers at that layer.", strength=0.4)))  # fmt: skip
        drawing(
            "inside_steering_places", (question, selection.layer), partial(steering_rows.by_place, answer, words, marked=selection.layer),
            label=_("What is wanted, by the place that is steered at"), height=270, code=code, table=table,
            name=f"terrarium-steering-places-{run}", on_picked=pick,
        )  # fmt: skip


def pick(picked: object) -> None:
    """A layer was clicked. What comes from the browser is checked."""
    if type(picked) is int and 0 <= picked < 1000:
        choose_piece(picked)


def _chips(text: Written) -> str:
    """What was written as HTML, all of it escaped."""
    return f"<div class='t-host t-still'><p class='t-read' style='font-size:1rem;line-height:1.9'>{''.join(map(_chip, text.tokens, text.changes))}</p></div>"  # fmt: skip


def _chip(token: str, change: float) -> str:
    strong = min(1.0, abs(change) / _MOST)
    shown = escape(token if token.strip() and token.isprintable() else token_label(token))
    if strong < 0.08:
        return f"<span>{shown}</span>"
    color, line = (_LIKELIER, "solid") if change > 0 else (_RARER, "dotted")
    times = f"× {2.718281828**change:.3g}"
    return f"<span title='{times}' style='background:color-mix(in srgb, {color} {round(12 + 38 * strong)}%, transparent);border-bottom:2px {line} {color};border-radius:.2em'>{shown}</span>"  # fmt: skip


def _csv(found: Seen) -> str:
    from llm_core.data.table_writing import as_table

    rows = ((name, *(float(f"{row[at]:.6g}") for row in found.shares)) for at, name in enumerate(found.names))
    return as_table(("token", "without", "steered", "random"), rows)
