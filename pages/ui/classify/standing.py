"""The table of families: accuracy and macro F1 with intervals, and whether the first is better or only luckier."""

from functools import partial
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from llm_core.data.table_writing import as_table
from llm_core.evaluate.bootstrap import Interval, interval
from llm_core.evaluate.paired_test import Comparison, between, not_worse
from pages.ui.charts import Colors, layout
from pages.ui.classify.families import LOOKS, color, sign, title
from pages.ui.classify.scored import Scored, as_python, percent, points, spread
from pages.ui.drawing import drawing
from pages.ui.glossary import meaning
from pages.ui.sheet import Cell, Column, Row, sheet
from pages.ui.state import CLASSIFY_FAMILY_KEY
from pages.ui.text import _, number

TABLE = "classify_standing"


def show(scored: Scored, family: str) -> None:
    """The verdict, the picture and the table; the chosen family is compared with the best."""
    st.markdown(verdict(scored))
    drawing(
        "classify_standing_picture", (scored.run, scored.families, family), partial(figure, scored),
        label=_("Accuracy of every family on the test texts, with 95 % intervals"), height=86 + 34 * len(scored.families), least_width=560,
        code=python(scored), table=csv(scored), name=f"terrarium-race-{scored.run}",
    )  # fmt: skip
    columns, rows = table(scored)
    sheet(
        TABLE, columns, rows, label=_("All families of the race"), chosen=family, on_picked=choose,
        caption=_("Measured once, on {texts} texts that no family has learned from. A click on a row shows that family below and in the other views.", texts=len(scored.labels)),
    )  # fmt: skip
    if family != scored.ranked[0]:
        st.markdown(pair(between(scored.comparisons, scored.ranked[0], family), len(scored.comparisons)))
    st.caption(_("The intervals tell how much these numbers would vary with other test texts, not with another training: another seed can move them as well."))  # fmt: skip


def choose(family: str) -> None:
    """Look at this family in all views; for callbacks."""
    st.session_state[CLASSIFY_FAMILY_KEY] = family


def verdict(scored: Scored) -> str:
    """Who is best, said only where the test says so."""
    best, *others = scored.ranked
    if not others:
        return _("{best} is the only family that has finished; there is nothing to compare it with.", best=title(best))
    close = not_worse(scored.comparisons, best)
    if not close:
        return _("**{best}** is better than every other family: McNemar’s exact test against each says so, corrected for all {pairs} pairs (p < 0.05).", best=title(best), pairs=len(scored.comparisons))  # fmt: skip
    names = _("; ").join(title(family) for family in scored.ranked if family in close)
    return _("**{best}** has the highest accuracy, but there is no evidence that it is better than: {others}. On {texts} texts the difference may be luck (McNemar’s exact test, corrected for all {pairs} pairs).", best=title(best), others=names, texts=len(scored.labels), pairs=len(scored.comparisons))  # fmt: skip


def pair(comparison: Comparison, pairs: int) -> str:
    """What two families differ in, and whether one is better."""
    better = comparison.better
    counts = _(
        "{first} alone is right on {only_first} texts, {second} alone on {only_second}: p = {p}, corrected for {pairs} pairs {adjusted}.",
        first=title(comparison.first), second=title(comparison.second), only_first=comparison.only_first,
        only_second=comparison.only_second, p=number(comparison.p), adjusted=number(comparison.adjusted), pairs=pairs,
    )  # fmt: skip
    end = _("There is no evidence that one is better.") if better is None else _("{better} is better.", better=title(better))  # fmt: skip
    return f"{counts} {end}"


def intervals(scored: Scored) -> dict[str, tuple[Interval, Interval, Interval]]:
    """For each family those of accuracy, of macro F1, and of the accuracy less that of the best.

    The first two are those that the race has noted, so that its lanes and this table say the same.
    """
    best = scored.families.index(scored.ranked[0])
    accuracy, macro_f1 = scored.resampled.accuracy, scored.resampled.macro_f1
    return {
        family: (
            _noted(scored.results[family], "accuracy") or interval(accuracy[:, at]),
            _noted(scored.results[family], "macro_f1") or interval(macro_f1[:, at]),
            interval(accuracy[:, at] - accuracy[:, best]),
        )
        for at, family in enumerate(scored.families)
    }


def _noted(result: dict[str, Any], name: str) -> Interval | None:
    low, high = result.get(f"{name}_low"), result.get(f"{name}_high")
    return Interval(low, high) if isinstance(low, float) and isinstance(high, float) else None


def table(scored: Scored) -> tuple[list[Column], list[Row]]:
    """The families, the best first."""
    columns = [
        Column(_("Family"), kind="text"),
        Column(_("Accuracy"), meaning("accuracy"), "share"),
        Column(_("Macro F1"), meaning("macro F1"), "share"),
        Column(_("Behind the best"), _("In percentage points, with the interval of the difference on the same texts.")),
        Column(_("Learned in"), _("Seconds of training, on this computer.")),
        Column(_("Parameters"), meaning("parameters")),
    ]
    folds = any("folds" in result for result in scored.results.values())
    if folds:
        columns.insert(3, Column(_("Over the folds"), meaning("cross-validation")))
    best, known, rows = scored.ranked[0], intervals(scored), []
    for family in scored.ranked:
        report, result = scored.reports[family], scored.results[family]
        accuracy, macro_f1, apart = known[family]
        difference = report.accuracy - scored.reports[best].accuracy
        cells = [
            Cell(title(family), value=title(family)),
            Cell(percent(report.accuracy), spread(accuracy.low, accuracy.high), report.accuracy, report.accuracy),
            Cell(percent(report.macro.f1), spread(macro_f1.low, macro_f1.high), report.macro.f1, report.macro.f1),
            Cell("–", value=0.0) if family == best else Cell(points(difference), _("{low} to {high}", low=points(apart.low), high=points(apart.high)), difference),
            Cell(_("{s} s", s=number(float(result["seconds"]))), value=float(result["seconds"])),
            Cell(number(int(result["parameters"])), value=int(result["parameters"])),
        ]  # fmt: skip
        if folds:
            cells.insert(3, _over_folds(result))
        rows.append(Row(family, tuple(cells), sign(family)))
    return columns, rows


def _over_folds(result: dict[str, object]) -> Cell:
    folds = result.get("folds")
    found = folds.get("accuracy") if isinstance(folds, dict) else None
    if not isinstance(found, dict):
        return Cell("–")
    mean, deviation = float(found["mean"]), float(found["deviation"])
    return Cell(percent(mean), f"± {100 * deviation:.1f}", mean)


def figure(scored: Scored, colors: Colors) -> go.Figure:
    """A dot for every family, with its interval, the best at the top."""
    made = go.Figure(layout=layout(colors))
    known = intervals(scored)
    for family in reversed(scored.ranked):
        accuracy, reach = scored.reports[family].accuracy, known[family][0]
        made.add_scatter(
            x=[100 * accuracy], y=[title(family)], mode="markers+text", text=[percent(accuracy)], textposition="top center",
            marker={"symbol": LOOKS[family].symbol, "size": 11, "color": color(family, colors)},
            error_x={"type": "data", "symmetric": False, "array": [100 * (reach.high - accuracy)], "arrayminus": [100 * (accuracy - reach.low)], "color": color(family, colors), "thickness": 2, "width": 5},
            hovertemplate=_("{family} is right on {accuracy} of the test texts; with other texts it would be {interval}.", family=title(family), accuracy=percent(accuracy), interval=spread(reach.low, reach.high)) + "<extra></extra>",
        )  # fmt: skip
    made.update_layout(
        margin={"l": 190, "r": 30, "t": 24, "b": 46}, xaxis={"title": {"text": _("accuracy on the test texts (%)")}, "showgrid": True},
        # With room for the number above the first dot.
        yaxis={"showgrid": False, "range": [-0.5, len(scored.ranked) - 0.2]},
    )  # fmt: skip
    return made


def csv(scored: Scored) -> str:
    """The table as it is, in exact numbers."""
    known, lines = intervals(scored), []
    for family in scored.ranked:
        report, result = scored.reports[family], scored.results[family]
        accuracy, macro_f1, apart = known[family]
        lines.append(
            [
                family, report.accuracy, accuracy.low, accuracy.high, report.macro.f1, macro_f1.low, macro_f1.high,
                report.macro.precision, report.macro.recall, report.micro.f1, apart.low, apart.high, result["seconds"], result["parameters"],
            ]
        )  # fmt: skip
    heads = (
        "family", "accuracy", "accuracy_low", "accuracy_high", "macro_f1", "macro_f1_low", "macro_f1_high", "macro_precision",
        "macro_recall", "micro_f1", "behind_best_low", "behind_best_high", "seconds", "parameters",
    )  # fmt: skip
    return as_table(heads, lines)


def python(scored: Scored) -> str:
    """What the table shows, for a notebook or a script."""
    imports = """\
from llm_core.evaluate.bootstrap import interval, resample
from llm_core.evaluate.classification import predict, report
from llm_core.evaluate.paired_test import compare"""
    lines = """\
predicted = {family: predict(race.predictions(family)) for family in race.results}
drawn = resample(test.labels, list(predicted.values()), len(test.names))
for place, (family, answers) in enumerate(predicted.items()):
    scores = report(test.labels, answers, len(test.names))
    print(family, scores.accuracy, interval(drawn.accuracy[:, place]), scores.macro.f1)
for pair in compare(test.labels, predicted):
    print(pair.first, pair.second, pair.only_first, pair.only_second, pair.p, pair.adjusted, pair.better)
"""
    return as_python(scored.run, imports, lines)
