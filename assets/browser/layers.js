// How long gradient, weights and last update of each part of the model are, over steps: a line for each part, or rows of a
// heatmap where there are too many to tell apart.
const MOST_LINES = 8;
const NORMS = ["gradient", "weight", "ratio"];

class Layers extends Panel {
  every = 500;

  build() {
    const { labels } = this;
    this.root.className = "t-layers";
    const asked = linked("norm");
    this.norm = NORMS.includes(asked) ? asked : (this.norm ?? "gradient");
    this.choice = make("div", "t-choice", null, { role: "group", "aria-label": labels.norm_shown });
    this.buttons = NORMS.map((name) => {
      const button = make("button", "t-link", labels.norms[name], { type: "button" });
      button.onclick = () => {
        this.norm = name;
        link("norm", name === "gradient" ? null : name);
        this.soon();
      };
      return button;
    });
    this.choice.append(...this.buttons);
    this.said = make("p", "t-quiet t-said");
    this.plot = make("div", "t-figure", null, { role: "img" });
    this.empty = make("p", "t-quiet", labels.no_layers);
    this.foot = panelFoot(labels, {
      name: () => `terrarium-${this.data.run}-layers`,
      picture: (format) => savePlot(this.plot, `terrarium-${this.data.run}-layers-${this.norm}`, format, 480),
      table: () => this.table(),
      code: this.data.code.layers,
    });
    this.root.replaceChildren(this.choice, this.said, this.plot, this.empty, this.foot);
    this.observed = false;
  }

  async paint() {
    const { feed, labels, norm } = this;
    const columns = feed.shown(feed.layers);
    const empty = !columns.step.length;
    for (const node of [this.choice, this.said, this.plot, this.foot]) node.hidden = empty;
    this.empty.hidden = !empty;
    if (empty) return;
    this.buttons.forEach((button, index) => button.setAttribute("aria-pressed", String(NORMS[index] === norm)));
    this.said.textContent = labels.norm_says[norm];
    this.plot.setAttribute("aria-label", labels.norms[norm]);
    const library = await plotly();
    const width = this.plot.clientWidth;
    if (!width || feed !== this.feed) return;
    const names = feed.layerNames.map((name) => asPlotlyText(partName(name, labels)));
    const values = names.map((_name, part) => columns.step.map((_step, index) => normOf(columns, norm, index, part)));
    const draw = names.length > MOST_LINES ? layerHeatmap : layerLines;
    await library.react(this.plot, ...draw(feed, this.theme, labels, norm, { step: columns.step, names, values }, width), CONFIG);
    this.root.dataset.drawn = `${norm} ${columns.step.length}`;
    if (this.observed) return;
    this.observed = true;
    this.plot.on("plotly_click", ({ points }) => this.feed.pin(columns.step[points[0].pointIndex[1] ?? points[0].pointIndex]));
  }

  table() {
    const { step, gradient, weight, update } = this.feed.layers;
    const rows = step.flatMap((at, index) => this.feed.layerNames.map((name, part) => [at, name, gradient[index][part], weight[index][part], update[index][part]]));
    return [["step", "part", "gradient_norm", "weight_norm", "update_norm"], ...rows];
  }

  close() {
    super.close();
    window.Plotly?.purge(this.plot);
  }
}

PANELS.layers = Layers;

// A part of a model as a person calls it: the embedding, a block by its number, anything else by the name that it has.
function partName(name, labels) {
  const numbered = /^(.*?)(\d+)$/.exec(name);
  const known = labels.parts[(numbered ? numbered[1] : name).trim()];
  return known ? fill(known, { number: numbered?.[2] ?? "" }) : name;
}

// Of the update, what share of the weights it is: how far a step moves a part.
function normOf(columns, norm, index, part) {
  if (norm !== "ratio") return columns[norm][index]?.[part] ?? null;
  const [update, weight] = [columns.update[index]?.[part], columns.weight[index]?.[part]];
  return weight ? update / weight : null;
}

function layerLines(feed, theme, labels, norm, { step, names, values }, width) {
  const narrow = width < 560;
  const size = narrow ? 11 : 13;
  const margin = { l: narrow ? 52 : 64, r: narrow ? 86 : 120, t: 12, b: 46 };
  const height = narrow ? 320 : 380;
  const palette = theme.colors.categories;
  const color = (part) => palette[part % palette.length];
  const dashes = ["solid", "dash", "dot"];
  const traces = names.map((name, part) => ({
    x: placed(step), y: values[part].map(positive), name, mode: step.length < 2 ? "markers" : "lines",
    line: { color: color(part), width: 2, dash: dashes[Math.floor(part / palette.length)] },
    hovertemplate: `${fill(labels.norm_hover[norm], { part: name })}<extra></extra>`,
  }));
  const seen = values.flat().map(positive).filter((value) => value !== null);
  const span = [Math.log10(Math.min(...seen)) - 0.1, Math.log10(Math.max(...seen)) + 0.1];
  const ends = names.map((name, part) => ({ text: name, y: Math.log10(values[part].map(positive).findLast((value) => value !== null)), color: color(part) }));
  const layout = {
    ...theme.layout, height, margin, hovermode: "closest", datarevision: drawings++, uirevision: `${feed.run} ${norm} ${axesWanted.steps}`, shapes: markAt(feed, theme),
    xaxis: titled(theme.layout.xaxis, stepsAxis(feed), labels.step, 10),
    yaxis: titled(theme.layout.yaxis, { type: "log", range: span, dtick: span[1] - span[0] > 2 ? 1 : "D2", tickformat: "~g" }, narrow ? "" : labels.norm_axis[norm], 8),
    annotations: directLabels(ends, span, height - margin.t - margin.b, size),
  };
  return [traces, layout];
}

function layerHeatmap(feed, theme, labels, norm, { step, names, values }, width) {
  const narrow = width < 560;
  const scale = theme.colors.scale;
  const logs = values.map((row) => row.map((value) => (positive(value) === null ? null : Math.log10(value))));
  const trace = {
    type: "heatmap", x: step.map(String), y: names, z: logs, customdata: values, xgap: 0, ygap: 1,
    colorscale: scale.map((color, index) => [index / (scale.length - 1), color]),
    hovertemplate: `${fill(labels.norm_hover[norm], { part: "%{y}" }).replaceAll("%{y:.3g}", "%{customdata:.3g}").replaceAll("%{x:,}", "%{x}")}<extra></extra>`,
    colorbar: { thickness: 10, outlinewidth: 0, tickprefix: "10^", tickfont: { color: theme.colors.quiet, size: 11 }, title: { text: narrow ? "" : labels.norm_axis[norm], side: "right", font: { color: theme.colors.quiet, size: 12 } } },
  };
  const layout = {
    ...theme.layout, height: 90 + 22 * names.length, margin: { l: narrow ? 80 : 104, r: 20, t: 12, b: 46 }, datarevision: drawings++, uirevision: `${feed.run} ${norm}`,
    xaxis: titled(theme.layout.xaxis, { type: "category", nticks: narrow ? 4 : 8 }, labels.step, 10),
    yaxis: { ...theme.layout.yaxis, type: "category", autorange: "reversed", showgrid: false },
  };
  return [[trace], layout];
}

const positive = (value) => (value > 0 ? value : null);

const stepsAxis = (feed) => (axesWanted.steps ? { type: "log", range: logarithmic(axisOfSteps(feed), 1), dtick: 1 } : { type: "linear", range: axisOfSteps(feed), nticks: 6 });

function markAt(feed, theme) {
  const at = feed.pointed ?? feed.pinned;
  return at === null ? [] : [{ type: "line", yref: "paper", y0: 0, y1: 1, x0: at, x1: at, line: { color: theme.colors.text, width: 1 }, opacity: 0.35 }];
}
