"""The picture of a class: what the model calls the text, and how likely each class is."""

from html import escape

import plotly.graph_objects as go
import streamlit as st

from llm_core.data.grammar.labelled import label_names
from llm_core.data.table_writing import as_table
from llm_core.runs.run import Run
from pages.ui.charts import Colors, layout
from pages.ui.corpus.figures import shown
from pages.ui.drawing import drawing
from pages.ui.read.example import source_of
from pages.ui.read.looking import Labelled, Looking, labelled, told
from pages.ui.read.words import percent
from pages.ui.subject import Subject
from pages.ui.text import _, language

_ROW, _HEAD = 34, 64  # pixels
_NO_DOUBT = 0.995


def show(looking: Looking, subject: Subject) -> None:
    """Raises UserError where the model does not classify."""
    found = labelled(looking)
    names = class_names(subject.run, found)
    st.html(f"<div class='t-host t-still'><p class='t-read'>{_marked(looking, found, names)}</p></div>")
    st.caption(_against_truth(looking, found, names, subject) + _left_out(found))
    drawing(
        "read_labelled", (looking, found), lambda colors: figure(colors, found, names, subject.run.labels),
        label=_("How likely each class is"), height=_HEAD + _ROW * len(names), name=f"terrarium-class-{looking.run}",
        code=_python(looking), table=as_table(("class", "probability"), found.shares.items()),
    )  # fmt: skip


def class_names(run: Run, found: Labelled) -> dict[str, str]:
    """What each class is called in the person's language, the likeliest first; one that the grammar does not know keeps
    its own name."""
    known = label_names(source_of(run), language())
    return {label: known.get(label, label) for label in found.shares}


def _marked(looking: Looking, found: Labelled, names: dict[str, str]) -> str:
    """The text as HTML with its class behind it; all of it escaped."""
    best = next(iter(names))
    mark = f"{escape(names[best])}<small>{escape(percent(found.shares[best]))}</small>"
    return f"{escape(looking.text)} <mark class='t-entity t-answer'>{mark}</mark>"


def _against_truth(looking: Looking, found: Labelled, names: dict[str, str], subject: Subject) -> str:
    """What the grammar says of a text of its own; empty for others."""
    text = told(subject.run)
    if looking.text != text.text or text.label not in names:
        return ""
    made = names[text.label]
    doubtful = _("from the words alone nobody could be surer than {share}", share=percent(text.sure))
    sure = doubtful if text.sure < _NO_DOUBT else _("the words leave hardly a doubt")
    if next(iter(names)) == text.label:
        return _("That is what the grammar made the text from; {sure}.", sure=sure)
    return _("The grammar made the text from another class, {label}; {sure}.", label=made, sure=sure)


def _left_out(found: Labelled) -> str:
    if not found.left_out:
        return ""
    return " " + _("The last {count} tokens of the text do not fit in the model's context and were not read.", count=found.left_out)  # fmt: skip


def figure(colors: Colors, found: Labelled, names: dict[str, str], labels: tuple[str, ...]) -> go.Figure:
    """A bar for each class, the likeliest at the top; a class keeps its colour, by its place among `labels`."""
    made = go.Figure(layout=layout(colors))
    order = list(found.shares)
    shares = list(found.shares.values())
    made.add_bar(
        y=list(range(len(order))), x=shares, orientation="h", text=[percent(share) for share in shares], textposition="outside",
        marker_color=[colors.categories[labels.index(label) % len(colors.categories)] for label in order], cliponaxis=False,
        customdata=[names[label] for label in order],
        hovertemplate=_("The class is “{label}” with a probability of {share}.", label="%{customdata}", share="%{x:.3f}") + "<extra></extra>",
    )  # fmt: skip
    made.update_layout(
        margin={"l": 132, "r": 64, "t": 8, "b": 44}, bargap=0.35,
        xaxis={"range": [0, 1], "fixedrange": True, "title": {"text": _("Probability")}},
        yaxis={"tickmode": "array", "tickvals": list(range(len(order))), "ticktext": [shown(names[label]) for label in order], "autorange": "reversed", "showgrid": False, "fixedrange": True},
    )  # fmt: skip
    return made


def _python(looking: Looking) -> str:
    return f"""from llm_core.inference.label import label
from llm_core.runs.store import Store

store = Store()
run = store.find({looking.run!r})
model, tokenizer = store.model(run, step={looking.step})
for name, probability in label(model, tokenizer, run.labels, [{looking.text!r}])[0].items():
    print(name, probability)"""
