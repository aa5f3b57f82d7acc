// The loss curve: training and held-out text, what it is compared with, and the runs that it branched from.
const level = (y, color, dash) => ({
  type: "line", xref: "paper", x0: 0, x1: 1, y0: y, y1: y, layer: "below", line: { color, width: 1.4, dash },
});

// What lies under the floor, where no model can come.
const unreachable = (y, color, from) => ({
  type: "rect", xref: "paper", x0: 0, x1: 1, y0: from, y1: y, layer: "below", line: { width: 0 }, fillcolor: color, opacity: 0.09,
});

// What each line is compared with: its colour and how it is dashed.
const LEVELS = [
  ["uniform", (colors) => colors.uniform, "dot"],
  ["unigram", (colors) => colors.categories[5], "dashdot"],
  ["ngram", (colors) => colors.ngram, "dash"],
  ["floor", (colors) => colors.floor, "solid"],
];

// `before`: the feeds of the runs that this one branched from, each with the step where it was left, the nearest first.
function lossFigure(feed, theme, labels, width, height, before = []) {
  const { colors } = theme;
  const narrow = width < 560;
  const size = narrow ? 11 : 13;
  const margin = { l: narrow ? 42 : 50, r: narrow ? 92 : 132, t: 12, b: 46 };
  const { x, y } = ranges(feed);
  const span = axesWanted.loss ? logarithmic(y, 0.01) : y;
  const steps = feed.shown(feed.steps);
  const smooth = smoothed(steps, SMOOTHING[axesWanted.smoothing]);
  const evaluations = feed.shown(feed.evaluations);
  const line = (name, columns, values, extra) => ({
    x: placed(columns.step), y: values, name, mode: "lines", hovertemplate: `${labels.hover[extra.key]}<extra></extra>`, ...extra,
  });
  const traces = [
    line("raw", steps, steps.loss, { key: "training", line: { color: colors.training, width: 1 }, opacity: 0.25, hoverinfo: "skip", hovertemplate: null }),
    line("training", steps, smooth, { key: "training", mode: steps.step.length < 2 ? "markers" : "lines", marker: { size: 6 }, line: { color: colors.training, width: 2.2 } }),
    line("heldout", evaluations, evaluations.loss, {
      key: "held_out", mode: "lines+markers", line: { color: colors.held_out, width: 2.2 },
      marker: { size: evaluations.step.length > 60 ? 3 : 6, symbol: "circle" },
    }),
    ...before.flatMap((parent) => linesBefore(parent, line, colors)),
  ];
  const shapes = before.map(({ step }) => ({ type: "line", yref: "paper", y0: 0, y1: 1, x0: step, x1: step, line: { color: colors.quiet, width: 1.2, dash: "dot" } }));
  const ends = [];
  const end = (text, value, color) => value !== undefined && ends.push({ text, y: axesWanted.loss ? Math.log10(value) : value, color });
  for (const [name, color, dash] of LEVELS) {
    const value = feed.baselines[name];
    if (value !== undefined) shapes.push(level(value, color(colors), dash));
    end(labels[name], value, color(colors));
  }
  if (feed.baselines.floor !== undefined) shapes.push(unreachable(feed.baselines.floor, colors.floor, axesWanted.loss ? 10 ** span[0] : 0));
  end(labels.training, smooth.at(-1), colors.training);
  end(labels.held_out, evaluations.loss.at(-1), colors.held_out);
  const marked = feed.pointed ?? feed.pinned;
  if (marked !== null) {
    shapes.push({ type: "line", yref: "paper", y0: 0, y1: 1, x0: marked, x1: marked, line: { color: colors.text, width: 1 }, opacity: 0.35 });
  }
  const across = axesWanted.steps ? logarithmic(x, 1) : x;
  const forks = before.map(({ step }) => {
    const at = axesWanted.steps ? Math.log10(Math.max(1, step)) : step;
    const late = at - across[0] > 0.55 * (across[1] - across[0]); // there its words stand on the left
    return {
      x: at, yref: "paper", y: 1, yanchor: "top", xanchor: late ? "right" : "left", xshift: late ? -4 : 4, showarrow: false,
      text: fill(labels.branched_at, { step: number(step) }), font: { color: colors.quiet, size }, bgcolor: colors.background,
    };
  });
  const layout = {
    ...theme.layout, height, margin, shapes, hovermode: "closest", datarevision: drawings++,
    uirevision: `${feed.run} ${feed.revision} ${JSON.stringify(axesWanted)}`,
    xaxis: titled(theme.layout.xaxis, axesWanted.steps ? { type: "log", range: across, dtick: 1 } : { type: "linear", range: x, nticks: narrow ? 5 : 8, dtick: x[1] <= 5 ? 1 : null }, labels.step, 10),
    yaxis: titled(theme.layout.yaxis, axesWanted.loss ? { type: "log", range: span, tickvals: LOSS_TICKS } : { type: "linear", range: y, nticks: 7, tickvals: null }, narrow ? labels.loss_short : labels.loss, 8),
    annotations: [...directLabels(ends, span, height - margin.t - margin.b, size), ...forks],
  };
  return [traces, layout];
}

// What happened before a run left another, fainter.
function linesBefore({ feed, step }, line, colors) {
  const until = (columns) => columns.step.findLastIndex((at) => at <= step) + 1;
  const [trained, seen] = [until(feed.steps), until(feed.evaluations)];
  const smooth = smoothed(feed.steps, SMOOTHING[axesWanted.smoothing]);
  return [
    line("before", { step: feed.steps.step.slice(0, trained) }, smooth.slice(0, trained), { key: "training", line: { color: colors.training, width: 1.6 }, opacity: 0.45 }),
    line("heldout before", { step: feed.evaluations.step.slice(0, seen) }, feed.evaluations.loss.slice(0, seen), { key: "held_out", line: { color: colors.held_out, width: 1.6 }, opacity: 0.45 }),
  ];
}
