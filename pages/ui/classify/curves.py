"""ROC and precision-recall curves of all families, one class against the rest, with the area under each."""

from functools import partial

import plotly.graph_objects as go
import streamlit as st

from llm_core.data.table_writing import as_table
from llm_core.evaluate.ranking_curves import Curve, macro_area, thinned
from pages.ui.charts import Colors, layout
from pages.ui.classify.families import LOOKS, color, sign, title
from pages.ui.classify.scored import CurveKind, Scored, as_python
from pages.ui.corpus.figures import shown
from pages.ui.drawing import drawing
from pages.ui.glossary import meaning
from pages.ui.sheet import Cell, Column, Row, sheet
from pages.ui.state import CLASSIFY_CLASS_KEY, CLASSIFY_CURVE_KEY
from pages.ui.text import _

KINDS: tuple[CurveKind, ...] = ("roc", "precision_recall")
_POINTS = 400


def show(scored: Scored, family: str) -> None:
    """The curves for one class; the chosen family strong."""
    kind, chosen = controls(scored)
    curves = {name: scored.curves(kind, name) for name in scored.families}
    found = {name: each[chosen] for name, each in curves.items()}
    if all(curve is None for curve in found.values()):
        st.info(_("The test part holds no text of this class, or only such: there is no curve to draw."))
    else:
        drawing(
            "classify_curves", (scored.run, scored.families, family, kind, chosen), partial(figure, scored, found, kind, chosen, family),
            label=_("Curves of all families, one class against the rest"), height=500, code=python(scored, kind, chosen),
            table=csv(found), name=f"terrarium-{kind.replace('_', '-')}-{scored.run}-{chosen}",
        )  # fmt: skip
    area = _("Area") if kind == "roc" else _("Average precision")
    sense = meaning("AUC") if kind == "roc" else meaning("average precision")
    columns = [Column(_("Family"), kind="text"), Column(area, sense, "share")]
    if len(scored.names) > 2:
        columns.append(Column(_("Mean over the classes"), sense, "share"))
    rows = []
    order = sorted(scored.families, key=lambda name: -(curve.area if (curve := found[name]) else 0.0))
    for name in order:
        areas = [curve.area if (curve := found[name]) else None, macro_area(curves[name])][: len(columns) - 1]
        cells = [
            Cell("–") if value is None else Cell(f"{value:.4f}", value=value, share=value) for value in areas
        ]  # fmt: skip
        rows.append(Row(name, (Cell(title(name), value=title(name)), *cells), sign(name)))
    sheet("classify_areas", columns, rows, label=_("Area under the curve of every family"), chosen=family)


def controls(scored: Scored) -> tuple[CurveKind, int]:
    """Which curve, and which class against the rest."""
    left, right = st.columns([1, 1.4], gap="medium", vertical_alignment="bottom")
    names: dict[CurveKind, str] = {"roc": _("ROC"), "precision_recall": _("Precision and recall")}
    st.session_state.setdefault(CLASSIFY_CURVE_KEY, "roc")
    with left:
        kind: CurveKind = st.segmented_control(
            _("Curve"), KINDS, key=CLASSIFY_CURVE_KEY, required=True, format_func=names.__getitem__, persist_state="session",
            help=f"{meaning('ROC')}\n\n{meaning('precision')}\n\n{meaning('recall')}",
        ) or "roc"  # fmt: skip
    with right:
        return kind, choose_class(scored, _("Class against the rest"))


def choose_class(scored: Scored, label: str) -> int:
    """A class by its place; the last one first, which of two is usually the one that is looked for."""
    last = len(scored.names) - 1
    known = st.session_state.get(CLASSIFY_CLASS_KEY)
    if not isinstance(known, int) or not 0 <= known <= last:
        st.session_state[CLASSIFY_CLASS_KEY] = last
    chosen: int = st.selectbox(
        label, range(len(scored.names)), key=CLASSIFY_CLASS_KEY, format_func=scored.names.__getitem__, persist_state="session"
    )  # fmt: skip
    return chosen


def figure(
    scored: Scored, curves: dict[str, Curve | None], kind: CurveKind, chosen: int, family: str, colors: Colors
) -> go.Figure:
    """A line for each family, told apart by colour and dash; the dotted line is what guessing gives."""
    made = go.Figure(layout=layout(colors))
    name = shown(scored.names[chosen])
    share = float((scored.labels == chosen).mean())
    guess = [0.0, 1.0] if kind == "roc" else [share, share]
    made.add_scatter(
        x=[0, 1], y=guess, mode="lines", name=_("guessing"), line={"color": colors.uniform, "dash": "dot", "width": 1.2}, hoverinfo="skip"
    )  # fmt: skip
    sentence = (
        _("{family}: {recall} of “{name}” found when {alarms} of the rest are called so too", recall="%{y:.1%}", alarms="%{x:.1%}", name=name, family="{family}")
        if kind == "roc"
        else _("{family}: {recall} of “{name}” found; of those called so {precision} are", recall="%{x:.1%}", precision="%{y:.1%}", name=name, family="{family}")
    )  # fmt: skip
    for each, curve in curves.items():
        if curve is None:
            continue
        drawn = thinned(curve, _POINTS)
        made.add_scatter(
            x=drawn.x, y=drawn.y, mode="lines", name=title(each),
            line={"color": color(each, colors), "dash": LOOKS[each].dash, "width": 3.2 if each == family else 1.6, "shape": "linear" if kind == "roc" else "vh"},
            hovertemplate=sentence.replace("{family}", title(each)) + "<extra></extra>",
        )  # fmt: skip
    axes = (
        (_("others called so (share)"), _("found (share)")) if kind == "roc" else (_("recall"), _("precision"))
    )  # fmt: skip
    made.update_layout(
        margin={"l": 58, "r": 20, "t": 14, "b": 50}, showlegend=True, legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
        xaxis={"range": [-0.01, 1.01], "title": {"text": axes[0]}, "showgrid": True}, yaxis={"range": [-0.01, 1.02], "title": {"text": axes[1]}},
    )  # fmt: skip
    return made


def csv(curves: dict[str, Curve | None]) -> str:
    """The points of the curves that are drawn, at most 400 each."""
    rows = []
    for family, curve in curves.items():
        if curve is not None:
            drawn = thinned(curve, _POINTS)
            rows += [
                (family, *point)
                for point in zip(drawn.thresholds.tolist(), drawn.x.tolist(), drawn.y.tolist(), strict=True)
            ]
    return as_table(("family", "threshold", "x", "y"), rows)


def python(scored: Scored, kind: CurveKind, chosen: int) -> str:
    """The same for a notebook or a script."""
    lines = f"""\
for family in race.results:
    curves = one_against_rest(test.labels, race.predictions(family), {kind})
    curve = curves[{chosen}]
    print(family, test.names[{chosen}], curve and curve.area, macro_area(curves))
"""
    return as_python(
        scored.run, f"from llm_core.evaluate.ranking_curves import macro_area, one_against_rest, {kind}", lines
    )
