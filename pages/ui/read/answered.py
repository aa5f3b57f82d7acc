"""The picture of an answer: where in the text it stands, and how likely it begins and ends at each token."""

from html import escape
from textwrap import shorten
from typing import TYPE_CHECKING

import plotly.graph_objects as go
import streamlit as st

from llm_core.data.table_writing import as_table
from pages.ui.charts import Colors, layout
from pages.ui.drawing import drawing
from pages.ui.read.looking import Looking, answered, told
from pages.ui.read.words import percent
from pages.ui.subject import Subject
from pages.ui.text import _

if TYPE_CHECKING:
    from llm_core.inference.answer import Answered

_HEIGHT, _TOKEN = 300, 26  # pixels
_LEAST, _LONGEST = 0.01, 60  # of other answers: their probability, and their characters


def show(looking: Looking, subject: Subject) -> None:
    """Raises UserError where the model cannot read the text, or nothing is asked."""
    found = answered(looking)
    st.html(f"<div class='t-host t-still'><p class='t-read'>{_marked(found)}</p>{_others(found)}</div>")
    st.caption(_against_truth(found, subject) + _left_out(found))
    drawing(
        "read_answered", looking, lambda colors: _figure(colors, found),
        label=_("How likely the answer begins and ends at each token"), height=_HEIGHT,
        least_width=200 + _TOKEN * len(found.tokens), name=f"terrarium-answer-{looking.run}", code=_python(looking),
        table=as_table(("token", "start", "end", "begins", "ends"), [
            (token, *span, round(float(first), 6), round(float(last), 6))
            for token, span, first, last in zip(found.tokens, found.spans, found.begins, found.ends, strict=True)
        ]),
    )  # fmt: skip


def _marked(found: "Answered") -> str:
    """The text as HTML, the best answer marked; all of it escaped."""
    if not found.answers:
        return escape(found.text)
    best = found.answers[0]
    before, after = found.text[: best.start], found.text[best.end :]
    return (
        f"{escape(before)}<mark class='t-entity t-answer'>{escape(best.text)}"
        f"<small>{escape(percent(best.probability))}</small></mark>{escape(after)}"
    )


def _others(found: "Answered") -> str:
    """The next best answers that are more than nothing, in one quiet row."""
    likely = [one for one in found.answers[1:] if one.probability >= _LEAST]
    rest = " · ".join(f"{escape(shorten(one.text, _LONGEST))} {escape(percent(one.probability))}" for one in likely)
    title = escape(_("Next:"))
    return f"<p class='t-quiet'>{title} {rest}</p>" if rest else ""


def _against_truth(found: "Answered", subject: Subject) -> str:
    """What the grammar says of a question of its own; empty for others."""
    story = told(subject.run)
    if found.text != story.text or found.question not in story.answers or not found.answers:
        return ""
    start, end = story.answers[found.question]
    best = found.answers[0]
    if (best.start, best.end) == (start, end) or best.text == story.text[start:end]:
        return _("That is the answer that the grammar knows.")
    return _("The grammar knows another answer: {text}.", text=story.text[start:end])


def _left_out(found: "Answered") -> str:
    if not found.left_out:
        return ""
    return " " + _("The last {count} tokens of the text do not fit in the model's context and were not read.", count=found.left_out)  # fmt: skip


def _figure(colors: Colors, found: "Answered") -> go.Figure:
    places = list(range(len(found.tokens)))
    words = [token.strip() or "␣" for token in found.tokens]
    figure = go.Figure(layout=layout(colors))
    sides = (
        (found.begins, _("begins"), colors.training, "", _("The answer begins at “{token}” with a probability of {share}.", token="%{customdata}", share="%{y:.3f}")),
        (found.ends, _("ends"), colors.held_out, "/", _("The answer ends at “{token}” with a probability of {share}.", token="%{customdata}", share="%{y:.3f}")),
    )  # fmt: skip
    for shares, name, color, pattern, sentence in sides:
        figure.add_bar(
            x=places, y=shares.tolist(), name=name, customdata=words, hovertemplate=f"{sentence}<extra></extra>",
            marker={"color": color, "pattern": {"shape": pattern}},
        )  # fmt: skip
    figure.update_layout(
        barmode="group", bargap=0.25, showlegend=True, legend={"orientation": "h", "y": 1.12, "x": 0},
        margin={"l": 58, "r": 16, "t": 30, "b": 82},
        xaxis={"tickmode": "array", "tickvals": places, "ticktext": words, "tickangle": -50, "range": [-0.7, len(words) - 0.3], "fixedrange": True},
        yaxis={"range": [0, 1.02], "fixedrange": True, "title": {"text": _("Probability")}},
    )  # fmt: skip
    return figure


def _python(looking: Looking) -> str:
    return f"""from llm_core.inference.answer import answer
from llm_core.runs.store import Store

store = Store()
model, tokenizer = store.model(store.find({looking.run!r}), step={looking.step})
for found in answer(model, tokenizer, {looking.text!r}, {looking.question!r}).answers:
    print(found)"""
