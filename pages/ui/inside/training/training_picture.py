"""A measure over the steps of a training, drawn under the loss curve of the run on the same axis."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from llm_core.errors import N_
from llm_core.interpret.dynamics.step_measures import CONTROLS, MEASURES
from llm_core.runs.inquired import InquiryConfig, TrainingQuestion
from llm_core.runs.inquiry import Answer
from pages.ui.charts import Colors, layout
from pages.ui.inside.pictures.grid import safe
from pages.ui.inside.training.loss_curve import LossCurve, Points, loss_curve
from pages.ui.inside.training.training_rows import Labels, OverSteps, Words, as_csv, labels_of, names_in, table_of
from pages.ui.state import store
from pages.ui.text import number

_LOSS, _GAP, _ABOVE, _BELOW, _LINES, _ROW = 150, 34, 14, 48, 210, 24  # pixels
_SYMBOLS = ("circle", "square", "diamond", "triangle-up")
_WORDS = {
    "loss": N_("loss (nats)"), "step": N_("step"), "training": N_("training loss"), "held_out": N_("held-out loss"),
    "value": N_("At step {step}, {name}: {value}."), "loss_at": N_("At step {step}, {name}: {value} nats."),
}  # fmt: skip
_MOST_PARTED = 12
"""Of more steps than this, cells touch: some would be nothing but the line between them."""
_LOUDEST = 1.25
"""No colour is kept for a loss further above that of all tokens alike: a few such tokens would pale all others."""


@dataclass(frozen=True)
class Seen:
    """How it is looked at: the step that is marked, if one is; whether steps stand on a logarithmic axis; which steps a
    click can choose; and the names of the text."""

    marked: int | None = None
    logarithmic: bool = True
    kept: tuple[int, ...] = ()
    labels: Labels = field(default_factory=Labels)


def height(found: OverSteps) -> int:
    """Pixels."""
    return _ABOVE + _LOSS + _GAP + _stage(found) + _BELOW


def _stage(found: OverSteps) -> int:
    if MEASURES[found.measure].picture == "lines":
        return _LINES
    return max(150, _ROW * (len(found.names) + len(found.controls)))


def figure(found: OverSteps, curve: LossCurve, seen: Seen, words: Words, colors: Colors) -> go.Figure:
    """Both, the loss above; a click gives back step and the number of the name, -1 for none."""
    made = go.Figure(layout=layout(colors))
    whole = _LOSS + _GAP + _stage(found)
    below = _stage(found) / whole
    _add_losses(made, curve, found, seen, words, colors)
    if MEASURES[found.measure].picture == "lines":
        left = _add_lines(made, found, seen, words, colors)
    else:
        left = _add_cells(made, found, seen, words, colors)
    last = max([*found.steps, *(step for step, _loss in (*curve.training[-1:], *curve.held_out[-1:]))])
    first, *_inner, end = _edges([_at(step, seen) for step in found.steps])
    if MEASURES[found.measure].picture == "lines":
        first, end = _at(found.steps[0], seen), _at(found.steps[-1], seen)
    end = max(end, _at(last, seen))
    room = 0.03 * (end - first or 1.0) if MEASURES[found.measure].picture == "lines" else 0.0
    made.update_layout(
        margin={"l": left, "r": 118, "t": _ABOVE, "b": _BELOW},
        xaxis={"range": [first - room, end + room], "title": {"text": words(_WORDS["step"]), "standoff": 6}, "anchor": "y", **_ticks(last, seen)},
        yaxis={"domain": [0, below]},
        yaxis2={**layout(colors)["yaxis"], "domain": [1 - _LOSS / whole, 1], "title": {"text": words(_WORDS["loss"]), "standoff": 8, "font": {"size": 12.5, "color": colors.quiet}}, "rangemode": "tozero"},
    )  # fmt: skip
    if seen.marked is not None:
        place = _at(seen.marked, seen)
        made.add_shape(type="line", x0=place, x1=place, yref="paper", y0=0, y1=1, line={"color": colors.text, "width": 1.6, "dash": "dot"})  # fmt: skip
    return made


# ---- what the route draws while a worker is at it


def coming(config: InquiryConfig, answer: Answer, words: Words, colors: Colors) -> go.Figure:
    """The steps that are there, with no step marked."""
    found = _found(config, answer)
    if found is None:
        return go.Figure()
    run = store().find(config.run)
    return figure(found, loss_curve(run), Seen(kept=tuple(run.steps()), labels=labels_of(answer.rows)), words, colors)


def coming_csv(config: InquiryConfig, answer: Answer) -> str:
    """The same as a table."""
    found = _found(config, answer)
    return "" if found is None else as_csv(found)


def coming_height(config: InquiryConfig, answer: Answer) -> int:
    """Pixels."""
    found = _found(config, answer)
    return 0 if found is None else height(found)


def coming_steps(config: InquiryConfig, answer: Answer) -> int:
    """How many steps are there; none before there are two, between which something can be seen."""
    found = _found(config, answer)
    return 0 if found is None or len(found.steps) < 2 else len(found.steps)


def _found(config: InquiryConfig, answer: Answer) -> OverSteps | None:
    assert isinstance(config.question, TrainingQuestion)
    return table_of(config.question.measure, answer.rows)


# ---- its two parts


def _add_losses(made: go.Figure, curve: LossCurve, found: OverSteps, seen: Seen, words: Words, colors: Colors) -> None:
    ends = []
    for key, points, color, width in (
        ("training", curve.training, colors.training, 1.1), ("held_out", curve.held_out, colors.held_out, 2.2),
    ):  # fmt: skip
        if not points:
            continue
        name = words(_WORDS[key])
        made.add_scatter(
            x=[_at(step, seen) for step, _loss in points], y=[loss for _step, loss in points], yaxis="y2", mode="lines",
            line={"color": color, "width": width}, opacity=0.75 if key == "training" else 1.0,
            customdata=[[_nearest(step, seen.kept), -1] for step, _loss in points],
            hovertext=[words(_WORDS["loss_at"]).format(step=f"{step:,}", value=number(loss), name=name) for step, loss in points],
            hovertemplate="%{hovertext}<extra></extra>",
        )  # fmt: skip
        ends.append((points[-1][1], name, color))
    highest = max((loss for points in (curve.training, curve.held_out) for _step, loss in points), default=1.0)
    _label_ends(made, ends, 0.12 * highest, "y2", colors)
    held_out = curve.held_out or curve.training
    if held_out:  # where the measure was taken
        made.add_scatter(
            x=[_at(step, seen) for step in found.steps], y=_on_the_line(found.steps, held_out, seen), yaxis="y2", mode="markers",
            marker={"symbol": "circle-open", "size": 7, "color": colors.text, "line": {"width": 1.4}},
            customdata=[[_nearest(step, seen.kept), -1] for step in found.steps], hoverinfo="skip",
        )  # fmt: skip


def _add_lines(made: go.Figure, found: OverSteps, seen: Seen, words: Words, colors: Colors) -> int:
    measure = MEASURES[found.measure]
    drawn = [(name, found.values[:, at], colors.categories[at % len(colors.categories)], "solid") for at, name in enumerate(names_in(words, found.names, seen.labels))]  # fmt: skip
    drawn += [(words(CONTROLS[name]), values, colors.quiet, "dash") for name, values in found.controls.items()]  # type: ignore[index]
    ends = []
    for at, (name, values, color, dash) in enumerate(drawn):
        made.add_scatter(
            x=[_at(step, seen) for step in found.steps], y=_plain(values), mode="lines+markers" if dash == "solid" else "lines",
            line={"color": color, "width": 2.2 if dash == "solid" else 1.5, "dash": dash}, marker={"symbol": _SYMBOLS[at % len(_SYMBOLS)], "size": 8},
            customdata=[[_nearest(step, seen.kept), -1] for step in found.steps], hovertext=_said(found.steps, name, values, words),
            hovertemplate="%{hovertext}<extra></extra>",
        )  # fmt: skip
        if len(values) and np.isfinite(values[-1]):
            ends.append((float(values[-1]), name, color))
    every = np.concatenate([values[np.isfinite(values)] for _name, values, _color, _dash in drawn])
    low, high = (float(every.min()), float(every.max())) if len(every) else (0.0, 1.0)
    low, high = (0.0, 1.0) if measure.share else (min(0.0, low), max(0.0, high))
    room = 0.06 * (high - low or 1.0)
    _label_ends(made, ends, 0.085 * (high - low or 1.0), "y", colors)
    made.update_layout(yaxis={"range": [low - room, high + room], "title": {"text": words(measure.unit), "standoff": 8}, **({"tickformat": ".0%"} if measure.share else {})})  # fmt: skip
    return 66


def _add_cells(made: go.Figure, found: OverSteps, seen: Seen, words: Words, colors: Colors) -> int:
    measure = MEASURES[found.measure]
    names = names_in(words, found.names, seen.labels)
    names += [words(CONTROLS[name]) for name in found.controls]  # type: ignore[index]
    values = np.concatenate([found.values, *(control[:, None] for control in found.controls.values())], axis=1).T
    low, high = _range(found)
    scale = colors.differences if measure.signed else colors.scale
    made.add_heatmap(
        x=_edges([_at(step, seen) for step in found.steps]), y=list(range(len(names))), z=[_plain(row) for row in values], zmin=low, zmax=high,
        xgap=1 if len(found.steps) <= _MOST_PARTED else 0, ygap=1, colorscale=[[at / (len(scale) - 1), color] for at, color in enumerate(scale)], hoverongaps=False,
        customdata=[[[_nearest(step, seen.kept), at if at < len(found.names) else -1] for step in found.steps] for at in range(len(names))],
        hovertext=[_said(found.steps, name, row, words) for name, row in zip(names, values, strict=True)], hovertemplate="%{hovertext}<extra></extra>",
        colorbar={
            "thickness": 9, "outlinewidth": 0, "tickfont": {"size": 11, "color": colors.quiet}, "nticks": 5, "x": 1.02,
            "title": {"text": words(measure.unit), "side": "right", "font": {"size": 11.5, "color": colors.quiet}},
            "len": _stage(found) / (_LOSS + _GAP + _stage(found)), "y": 0, "yanchor": "bottom",
        },
    )  # fmt: skip
    if found.controls:
        line = len(found.names) - 0.5
        made.add_shape(type="line", xref="paper", x0=0, x1=1, y0=line, y1=line, line={"color": colors.quiet, "width": 1.5})  # fmt: skip
    made.update_layout(
        yaxis={
            "tickmode": "array", "tickvals": list(range(len(names))), "ticktext": [safe(_cut(name)) for name in names], "showgrid": False,
            # Layers are stacked from the bottom up, a text is read from the top down.
            "range": [len(names) - 0.5, -0.5] if found.measure in ("tokens", "composition") else [-0.5, len(names) - 0.5],
        }
    )  # fmt: skip
    return 34 + round(6.7 * max(sum(2 if ord(sign) > 0x2E80 else 1 for sign in _cut(name)) for name in names))


def _range(found: OverSteps) -> tuple[float, float]:
    """What the ends of the colours mean: symmetrical where there is a sign."""
    measure, known = MEASURES[found.measure], found.values[np.isfinite(found.values)]
    most = float(np.abs(known).max(initial=1e-6))
    if measure.signed:
        return -most, most
    if measure.share:
        return 0.0, 1.0
    chance = found.controls.get("chance")
    return 0.0, most if chance is None else min(most, _LOUDEST * float(np.nanmax(chance)))


def _edges(places: Sequence[float]) -> list[float]:
    """Cells reach half-way to the next step; the first and the last one hardly further on the other side."""
    if len(places) == 1:
        return [places[0] - 0.5, places[0] + 0.5]
    middles = [(low + high) / 2 for low, high in pairwise(places)]
    most = 0.03 * (places[-1] - places[0])
    return [places[0] - min(most, middles[0] - places[0]), *middles, places[-1] + min(most, places[-1] - middles[-1])]


def _at(step: int, seen: Seen) -> float:
    return float(np.log10(step + 1)) if seen.logarithmic else float(step)


def _ticks(last: int, seen: Seen) -> dict[str, Any]:
    if not seen.logarithmic:
        return {"tickformat": ",d"}
    steps = [0, *(10**power for power in range(len(str(last)))), last]
    steps = [step for step in steps if step == last or step <= last / 2]
    return {"tickmode": "array", "tickvals": [_at(step, seen) for step in steps], "ticktext": [f"{step:,}" for step in steps]}  # fmt: skip


def _label_ends(made: go.Figure, ends: list[tuple[float, str, str]], apart: float, axis: str, colors: Colors) -> None:
    """Names at the ends of lines, none on another."""
    above = -float("inf")
    for value, name, color in sorted(ends):
        lines = _broken(name).split("\n")
        half = 0.5 * apart * len(lines)
        middle = max(value, above + half)
        above = middle + half
        made.add_annotation(xref="paper", x=1, xanchor="left", xshift=6, yref=axis, y=middle, text="<br>".join(map(safe, lines)), align="left", showarrow=False, font={"color": color, "size": 11.5})  # fmt: skip


def _broken(name: str, most: int = 18) -> str:
    """A long name in two lines, or cut."""
    if len(name) <= most:
        return name
    at = name.rfind(" ", 0, most)
    return f"{name[:at]}\n{_cut(name[at + 1 :], most)}" if at > 0 else _cut(name, most)


def _cut(name: str, most: int = 30) -> str:
    return name if len(name) <= most else name[: most - 1] + "…"


def _said(steps: Sequence[int], name: str, values: NDArray[np.float64], words: Words) -> list[str]:
    template = words(_WORDS["value"])
    return [safe(template.format(step=f"{step:,}", name=name, value=number(float(value)) if np.isfinite(value) else "–")) for step, value in zip(steps, values, strict=True)]  # fmt: skip


def _plain(values: NDArray[np.float64]) -> list[float | None]:
    return [float(value) if np.isfinite(value) else None for value in values]


def _nearest(step: int, kept: Sequence[int]) -> int:
    return min(kept, key=lambda each: abs(each - step), default=step)


def _on_the_line(steps: Sequence[int], points: Points, seen: Seen) -> list[float]:
    """Where the drawn line is at some steps."""
    places, losses = [_at(step, seen) for step, _loss in points], [loss for _step, loss in points]
    return [float(value) for value in np.interp([_at(step, seen) for step in steps], places, losses)]
