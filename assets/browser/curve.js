// Figures of a live run. A figure keeps its element and is only ever updated, so that zoom and hover stay.
const plotly = () =>
  (window.terrariumPlotly ??= new Promise((loaded, failed) => {
    if (window.Plotly) return loaded(window.Plotly);
    const script = make("script", "", null, { src: "./vendor/plotly.min.js" });
    script.onload = () => loaded(window.Plotly);
    script.onerror = failed;
    document.head.append(script);
  }));

// Light or dark, by the background that Streamlit paints; the colours come from pages/ui/charts.py.
function themeOf(element, themes) {
  const background = getComputedStyle(element).getPropertyValue("--st-background-color").trim();
  const parts = background.match(/[0-9a-f]{2}/gi) ?? ["ff", "ff", "ff"];
  const [red, green, blue] = parts.map((part) => parseInt(part, 16));
  return 0.3 * red + 0.6 * green + 0.1 * blue < 128 ? themes.dark : themes.light;
}

let drawings = 0; // columns grow in place, which Plotly would not see without another revision each time

const CONFIG = { displaylogo: false, responsive: true, modeBarButtonsToRemove: ["lasso2d", "select2d", "autoScale2d"] };

function axisOfSteps(feed) {
  const planned = feed.head?.steps;
  if (planned) return [0, planned];
  const powers = [50, 100, 200, 500].map((round) => round * 10 ** Math.max(0, Math.floor(Math.log10(feed.last || 1)) - 2));
  return [0, powers.find((round) => round >= feed.last) ?? feed.last];
}

// The whole numbers around everything that is drawn: they change seldom, so the picture stands still.
function axisOfLoss(feed) {
  const top = Math.max(feed.baselines.uniform ?? 0, ...feed.steps.smooth.slice(0, 1), 1) * 1.04;
  const low = Math.min(feed.baselines.ngram ?? top, feed.baselines.floor ?? top, ...feed.evaluations.loss, ...feed.steps.smooth.slice(-1), top - 1);
  return [Math.max(0, Math.floor(low - 0.15)), top];
}

function ranges(feed) {
  const whole = { x: axisOfSteps(feed), y: axisOfLoss(feed) };
  if (feed.view === "start") return { ...whole, x: [0, Math.max(10, whole.x[1] * 0.08)] };
  const loss = feed.evaluations.loss.at(-1);
  if (feed.view === "end" && loss) return { x: [whole.x[1] * 0.6, whole.x[1]], y: [Math.max(0, loss - 0.4), loss + 0.6] };
  const ngram = feed.baselines.ngram;
  if (feed.view === "ngram" && ngram) {
    const { step, smooth } = feed.steps;
    const crossing = step[smooth.findIndex((value) => value < ngram)] ?? feed.last;
    return { x: [0, Math.min(whole.x[1], crossing * 2.2)], y: [Math.max(0, ngram - 0.9), ngram + 1.2] };
  }
  const { floor } = feed.baselines;
  if (feed.view === "floor" && floor !== undefined) {
    const above = Math.max(0.2, (ngram ?? floor + 1) - floor);
    return { x: whole.x, y: [Math.max(0, floor - 0.35 * above), floor + 1.35 * above] };
  }
  return whole;
}

// Labels stand at the right end of their lines, pushed apart where they would touch.
function directLabels(lines, range, height, size) {
  const gap = size * 1.35;
  const placed = lines
    .map((line) => ({ ...line, wanted: (1 - (line.y - range[0]) / (range[1] - range[0])) * height }))
    .filter((line) => Number.isFinite(line.wanted) && line.wanted > -gap && line.wanted < height + gap)
    .sort((a, b) => a.wanted - b.wanted);
  placed.forEach((line, index) => {
    line.at = Math.max(line.wanted, index ? placed[index - 1].at + gap : 0);
  });
  for (let index = placed.length - 1; index >= 0; index--) {
    const ceiling = index === placed.length - 1 ? height : placed[index + 1].at - gap;
    placed[index].at = Math.min(placed[index].at, ceiling);
  }
  return placed.map((line) => ({
    xref: "paper", x: 1, xanchor: "left", xshift: 8, yref: "paper", y: 1 - line.at / height, yanchor: "middle",
    text: line.text, showarrow: false, align: "left", font: { color: line.color, size },
  }));
}

const level = (y, color, dash) => ({
  type: "line", xref: "paper", x0: 0, x1: 1, y0: y, y1: y, layer: "below", line: { color, width: 1.4, dash },
});

// What lies under the floor, where no model can come.
const unreachable = (y, color) => ({
  type: "rect", xref: "paper", x0: 0, x1: 1, y0: 0, y1: y, layer: "below", line: { width: 0 }, fillcolor: color, opacity: 0.09,
});

const titled = (axis, extra, text, standoff) => ({ ...axis, ...extra, title: { ...axis.title, text, standoff } });

function lossFigure(feed, theme, labels, width, height) {
  const { colors } = theme;
  const narrow = width < 560;
  const size = narrow ? 11 : 13;
  const margin = { l: narrow ? 42 : 50, r: narrow ? 92 : 132, t: 12, b: 46 };
  const { x, y } = ranges(feed);
  const steps = feed.shown(feed.steps);
  const evaluations = feed.shown(feed.evaluations);
  const line = (name, columns, values, extra) => ({
    x: columns.step, y: values, name, mode: "lines", hovertemplate: `${labels.hover[extra.key]}<extra></extra>`, ...extra,
  });
  const traces = [
    line("raw", steps, steps.loss, { key: "training", line: { color: colors.training, width: 1 }, opacity: 0.25, hoverinfo: "skip", hovertemplate: null }),
    line("training", steps, steps.smooth, { key: "training", mode: steps.step.length < 2 ? "markers" : "lines", marker: { size: 6 }, line: { color: colors.training, width: 2.2 } }),
    line("heldout", evaluations, evaluations.loss, {
      key: "held_out", mode: "lines+markers", line: { color: colors.held_out, width: 2.2 },
      marker: { size: evaluations.step.length > 60 ? 3 : 6, symbol: "circle" },
    }),
  ];
  const { uniform, ngram, floor } = feed.baselines;
  const shapes = [];
  const ends = [];
  const end = (text, value, color) => value !== undefined && ends.push({ text, y: value, color });
  if (uniform !== undefined) shapes.push(level(uniform, colors.uniform, "dot"));
  if (ngram !== undefined) shapes.push(level(ngram, colors.ngram, "dash"));
  if (floor !== undefined) shapes.push(level(floor, colors.floor, "solid"), unreachable(floor, colors.floor));
  end(labels.uniform, uniform, colors.uniform);
  end(labels.ngram, ngram, colors.ngram);
  end(labels.floor, floor, colors.floor);
  end(labels.training, steps.smooth.at(-1), colors.training);
  end(labels.held_out, evaluations.loss.at(-1), colors.held_out);
  const marked = feed.pointed ?? feed.pinned;
  if (marked !== null) {
    shapes.push({ type: "line", yref: "paper", y0: 0, y1: 1, x0: marked, x1: marked, line: { color: colors.text, width: 1 }, opacity: 0.35 });
  }
  const layout = {
    ...theme.layout, height, margin, shapes, hovermode: "closest", datarevision: drawings++,
    uirevision: `${feed.run} ${feed.revision}`,
    xaxis: titled(theme.layout.xaxis, { range: x, nticks: narrow ? 5 : 8, dtick: x[1] <= 5 ? 1 : null }, labels.step, 10),
    yaxis: titled(theme.layout.yaxis, { range: y, nticks: 7 }, narrow ? labels.loss_short : labels.loss, 8),
    annotations: directLabels(ends, y, height - margin.t - margin.b, size),
  };
  return [traces, layout];
}

function measureFigure(feed, theme, labels, measure, height) {
  const steps = feed.shown(feed.steps);
  const spread = measure.logarithmic ? { type: "log", dtick: "D2", tickformat: "~g" } : { rangemode: "tozero", nticks: 4 };
  const trace = {
    x: steps.step, y: steps[measure.column], mode: "lines", line: { color: theme.colors[measure.color], width: 1.6 },
    hovertemplate: `${labels.hover[measure.column]}<extra></extra>`,
  };
  const layout = {
    ...theme.layout, height, margin: { l: 48, r: 20, t: 8, b: 26 }, uirevision: feed.run, hovermode: "closest", datarevision: drawings++,
    xaxis: { ...theme.layout.xaxis, range: axisOfSteps(feed), nticks: 4 },
    yaxis: { ...theme.layout.yaxis, ...spread, showticklabels: steps.step.length > 0 },
  };
  return [[trace], layout];
}
