// One score of all heads of a part over the steps of training, the chosen head strong, and the held-out loss of the run
// above it on the same steps. Steps stand on a logarithmic axis that begins with step 0. Stands behind head_feed.js,
// curve.js and takeaway.js.
const stepAt = (step) => Math.log10(step + 1);

class HeadSteps {
  constructor(root) {
    this.root = root;
    root.className = "t-head-steps";
    this.label = make("label", "t-head-steps-choice");
    this.name = make("span");
    this.select = make("select", "t-select");
    this.select.onchange = () => {
      this.score = this.select.value;
      this.trigger("score", this.score);
      this.draw();
    };
    this.label.append(this.name, this.select);
    this.plot = make("div", "t-head-steps-plot", null, { role: "img" });
    this.said = make("p", "t-head-steps-said");
    this.foot = make("div");
    root.append(this.label, this.plot, this.said, this.foot);
    this.observer = new ResizeObserver(() => this.draw());
    this.observer.observe(root);
  }

  update({ data, setTriggerValue }) {
    // What was chosen here holds until the page says something else.
    if (data.score !== this.data?.score || data.run !== this.data?.run) this.score = data.score;
    this.data = data;
    this.trigger = setTriggerValue;
    const feed = HeadFeed.of(data.run, data.language);
    if (this.feed !== feed) {
      this.feed?.leave(this);
      this.feed = feed;
      this.heard = false;
      feed.join(this);
    }
    this.drawFoot();
    this.draw();
  }

  close() {
    this.feed.leave(this);
    this.observer.disconnect();
    window.Plotly?.purge(this.plot);
  }

  drawFoot() {
    const { data } = this;
    const key = JSON.stringify([data.code, data.csv, data.labels.take_away]);
    if (key === this.footShown) return;
    this.footShown = key;
    const picture = (format) => {
      const button = make("button", "t-link", format.toUpperCase(), { type: "button" });
      button.onclick = () => this.save(format);
      return button;
    };
    const csv = make("a", "t-link", "CSV", { href: data.csv, download: `${data.name}.csv` });
    this.foot.replaceChildren(...takeAwayRow(data.labels.take_away, [picture("svg"), picture("png"), csv], data.code, data.labels));
  }

  async save(format) {
    const library = await plotly();
    await library.relayout(this.plot, { paper_bgcolor: getComputedStyle(this.root).getPropertyValue("--st-background-color") });
    await library.downloadImage(this.plot, { format, filename: this.data.name, width: 1000, height: 460, scale: 2 });
    await library.relayout(this.plot, { paper_bgcolor: "rgba(0,0,0,0)" });
  }

  async draw() {
    const { data, feed } = this;
    if (!data) return; // the observer may be first
    const [part] = data.chosen;
    const known = data.titles.filter(([score]) => feed.scores[part]?.[score]);
    this.root.hidden = !known.length;
    if (!known.length) return;
    const shown = known.find(([score]) => score === this.score) ?? known[0];
    this.drawChoice(known, shown[0]);
    const columns = feed.scores[part][shown[0]];
    const single = columns.step.length < 2;
    this.plot.hidden = this.foot.hidden = single;
    // The sentence is the page's, on the score that the page knows of.
    this.said.textContent = single ? data.labels.single : shown[0] === data.score && !feed.under ? data.said : "";
    if (single) return;
    const library = await plotly();
    const width = Math.floor(this.plot.clientWidth);
    if (!width || data !== this.data) return;
    const theme = themeOf(this.root, data.themes);
    const key = JSON.stringify([feed.version, feed.losses.length, data.chosen, data.step, shown, theme.colors.text, width, data.language]);
    if (key === this.drawn) return;
    this.drawn = key;
    this.plot.setAttribute("aria-label", fill(data.labels.picture, { title: shown[1] }));
    await library.react(this.plot, ...headFigure({ feed, data, columns, theme, width, title: shown[1], share: shown[2] }), CONFIG);
    this.root.dataset.drawn = `${shown[0]} ${data.chosen.join(".")} ${data.step} ${columns.step.length}`;
    if (this.heard) return;
    this.heard = true;
    this.plot.removeAllListeners?.("plotly_click");
    this.plot.on("plotly_click", ({ points }) => {
      const picked = points[0].customdata;
      if (Array.isArray(picked)) this.trigger("picked", { part: this.data.chosen[0], step: picked[0], layer: picked[1], head: picked[2] });
    });
  }

  drawChoice(known, shown) {
    this.name.textContent = this.data.labels.choice;
    const key = JSON.stringify(known);
    if (key !== this.choiceShown) {
      this.choiceShown = key;
      this.select.replaceChildren(...known.map(([score, title]) => make("option", "", title, { value: score })));
    }
    if (this.select.value !== shown) this.select.value = shown;
  }
}

function headFigure({ feed, data, columns, theme, width, title, share }) {
  const { colors } = theme;
  const { labels, step } = data;
  const [part, layer, head] = data.chosen;
  const heads = feed.shape[part][1];
  const place = layer * heads + head;
  const narrow = width < 560;
  const size = narrow ? 11 : 13;
  const height = narrow ? 400 : 460;
  const margin = { l: narrow ? 44 : 54, r: narrow ? 104 : 132, t: 14, b: 46 };
  const x = columns.step.map(stepAt);
  const losses = feed.losses.filter(([at]) => at <= columns.step.at(-1));
  const split = losses.length > 1 ? [0, 0.66] : [0, 1];
  const count = columns.mean[0].length;

  // All other heads are one line with gaps.
  const faint = { x: [], y: [], customdata: [] };
  for (let each = 0; each < count; each++) {
    if (each === place) continue;
    columns.step.forEach((at, index) => {
      faint.x.push(x[index]);
      faint.y.push(columns.mean[index][each]);
      faint.customdata.push([at, Math.floor(each / heads), each % heads]);
    });
    faint.x.push(null);
    faint.y.push(null);
    faint.customdata.push(null);
  }
  const own = (values) => values.map((row) => row[place]);
  const hover = `${labels.hover}<extra></extra>`;
  const edge = { x: [...x, ...x.toReversed()], y: [...own(columns.high), ...own(columns.low).toReversed()] };
  const traces = [
    { ...faint, mode: "lines", line: { color: colors.quiet, width: 1 }, opacity: 0.5, connectgaps: false, hovertemplate: hover },
    { ...edge, mode: "lines", fill: "toself", fillcolor: colors.training, line: { width: 0 }, opacity: 0.22, hoverinfo: "skip" },
    {
      x, y: own(columns.mean), mode: "lines+markers", line: { color: colors.training, width: 2.4 }, marker: { size: 6 }, hovertemplate: hover,
      customdata: columns.step.map((at) => [at, layer, head]),
    },
  ];
  const baselines = columns.baseline.some((value) => value !== null);
  if (baselines) {
    traces.push({
      x, y: columns.baseline, mode: "lines", line: { color: colors.ngram, width: 1.4, dash: "dash" }, customdata: columns.baseline_name,
      hovertemplate: `${labels.hover_baseline}<extra></extra>`,
    });
  }
  if (losses.length > 1) {
    traces.push({
      x: losses.map(([at]) => stepAt(at)), y: losses.map(([, loss]) => loss), mode: "lines", line: { color: colors.held_out, width: 2 }, yaxis: "y2",
      customdata: losses.map(([at]) => [at, layer, head]), hovertemplate: `${labels.hover_loss}<extra></extra>`,
    });
  }
  const numbers = (rows) => rows.flat().filter((value) => value !== null && Number.isFinite(value));
  const highest = Math.max(...numbers(columns.mean), ...numbers(columns.baseline), ...numbers([own(columns.high)]));
  const range = [0, share ? Math.min(1.02, Math.max(0.2, highest * 1.08)) : highest * 1.08];
  const inner = height - margin.t - margin.b;
  const ends = [{ text: data.head, y: own(columns.mean).findLast((value) => value !== null), color: colors.training }];
  if (baselines) ends.push({ text: columns.baseline_name.at(-1), y: columns.baseline.findLast((value) => value !== null), color: colors.ngram });
  const annotations = directLabels(ends, range, inner * split[1], size).map((label) => ({ ...label, y: label.y * split[1] }));
  if (losses.length > 1) {
    annotations.push({ ...annotations[0], text: labels.loss_short, font: { color: colors.held_out, size }, y: 0.72, yanchor: "bottom" });
  }
  const axis = { ...theme.layout.yaxis, zeroline: false };
  const layout = {
    ...theme.layout, height, width, margin, annotations, hovermode: "closest", uirevision: `${feed.run} ${title}`, datarevision: drawings++,
    shapes: [{ type: "line", xref: "x", yref: "paper", x0: stepAt(step), x1: stepAt(step), y0: 0, y1: 1, line: { color: colors.text, width: 1.2, dash: "dot" }, opacity: 0.6 }],
    xaxis: titled(theme.layout.xaxis, { ...stepTicks(columns.step.at(-1), narrow), range: [-0.04, x.at(-1) * 1.02 + 0.02] }, labels.step, 10),
    yaxis: titled(axis, { range, domain: split, nticks: 6 }, narrow ? "" : title, 8),
    yaxis2: titled(axis, { domain: [0.74, 1], nticks: 4, anchor: "x", autorange: true }, narrow ? "" : labels.loss_axis, 8),
  };
  return [traces, layout];
}

// 0, 1, 3, 10, 30, …, as far as the steps go.
function stepTicks(last, narrow) {
  const steps = [0];
  for (let power = 1; power <= last; power *= 10) steps.push(...(narrow || 3 * power > last ? [power] : [power, 3 * power]));
  return { tickvals: steps.map(stepAt), ticktext: steps.map(number) };
}
