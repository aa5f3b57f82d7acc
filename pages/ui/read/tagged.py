"""The picture of entities: the text with each in the colour of its kind, and below it how sure the model is of each word."""

from html import escape
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from llm_core.data.table_writing import as_table
from pages.ui.charts import Colors, layout
from pages.ui.drawing import drawing
from pages.ui.read.looking import Looking, tagged, told
from pages.ui.read.words import colour_of, kind_name, kinds_of, percent
from pages.ui.subject import Subject
from pages.ui.text import _

if TYPE_CHECKING:
    from llm_core.inference.tag import Entity, Tagged

_ROW, _HEAD, _WORD = 30, 74, 30  # pixels


def show(looking: Looking, subject: Subject) -> None:
    """Raises UserError where the model cannot read the text."""
    found = tagged(looking)
    kinds = kinds_of(found.labels)
    st.html(f"<div class='t-host t-still'><p class='t-read'>{_marked(found, kinds)}</p></div>")
    st.caption(_against_truth(found, subject) or _counted(found))
    if not found.words:
        return
    words = [found.text[slice(*word)] for word in found.words]
    shares = shares_of(found)
    drawing(
        "read_tagged", looking, lambda colors: _figure(colors, words, ["", *kinds], shares),
        label=_("How likely each word is a part of each kind of entity"), height=_HEAD + _ROW * (1 + len(kinds)),
        least_width=160 + _WORD * len(words), name=f"terrarium-entities-{looking.run}", code=_python(looking),
        table=as_table(("word", "start", "end", "tag", *found.labels), [
            (word, *span, tag, *(round(float(share), 6) for share in row))
            for word, span, tag, row in zip(words, found.words, found.tags, found.probabilities, strict=True)
        ]),
    )  # fmt: skip


def shares_of(found: "Tagged") -> np.ndarray:
    """(1 + kinds, words): how likely each word is no part of an entity, and a part of one of each kind."""
    rows = [found.probabilities[:, [place for place, label in enumerate(found.labels) if label[1:2] != "-"]].sum(1)]
    for kind in kinds_of(found.labels):
        own = [place for place, label in enumerate(found.labels) if label[2:] == kind]
        rows.append(found.probabilities[:, own].sum(1))
    return np.stack(rows)


def _marked(found: "Tagged", kinds: list[str]) -> str:
    """The text as HTML; all of it escaped."""
    pieces, done = [], 0
    for one in found.entities:
        pieces += [escape(found.text[done : one.start]), _mark(one, kinds)]
        done = one.end
    return "".join((*pieces, escape(found.text[done:])))


def _mark(one: "Entity", kinds: list[str]) -> str:
    name, sure = escape(kind_name(one.kind)), percent(one.probability)
    return (
        f"<mark class='t-entity' data-kind='{escape(one.kind, quote=True)}' style='--entity: {colour_of(one.kind, kinds)}'>"
        f"{escape(one.text)}<small>{name} {escape(sure)}</small></mark>"
    )


def _counted(found: "Tagged") -> str:
    return _("{count} entities.", count=len(found.entities)) if found.entities else _("No entity.")


def _against_truth(found: "Tagged", subject: Subject) -> str:
    """What the grammar says of its own story; empty for another text."""
    story = told(subject.run)
    if found.text != story.text:
        return ""
    ours, right = {(one.kind, one.start, one.end) for one in found.entities}, set(story.entities)
    if ours == right:
        return _("All {count} entities are as the grammar knows them.", count=len(right))
    return _(
        "Of the {count} entities that the grammar knows {missed} are missed; {wrong} of those marked are wrong.",
        count=len(right), missed=len(right - ours), wrong=len(ours - right),
    )  # fmt: skip


def _figure(colors: Colors, words: list[str], kinds: list[str], shares: np.ndarray) -> go.Figure:
    names = [kind_name(kind) if kind else _("no entity") for kind in kinds]
    places = list(range(len(words)))
    told_of = _(
        "“{word}” is “{kind}” with a probability of {share}.", word="%{customdata}", kind="%{y}", share="%{z:.3f}"
    )
    figure = go.Figure(layout=layout(colors))
    figure.add_heatmap(
        x=places, y=names, z=shares, zmin=0, zmax=1, showscale=False, xgap=1, ygap=1, colorscale=list(colors.scale),
        customdata=[words] * len(names), hovertemplate=f"{told_of}<extra></extra>",
    )  # fmt: skip
    figure.update_layout(
        margin={"l": 96, "r": 16, "t": 8, "b": 62},
        xaxis={"tickmode": "array", "tickvals": places, "ticktext": words, "tickangle": -50, "range": [-0.5, len(words) - 0.5], "fixedrange": True},
        yaxis={"autorange": "reversed", "showgrid": False, "fixedrange": True},
    )  # fmt: skip
    return figure


def _python(looking: Looking) -> str:
    return f"""from llm_core.inference.tag import tag
from llm_core.runs.store import Store

store = Store()
run = store.find({looking.run!r})
model, tokenizer = store.model(run, step={looking.step})
for entity in tag(model, tokenizer, run.labels, {looking.text!r}).entities:
    print(entity)"""
