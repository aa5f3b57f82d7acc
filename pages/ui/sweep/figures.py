"""The pictures of a sweep: the curves of all trainings, how they ended, and the scaling curve. Knows arrays, not torch."""

import numpy as np
import plotly.graph_objects as go
from plotly.colors import sample_colorscale

from llm_core.errors import N_
from llm_core.runs.sweep import ScalingOf, Sweep
from pages.ui.charts import Colors, layout
from pages.ui.sweep.words import TITLES, Words, cell_name, value_of
from pages.ui.text import number

WORDS = {
    "step": N_("Step"), "loss": N_("Training loss (nats per token)"), "nats": N_("Held-out loss (nats per token)"),
    "bits": N_("Held-out loss (bits per character)"), "floor": N_("entropy floor"),
    "parameters": N_("Parameters"), "tokens": N_("Tokens of training text"), "fitted": N_("fitted: {floor} + {scale} / N<sup>{exponent}</sup>"),
    "point": N_("{cell}: {loss} at step {step}"), "end": N_("{cell}: {loss}"),
    "size": N_("{size}: {loss}"), "rate": N_("Learning rate"),
    "steepest": N_("steepest: {rate}"), "lowest": N_("lowest: {rate}"), "tested": N_("At learning rate {rate} the loss is {loss} nats."),
}  # fmt: skip
"""What the figures say; translated where they are drawn, which is not always in a session."""
_DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")


def colours(count: int, colors: Colors) -> list[str]:
    """From quiet to strong, in the order of the values of an axis; none so faint that it vanishes on the paper."""
    scale = [[at / (len(colors.scale) - 1), shade] for at, shade in enumerate(colors.scale)]
    return [str(shade) for shade in sample_colorscale(scale, list(np.linspace(0.3, 1.0, count)))]


def curves(sweep: Sweep, words: Words, colors: Colors) -> go.Figure:
    """A line for every training: the last axis gives the colour, another one the dash."""
    made = go.Figure(layout=layout(colors))
    axes = [axis.setting for axis in sweep.settings.axes]
    shades = colours(len(sweep.settings.axes[-1].values), colors)
    best, top = sweep.best, 0.0
    for one in sweep.trained:
        values = sweep.settings.cells[one.cell]
        places = [axis.ordered.index(value) for axis, value in zip(sweep.settings.axes, values, strict=True)]
        if not one.points:
            continue
        strong = one.cell == best
        told = words(WORDS["point"]).format(cell=cell_name(tuple(axes), values, words), loss="%{y:.3f}", step="%{x:,}")
        made.add_scatter(
            x=[at for at, _loss in one.points], y=[loss for _at, loss in one.points], mode="lines", opacity=1.0 if strong else 0.75,
            line={"color": shades[places[-1]], "width": 3.2 if strong else 1.6, "dash": _DASHES[places[0] % len(_DASHES)] if len(places) > 1 else "solid"},
            customdata=[one.run] * len(one.points), hovertemplate=f"{told}<extra></extra>", showlegend=False,
        )  # fmt: skip
        top = max(top, one.points[0][1])
    _legend(made, sweep, shades, words, colors)
    steps = sweep.settings.base.training.steps if sweep.settings.base.training.seconds is None else None
    made.update_layout(
        margin={"l": 58, "r": 20, "t": 10, "b": 46}, hovermode="closest", showlegend=True,
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "bgcolor": "rgba(0,0,0,0)", "font": {"size": 12}, "itemclick": False, "itemdoubleclick": False},
    )  # fmt: skip
    made.update_xaxes(title_text=words(WORDS["step"]), range=None if steps is None else [0, steps])
    made.update_yaxes(title_text=words(WORDS["loss"]), range=[0, top * 1.03] if top else None)
    return made


def _legend(made: go.Figure, sweep: Sweep, shades: list[str], words: Words, colors: Colors) -> None:
    """A sign for each colour, and where there are two axes for each dash."""
    last = sweep.settings.axes[-1]
    signs = [(last, value, shade, "solid") for value, shade in zip(last.ordered, shades, strict=True)]
    if len(sweep.settings.axes) > 1:
        first = sweep.settings.axes[0]
        signs += [(first, value, colors.quiet, _DASHES[at % len(_DASHES)]) for at, value in enumerate(first.ordered)]
    for axis, value, shade, dash in signs:
        name = cell_name((axis.setting,), (value,), words)
        made.add_scatter(x=[None], y=[None], mode="lines", name=name, line={"color": shade, "dash": dash, "width": 2})


def ends(sweep: Sweep, words: Words, colors: Colors) -> go.Figure:
    """How the trainings ended: a heatmap over two axes, a line over one; the best cell is marked."""
    return _heatmap(sweep, words, colors) if len(sweep.settings.axes) == 2 else _line(sweep, words, colors)


def _runs(sweep: Sweep) -> list[str]:
    """Of each cell the run with the first seed."""
    return [one.run for one in sorted(sweep.trained, key=lambda one: (one.seed, one.cell))[: len(sweep.settings.cells)]]


def _heatmap(sweep: Sweep, words: Words, colors: Colors) -> go.Figure:
    made = go.Figure(layout=layout(colors))
    rows, columns = sweep.settings.axes
    shape = (len(rows.values), len(columns.values))
    found = np.array([np.nan if end is None else end for end in sweep.ends]).reshape(shape)
    best, broken = sweep.best, sweep.broken
    runs = np.array(_runs(sweep)).reshape(shape)
    setting = (rows.setting, columns.setting)
    told = [[words(WORDS["end"]).format(cell=cell_name(setting, sweep.settings.cells[r * shape[1] + c], words), loss=number(float(found[r, c]))) for c in range(shape[1])] for r in range(shape[0])]  # fmt: skip
    known = found[~np.isnan(found)]
    # Low loss is what is looked for: it gets the strong colour. What is far off must not wash out the rest.
    high = float(min(known.max(), np.median(known) + 2.5 * (np.median(known) - known.min()))) if len(known) else 1.0
    low = float(known.min()) if len(known) else 0.0
    made.add_heatmap(
        z=-np.clip(found, low, high), x=list(range(shape[1])), y=list(range(shape[0])), colorscale=list(colors.scale), zmin=-high, zmax=-low,
        showscale=False, xgap=2, ygap=2, customdata=runs.tolist(), hoverongaps=False, text=told, hovertemplate="%{text}<extra></extra>",
    )  # fmt: skip
    signs: list[dict[str, object]] = []
    for cell, end in enumerate(sweep.ends):
        row, column = divmod(cell, shape[1])
        text = " ".join([*([] if end is None else [f"{end:.2f}"]), *(["✕"] if cell in broken else [])])
        strong = end is not None and high > low and (high - end) / (high - low) > 0.55
        signs.append({"x": column, "y": row, "text": f"<b>{text} ★</b>" if cell == best else text, "showarrow": False, "font": {"color": colors.background if strong else colors.text, "size": 13}})  # fmt: skip
    made.update_layout(annotations=signs)  # all at once: one by one each looks at all before it again
    ticks = {"tickmode": "array", "showgrid": False}
    made.update_xaxes(**ticks, tickvals=list(range(shape[1])), ticktext=[value_of(columns.setting, v) for v in columns.ordered], title_text=words(TITLES[columns.setting]))  # fmt: skip
    made.update_yaxes(**ticks, tickvals=list(range(shape[0])), ticktext=[value_of(rows.setting, v) for v in rows.ordered], title_text=words(TITLES[rows.setting]))  # fmt: skip
    made.update_layout(margin={"l": 70, "r": 12, "t": 10, "b": 46})
    return made


def _line(sweep: Sweep, words: Words, colors: Colors) -> go.Figure:
    made = go.Figure(layout=layout(colors))
    axis, found, best, broken = sweep.settings.axes[0], sweep.ends, sweep.best, sweep.broken
    signs = ["star" if cell == best else "x" if cell in broken else "circle" for cell in range(len(found))]
    unit = words(WORDS["bits" if sweep.in_bits else "nats"])
    told = [words(WORDS["end"]).format(cell=cell_name((axis.setting,), (value,), words), loss="–" if end is None else number(end)) for value, end in zip(axis.ordered, found, strict=True)]  # fmt: skip
    made.add_scatter(
        x=axis.ordered, y=found, mode="lines+markers", connectgaps=True, line={"color": colors.held_out, "width": 2.2}, customdata=_runs(sweep),
        marker={"size": [15 if cell == best else 9 for cell in range(len(found))], "symbol": signs},
        text=told, hovertemplate="%{text}<extra></extra>",
    )  # fmt: skip
    # Where seeds differ, that is the chance in every point.
    for one in sweep.trained:
        if sweep.settings.seeds > 1 and (end := sweep.end(one)) is not None:
            made.add_scatter(x=[sweep.settings.cells[one.cell][0]], y=[end], mode="markers", marker={"size": 5, "color": colors.quiet}, customdata=[one.run], hoverinfo="skip")  # fmt: skip
    _floor(made, sweep.floor, words, colors)
    made.update_layout(margin={"l": 58, "r": 20, "t": 10, "b": 46})
    made.update_xaxes(type="log", title_text=words(TITLES[axis.setting]), tickvals=axis.ordered, ticktext=[value_of(axis.setting, value) for value in axis.ordered])  # fmt: skip
    made.update_yaxes(title_text=unit)
    return made


def scaling(sweep: Sweep, found: ScalingOf, words: Words, colors: Colors) -> go.Figure:
    """The best loss of each size with the fitted curve, its E, and the floor where that is known."""
    made = go.Figure(layout=layout(colors))
    curve = found.curve
    reach = np.geomspace(min(curve.sizes) / 1.5, max(curve.sizes) * 4, 120)
    within = reach <= max(curve.sizes)
    for part, dash in ((within, "solid"), (~within, "dot")):
        made.add_scatter(x=reach[part], y=curve.loss(reach[part]), mode="lines", line={"color": colors.training, "width": 2.2, "dash": dash}, hoverinfo="skip")  # fmt: skip
    made.add_scatter(
        x=curve.sizes, y=curve.losses, mode="markers", marker={"size": 9, "color": colors.held_out},
        hovertemplate=words(WORDS["size"]).format(size="%{x:,.0f}", loss="%{y:.3f}") + "<extra></extra>",
    )  # fmt: skip
    made.add_annotation(
        x=0.97, y=0.95, xref="paper", yref="paper", xanchor="right", showarrow=False, font_color=colors.training,
        text=words(WORDS["fitted"]).format(floor=number(curve.floor), scale=number(curve.scale), exponent=number(curve.exponent)),
    )  # fmt: skip
    _floor(made, sweep.floor, words, colors)
    made.update_layout(margin={"l": 58, "r": 20, "t": 10, "b": 46})
    made.update_xaxes(type="log", dtick=1, title_text=words(WORDS[found.quantity]))
    made.update_yaxes(title_text=words(WORDS["bits" if sweep.in_bits else "nats"]))
    return made


def _floor(made: go.Figure, floor: float | None, words: Words, colors: Colors) -> None:
    if floor is not None:
        made.add_hline(y=floor, line={"color": colors.floor, "width": 1.4})
        made.add_annotation(x=0.02, xref="paper", y=floor, yshift=9, xanchor="left", text=words(WORDS["floor"]), showarrow=False, font_color=colors.floor)  # fmt: skip


def rates(
    points: list[tuple[float, float, float]], suggested: tuple[float, float] | None, words: Words, colors: Colors
) -> go.Figure:
    """A range test: the loss over the learning rate, single losses faint, with the suggested rate and the lowest point.

    points: learning rate, loss and smoothed loss · suggested: the rate of the steepest descent and of the lowest point.
    """
    made = go.Figure(layout=layout(colors))
    rate, loss, smoothed = ([point[part] for point in points] for part in range(3))
    made.add_scatter(x=rate, y=loss, mode="lines", line={"color": colors.training, "width": 1}, opacity=0.3, hoverinfo="skip")  # fmt: skip
    made.add_scatter(
        x=rate, y=smoothed, mode="lines", line={"color": colors.training, "width": 2.4},
        hovertemplate=words(WORDS["tested"]).format(rate="%{x:.2g}", loss="%{y:.3f}") + "<extra></extra>",
    )  # fmt: skip
    if suggested is not None:
        for at, name, shade, dash in ((suggested[0], "steepest", colors.held_out, "solid"), (suggested[1], "lowest", colors.quiet, "dash")):  # fmt: skip
            made.add_shape(type="line", x0=at, x1=at, y0=0, y1=1, yref="paper", line={"color": shade, "width": 1.6, "dash": dash})  # fmt: skip
            made.add_annotation(x=np.log10(at), y=1.0 if name == "steepest" else 0.92, yref="paper", yanchor="top", xanchor="left", xshift=6, text=words(WORDS[name]).format(rate=f"{at:.2g}"), showarrow=False, font_color=shade)  # fmt: skip
    known = [value for value in smoothed if np.isfinite(value)]
    made.update_layout(margin={"l": 58, "r": 20, "t": 10, "b": 46})
    made.update_xaxes(type="log", title_text=words(WORDS["rate"]), dtick=1, tickformat=".0e")
    spread = (max(known) - min(known)) if known else 1.0
    made.update_yaxes(title_text=words(WORDS["loss"]), range=[min(known) - 0.1 * spread, min(max(known), max(known[0], min(known) * 2.2)) + 0.1 * spread] if known else None)  # fmt: skip
    return made
