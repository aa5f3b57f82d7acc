"""What pre-training is worth: few labels, and a test whose words of praise and blame were never labelled.

The figures were measured and are kept beside the bundled encoder; the page shows them with the command that measures them
again.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from llm_core.data.table_writing import as_table
from llm_core.errors import N_
from llm_core.runs.store import BUNDLED_MODELS
from pages.ui.charts import Colors, layout
from pages.ui.classify.families import LOOKS
from pages.ui.drawing import drawing
from pages.ui.glossary import meanings
from pages.ui.text import _, number

FIGURES = BUNDLED_MODELS / "cloze-en-zh" / "pretraining.json"
COMMAND = "python -m benchmarks.pretraining"
STARTS = {
    "pretrained": (N_("pre-trained, fine-tuned"), "encoder_finetuned"),
    "random": (N_("same network from random weights"), "transformer"),
    "tfidf": (N_("TF-IDF + logistic regression"), "tfidf_logistic_regression"),
}
"""What is compared: how it is called, and the family whose colour and shape it has."""
LANGUAGES = {"en": N_("English"), "zh": N_("Chinese")}


@dataclass(frozen=True)
class Measured:
    """accuracies: by language and start one for each seed · ceiling: the best that is possible, by language ·
    never_labelled: by language the share of the test's telling words that stood in no labelled text."""

    labelled: int
    tested: int
    seeds: int
    accuracies: Mapping[str, Mapping[str, Sequence[float]]]
    ceiling: Mapping[str, float]
    never_labelled: Mapping[str, float]
    machine: str


@cache
def measured(path: Path = FIGURES) -> Measured | None:
    """The figures that come with the program; None where there are none."""
    try:
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for language, start, _seed, accuracy in values["trials"]:
        found[language][start].append(accuracy)
    return Measured(
        values["labelled"], values["tested"], values["seeds"], found, values["ceiling"], values["never_labelled"],
        values["machine"],
    )  # fmt: skip


def show() -> None:
    """The section, where the figures are there."""
    figures = measured()
    if figures is None:
        return
    st.subheader(_("What pre-training is worth"), anchor="pretraining", help=meanings("pre-training", "fine-tuning"))
    st.markdown(
        _(
            "Each learned from {labelled} labelled reviews and was tested on {tested} others. Of the words of praise and blame in the test, {share} stood in none of the labelled reviews: who knows them knows them from texts without labels.",
            labelled=number(figures.labelled), tested=number(figures.tested),
            share=f"{100 * min(figures.never_labelled.values()):.3g} %",
        )
    )  # fmt: skip
    drawing(
        "classify_pretraining", (figures.machine, figures.seeds, str(figures.accuracies)), partial(figure, figures),
        label=_("Accuracy on words that were never labelled, by language and beginning"), height=120 + 46 * 3 * len(figures.accuracies),
        code=python(), table=csv(figures), name="terrarium-pretraining", least_width=560,
    )  # fmt: skip
    st.caption(sentence(figures))
    with st.expander(_("Measure it again")):
        st.markdown(_("The same on this computer; it takes some minutes:"))
        st.code(COMMAND, language="shell", wrap_lines=True)


def sentence(figures: Measured) -> str:
    """Mean and spread in words, language by language."""
    parts = []
    for language, starts in figures.accuracies.items():
        known, random = np.array(starts["pretrained"]), np.array(starts["random"])
        parts.append(
            _(
                "{language}: {pretrained} ± {pretrained_spread} against {random} ± {random_spread} from random weights; the best that anyone could reach is {ceiling}.",
                language=_(LANGUAGES[language]), pretrained=_share(known.mean()), random=_share(random.mean()),
                pretrained_spread=_share(_deviation(known)), random_spread=_share(_deviation(random)), ceiling=_share(figures.ceiling[language]),
            )
        )  # fmt: skip
    parts.append(_("Mean and standard deviation of {seeds} runs, each with other labelled reviews and other random numbers; every run is a small mark.", seeds=number(figures.seeds)))  # fmt: skip
    return " ".join(parts)


def figure(figures: Measured, colors: Colors) -> go.Figure:
    """A bar of the mean for every start, its standard deviation, and a mark for every run; a line for the best possible."""
    made = go.Figure(layout=layout(colors))
    rows = [(language, start) for language in figures.accuracies for start in STARTS if start in figures.accuracies[language]]  # fmt: skip
    places = list(range(len(rows)))[::-1]
    for place, (language, start) in zip(places, rows, strict=True):
        found = np.array(figures.accuracies[language][start])
        label, family = STARTS[start]
        look = LOOKS[family]
        color = colors.categories[look.colour]
        told = f"{_(LANGUAGES[language])}, {_(label)}: {_share(found.mean())} ± {_share(_deviation(found))}"
        made.add_bar(
            y=[place], x=[found.mean()], orientation="h", marker_color=color, opacity=0.35, width=0.62,
            error_x={"type": "data", "array": [_deviation(found)], "color": colors.text, "thickness": 1.4, "width": 5},
            hovertemplate=f"{told}<extra></extra>",
        )  # fmt: skip
        made.add_scatter(
            y=[place] * len(found), x=found, mode="markers", marker={"symbol": look.symbol, "size": 7, "color": color},
            hovertemplate="%{x:.1%}<extra></extra>",
        )  # fmt: skip
        made.add_annotation(
            y=place,
            x=1,
            xref="paper",
            xanchor="left",
            xshift=8,
            showarrow=False,
            text=_share(found.mean()),
            font_color=color,
        )
    for language, ceiling in figures.ceiling.items():
        own = [place for place, (one, _start) in zip(places, rows, strict=True) if one == language]
        made.add_shape(
            type="line", x0=ceiling, x1=ceiling, y0=min(own) - 0.45, y1=max(own) + 0.45, line={"color": colors.floor, "dash": "dash", "width": 1.4},
        )  # fmt: skip
        made.add_annotation(x=ceiling, y=max(own) + 0.45, yanchor="bottom", showarrow=False, text=_("best possible"), font_color=colors.floor)  # fmt: skip
    several = len(figures.accuracies) > 1
    made.update_yaxes(
        tickmode="array", tickvals=places, showgrid=False, range=[-0.7, len(rows) - 0.1],
        ticktext=[f"{_(LANGUAGES[language])}: {_(STARTS[start][0])}" if several else _(STARTS[start][0]) for language, start in rows],
    )  # fmt: skip
    made.update_xaxes(range=[0, 1], tickformat=".0%", title_text=_("accuracy on the test"), showgrid=True)
    made.update_layout(margin={"l": 270, "r": 70, "t": 24}, bargap=0.3)
    return made


def csv(figures: Measured) -> str:
    """Every run as a row."""
    return as_table(
        ("language", "start", "seed", "accuracy"),
        (
            (language, start, seed, accuracy)
            for language, starts in figures.accuracies.items()
            for start, found in starts.items()
            for seed, accuracy in enumerate(found)
        ),
    )


def python() -> str:
    """The same for a notebook."""
    return """\
from llm_core.transfer.held_out_words import families, trials

for trial in trials(families(), languages=["en"], seeds=range(5)):
    print(trial.start, trial.seed, round(trial.accuracy, 3))
"""


def _share(value: float) -> str:
    return f"{100 * value:.1f} %"


def _deviation(found: "np.ndarray[Any, Any]") -> float:
    return float(found.std(ddof=1)) if len(found) > 1 else 0.0
