// What a fixed text costs, token by token, over steps: all of it as a heatmap, one token as a line, and its frequent,
// middling and rare tokens.
function textHeatmap(feed, theme, labels, { steps, losses, pieces, most, shown, picked }, width) {
  const scale = theme.colors.scale;
  const places = pieces.map((_piece, place) => place + 1);
  const names = pieces.map((piece) => asPlotlyText(visible(piece)));
  const trace = {
    type: "heatmap", x: steps.map((_step, index) => index), y: places, z: places.map((_place, place) => losses.map((row) => row[place])),
    customdata: places.map((_place, place) => steps.map((step) => [number(step), names[place]])), zmin: 0, zmax: most, showscale: false,
    colorscale: scale.map((color, index) => [index / (scale.length - 1), color]),
    hovertemplate: `${fill(labels.token_hover, { token: "%{customdata[1]}", place: "%{y}", step: "%{customdata[0]}", nats: "%{z:.3f}" })}<extra></extra>`,
  };
  const ticks = tickIndices(steps.length, width < 560 ? 4 : 6);
  const edge = { color: theme.colors.text, width: 1.2 };
  const shapes = [{ type: "rect", x0: shown - 0.5, x1: shown + 0.5, yref: "paper", y0: 0, y1: 1, line: edge, opacity: 0.6 }];
  if (picked !== null) shapes.push({ type: "rect", xref: "paper", x0: 0, x1: 1, y0: picked + 0.5, y1: picked + 1.5, line: edge, opacity: 0.6 });
  const layout = {
    ...theme.layout, height: 420, margin: { l: 52, r: 8, t: 8, b: 46 }, datarevision: drawings++, uirevision: feed.run, shapes, hovermode: "closest",
    xaxis: titled(theme.layout.xaxis, { tickvals: ticks, ticktext: ticks.map((index) => number(steps[index])), range: [-0.5, steps.length - 0.5] }, labels.step, 10),
    yaxis: titled(theme.layout.yaxis, { range: [pieces.length + 0.5, 0.5], nticks: 6, showgrid: false }, labels.place, 8),
  };
  return [[trace], layout];
}

function tickIndices(count, wanted) {
  const every = Math.max(1, (count - 1) / Math.max(1, wanted - 1));
  return [...new Set(Array.from({ length: Math.min(count, wanted) }, (_none, tick) => Math.round(tick * every)))];
}

function tokenLine(feed, theme, labels, { steps, values, unigram, threshold, token }) {
  const color = theme.colors.held_out;
  const trace = {
    x: placed(steps), y: values, mode: steps.length < 2 ? "markers" : "lines+markers", line: { color, width: 2 }, marker: { size: 4 },
    hovertemplate: `${fill(labels.token_line_hover, { token: asPlotlyText(visible(token)) })}<extra></extra>`,
  };
  const top = Math.max(unigram ?? 0, ...values.filter(Number.isFinite)) * 1.08;
  const lines = [[labels.unigram, unigram, theme.colors.categories[5], "dashdot"], [labels.easy_below, threshold, theme.colors.quiet, "dot"]].filter(([, value]) => Number.isFinite(value));
  const margin = { l: 44, r: 96, t: 8, b: 42 };
  const layout = {
    ...theme.layout, height: 220, margin, datarevision: drawings++, uirevision: `${feed.run} ${axesWanted.steps}`, hovermode: "closest",
    shapes: [...lines.map(([, value, ink, dash]) => level(value, ink, dash)), ...markAt(feed, theme)],
    xaxis: titled(theme.layout.xaxis, stepsAxis(feed), labels.step, 8),
    yaxis: titled(theme.layout.yaxis, { range: [0, top], nticks: 4 }, labels.loss_short, 6),
    annotations: directLabels(lines.map(([text, y, ink]) => ({ text, y, color: ink })), [0, top], 220 - margin.t - margin.b, 11),
  };
  return [[trace], layout];
}

function classesFigure(feed, theme, labels, { steps, classLosses, classEasy }) {
  const inks = [theme.colors.training, theme.colors.ngram, theme.colors.floor];
  const traces = classLosses.map((values, number) => ({
    x: placed(steps), y: values, name: labels.classes[CLASSES[number]], mode: steps.length < 2 ? "markers" : "lines", line: { color: inks[number], width: 2 },
    customdata: classEasy[number], hovertemplate: `${fill(labels.class_hover, { tokens: labels.classes[CLASSES[number]] })}<extra></extra>`,
  }));
  const seen = classLosses.flat().filter(Number.isFinite);
  const top = Math.max(1, ...seen) * 1.05;
  const margin = { l: 44, r: 96, t: 8, b: 42 };
  const ends = classLosses.map((values, number) => ({ text: labels.classes[CLASSES[number]], y: values.findLast(Number.isFinite), color: inks[number] }));
  const layout = {
    ...theme.layout, height: 220, margin, datarevision: drawings++, uirevision: `${feed.run} ${axesWanted.steps}`, hovermode: "closest", shapes: markAt(feed, theme),
    xaxis: titled(theme.layout.xaxis, stepsAxis(feed), labels.step, 8),
    yaxis: titled(theme.layout.yaxis, { range: [0, top], nticks: 4 }, labels.loss_short, 6),
    annotations: directLabels(ends, [0, top], 220 - margin.t - margin.b, 11),
  };
  return [traces, layout];
}
