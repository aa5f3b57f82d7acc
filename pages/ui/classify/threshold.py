"""What becomes of two classes when one is only called from a certain probability on."""

from functools import partial

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from llm_core.data.table_writing import as_table
from llm_core.evaluate.thresholds import ChosenByHalf, Thresholded, at_thresholds, chosen_by_half
from pages.ui.charts import Colors, layout
from pages.ui.classify.curves import choose_class
from pages.ui.classify.families import title
from pages.ui.classify.scored import Scored, as_python, percent
from pages.ui.corpus.figures import shown
from pages.ui.drawing import drawing
from pages.ui.glossary import meaning
from pages.ui.state import CLASSIFY_THRESHOLD_KEY
from pages.ui.text import _, number

GRID = np.arange(0, 101) / 100
USUAL = 50


def show(scored: Scored, family: str) -> None:
    """The slider, what it gives, and the curves of all thresholds."""
    if len(scored.names) != 2:
        st.info(_("A threshold parts two classes; this table has {count}. The curves show each of them against the rest.", count=len(scored.names)))  # fmt: skip
        return
    left, right = st.columns([1, 1.4], gap="medium", vertical_alignment="bottom")
    with left:
        chosen = choose_class(scored, _("Class that is looked for"))
    with right:
        st.session_state.setdefault(CLASSIFY_THRESHOLD_KEY, USUAL)
        threshold = st.slider(
            _("Called so from a probability of"), 0, 100, key=CLASSIFY_THRESHOLD_KEY, format="%d %%", persist_state="session",
            help=_("Higher: fewer are called so, and those more surely. Which is better depends on which mistake costs more."),
        )  # fmt: skip
    positive, scores = scored.labels == chosen, scored.probabilities[family][:, chosen]
    swept = at_thresholds(positive, scores, GRID)
    _numbers(swept[threshold])
    drawing(
        "classify_threshold_picture", (scored.run, family, chosen, threshold), partial(figure, swept, threshold, scored.names[chosen]),
        label=_("Precision, recall, F1 and accuracy of {family} at every threshold", family=title(family)), height=380,
        code=python(scored, family, chosen, threshold), table=csv(swept), name=f"terrarium-threshold-{scored.run}-{family}",
    )  # fmt: skip
    st.caption(hope(chosen_by_half(positive, scores, GRID), len(scored.labels)))


def hope(halved: ChosenByHalf | None, texts: int) -> str:
    """Which texts the figures come from, and how much better a threshold that is chosen by them looks than it is."""
    words = [
        _("Measured on the {texts} texts of the test part, which no family has learned from. But a threshold that is chosen by looking at them looks better here than it will be on new texts.", texts=number(texts))
    ]  # fmt: skip
    if halved is not None:
        words.append(
            _("How much better: chosen by F1 on one half of them, it reached {chosen} there and {other} on the other half (mean of {halvings} halvings by chance).", chosen=percent(halved.chosen), other=percent(halved.other), halvings=halved.halvings)
        )  # fmt: skip
    return " ".join(words)


def _numbers(at: Thresholded) -> None:
    shares = (
        (_("Precision"), at.precision, "precision"), (_("Recall"), at.recall, "recall"), ("F1", at.f1, "F1"),
        (_("Accuracy"), at.accuracy, "accuracy"),
    )  # fmt: skip
    with st.container(horizontal=True, gap="large"):
        for name, value, term in shares:
            st.metric(name, percent(value), help=meaning(term), width="content")
    st.markdown(
        _("{hits} found and {misses} missed; {alarms} of the others called so, {rejections} left.", hits=number(at.hits), misses=number(at.misses), alarms=number(at.alarms), rejections=number(at.rejections))
    )  # fmt: skip


def figure(swept: tuple[Thresholded, ...], threshold: int, name: str, colors: Colors) -> go.Figure:
    """Four lines over the threshold, each with its name at its end, and where the slider stands."""
    made = go.Figure(layout=layout(colors))
    lines = (
        (_("precision"), "precision", colors.categories[1], "solid"), (_("recall"), "recall", colors.categories[2], "dash"),
        ("F1", "f1", colors.categories[0], "solid"), (_("accuracy"), "accuracy", colors.categories[3], "dot"),
    )  # fmt: skip
    x = GRID.tolist()
    for word, attribute, color, dash in lines:
        y = [getattr(each, attribute) for each in swept]
        made.add_scatter(
            x=x, y=y, mode="lines", name=word, line={"color": color, "dash": dash, "width": 2.4},
            hovertemplate=_("From {x} on: {measure} {y}", x="%{x:.0%}", y="%{y:.1%}", measure=word) + "<extra></extra>",
        )  # fmt: skip
    made.add_vline(x=threshold / 100, line={"color": colors.text, "width": 1.4})
    made.update_layout(
        margin={"l": 58, "r": 20, "t": 30, "b": 48}, showlegend=True, legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
        xaxis={"range": [0, 1], "tickformat": ".0%", "title": {"text": _("called “{name}” from this probability on", name=shown(name))}},
        yaxis={"range": [-0.01, 1.02], "tickformat": ".0%"},
    )  # fmt: skip
    return made


def csv(swept: tuple[Thresholded, ...]) -> str:
    """Every threshold in exact numbers."""
    return as_table(
        ("threshold", "hits", "misses", "alarms", "rejections", "precision", "recall", "f1", "accuracy"),
        (
            (at.threshold, at.hits, at.misses, at.alarms, at.rejections, at.precision, at.recall, at.f1, at.accuracy)
            for at in swept
        ),
    )


def python(scored: Scored, family: str, chosen: int, threshold: int) -> str:
    """The same for a notebook or a script."""
    lines = f"""\
scores = race.predictions({family!r})[:, {chosen}]
(at,) = at_thresholds(test.labels == {chosen}, scores, np.array([{threshold / 100}]))
print(test.names[{chosen}], at, at.precision, at.recall, at.f1, at.accuracy)
print(chosen_by_half(test.labels == {chosen}, scores, np.arange(101) / 100))
"""
    imports = "import numpy as np\n\nfrom llm_core.evaluate.thresholds import at_thresholds, chosen_by_half"
    return as_python(scored.run, imports, lines)
