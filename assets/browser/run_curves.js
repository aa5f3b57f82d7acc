// The losses of chosen runs over each other. Every run comes through its live route, so that one that is trained now grows.
// Stands behind format.js, curve.js, address.js, saving.js and takeaway.js.
const MOST_CURVES = 12;
const MOVING = new Set(["waiting", "preparing", "running", "stalled"]);
const AT_REST = 30_000; // milliseconds until another look at a run that nobody works on
const DASHES = ["solid", "dash", "dot", "dashdot"];

// What one run has said so far, thinned where it grows long.
class CurveFeed {
  constructor(run, language, changed) {
    Object.assign(this, { run, language, changed, turn: 0, trouble: null, state: null });
    this.forget();
    this.poll();
  }

  forget() {
    this.training = { step: [], tokens: [], seconds: [], loss: [] };
    this.held = { step: [], tokens: [], seconds: [], loss: [] };
    this.next = 0;
  }

  get rests() {
    return this.state !== null && !MOVING.has(this.state);
  }

  async poll() {
    clearTimeout(this.timer);
    this.turn += 1;
    const { turn } = this;
    let wait = 3000;
    try {
      const reply = await fetch(`./live/${encodeURIComponent(this.run)}?from=${this.next}&lang=${this.language}`);
      const head = await reply.json();
      if (turn !== this.turn) return;
      this.trouble = reply.ok ? null : head.error;
      if (reply.ok) this.take(head);
      wait = reply.ok ? Math.max(head.poll_milliseconds, this.rests ? AT_REST : 0) : reply.status === 404 ? null : 5000;
    } catch {
      if (turn !== this.turn) return;
    }
    this.changed();
    if (wait !== null) this.timer = setTimeout(() => this.poll(), document.hidden ? wait * 4 : wait);
  }

  take({ rows, reset, next, state, name }) {
    if (reset && this.next > 0) this.forget();
    Object.assign(this, { next, state, name });
    for (const row of rows) {
      if (Number.isInteger(row.resumed_at)) this.rewind(row.resumed_at);
      const columns = row.kind === "step" ? this.training : row.kind === "evaluation" ? this.held : null;
      if (!columns || !Number.isFinite(row.loss)) continue;
      for (const column of Object.keys(columns)) columns[column].push(row[column]);
    }
    if (this.training.step.length > 4000) {
      const half = this.training.step.length / 2;
      for (const [column, values] of Object.entries(this.training)) this.training[column] = values.filter((_, index) => index >= half || index % 2 === 0);
    }
  }

  rewind(last) {
    for (const columns of [this.training, this.held]) {
      const keep = columns.step.filter((step) => step <= last).length;
      for (const values of Object.values(columns)) values.length = keep;
    }
  }

  close() {
    this.turn += 1;
    clearTimeout(this.timer);
  }
}

// An exponential mean that is not drawn to zero at its beginning: the sum of weights is divided out. Points may lie unevenly.
function smoothedBy(strength, steps, values) {
  if (!strength) return values;
  const usual = steps.length > 1 ? (steps.at(-1) - steps[0]) / (steps.length - 1) : 1;
  let [sum, weight] = [0, 0];
  return values.map((value, index) => {
    const kept = strength ** (index && usual ? Math.max(0.01, (steps[index] - steps[index - 1]) / usual) : 1);
    sum = kept * sum + (1 - kept) * value;
    weight = kept * weight + (1 - kept);
    return sum / weight;
  });
}

class RunCurves {
  constructor(root, page) {
    Object.assign(this, { root, page });
    this.feeds = new Map();
    const smooth = Number(linked("smooth"));
    this.view = {
      x: ["step", "tokens", "seconds"].includes(linked("x")) ? linked("x") : "step",
      line: ["both", "training", "held_out"].includes(linked("line")) ? linked("line") : "both",
      log: [...(linked("log") ?? "")].filter((axis) => "xy".includes(axis)).join(""),
      smooth: smooth >= 0 && smooth < 1 ? smooth : 0.5,
    };
    if (linked("smooth") === null) this.view.smooth = 0.5;
    this.title = make("h2", "t-title");
    this.bar = make("div", "t-runs-bar");
    this.said = make("div", "t-runs-notes");
    this.plot = make("div", "t-runs-plot", null, { role: "img" });
    this.foot = make("div");
    root.append(this.title, this.bar, this.plot, this.said, this.foot);
    this.observer = new ResizeObserver(() => this.draw());
    this.observer.observe(this.plot);
  }

  // The runs that are shown, in their order, and what each is called.
  update() {
    const wanted = [...this.page.chosen.keys()].slice(0, MOST_CURVES);
    for (const [run, feed] of this.feeds) {
      if (wanted.includes(run)) continue;
      feed.close();
      this.feeds.delete(run);
    }
    for (const run of wanted) {
      if (!this.feeds.has(run)) this.feeds.set(run, new CurveFeed(run, this.page.data.language, () => this.draw()));
    }
    this.root.hidden = wanted.length === 0;
    if (wanted.length) this.drawBar();
    this.draw();
  }

  // One that rested and goes on again is looked at at once.
  follow(rows) {
    for (const { run, state } of rows) {
      const feed = this.feeds.get(run);
      if (feed?.rests && MOVING.has(state)) feed.poll();
    }
  }

  set(changes) {
    Object.assign(this.view, changes);
    link("x", this.view.x === "step" ? null : this.view.x);
    link("line", this.view.line === "both" ? null : this.view.line);
    link("log", this.view.log || null);
    link("smooth", this.view.smooth === 0.5 ? null : String(this.view.smooth));
    this.drawBar();
    this.draw();
  }

  drawBar() {
    const { labels } = this.page;
    const key = JSON.stringify([this.view, labels.title]);
    if (key === this.barKey) return;
    this.barKey = key;
    this.title.textContent = labels.overlay;
    const group = (name, values) => {
      const box = make("span", "t-runs-group", null, { role: "group", "aria-label": labels[name] });
      for (const value of values) {
        const button = make("button", "t-button", labels.choices[value], { type: "button", "aria-pressed": String(this.view[name] === value) });
        button.onclick = () => this.set({ [name]: value });
        box.append(button);
      }
      return box;
    };
    const axes = make("span", "t-runs-group", null, { role: "group", "aria-label": labels.logarithmic });
    for (const axis of "xy") {
      const on = this.view.log.includes(axis);
      const button = make("button", "t-button", labels.log[axis], { type: "button", "aria-pressed": String(on) });
      button.onclick = () => this.set({ log: on ? this.view.log.replace(axis, "") : [...this.view.log, axis].sort().join("") });
      axes.append(button);
    }
    if (!this.slider) {
      this.slider = make("input", "t-slider", null, { type: "range", min: 0, max: 0.99, step: 0.01 });
      this.slider.oninput = () => this.set({ smooth: Number(this.slider.value) });
    }
    if (document.activeElement !== this.slider) this.slider.value = this.view.smooth;
    const smoothing = make("label", "t-runs-smooth", `${labels.smoothing} `);
    smoothing.append(make("output", "", this.view.smooth.toFixed(2)));
    if (this.bar.contains(this.slider)) {
      this.bar.querySelector("output").textContent = this.view.smooth.toFixed(2);
      this.bar.replaceChildren(group("line", ["both", "training", "held_out"]), group("x", ["step", "tokens", "seconds"]), axes, this.slider.parentElement);
    } else {
      smoothing.append(this.slider);
      this.bar.replaceChildren(group("line", ["both", "training", "held_out"]), group("x", ["step", "tokens", "seconds"]), axes, smoothing);
    }
    this.plot.setAttribute("aria-label", labels.overlay);
    this.foot.replaceChildren(...this.takeAway());
  }

  takeAway() {
    const { labels } = this.page;
    const button = (text, deed) => {
      const one = make("button", "t-link", text, { type: "button" });
      one.onclick = deed;
      return one;
    };
    const files = ["svg", "png"].map((format) => button(format.toUpperCase(), () => savePlot(this.plot, "terrarium-runs", format, 520)));
    files.push(button("CSV", () => saveAs("terrarium-curves.csv", tableFile(this.table()))));
    const code = "from llm_core.runs.history import records\nfrom llm_core.runs.store import Store\n\nstore = Store()\n" +
      [...this.page.chosen.keys()].map((run) => `rows = records(store.find("${run}").folder)`).join("\n");
    return takeAwayRow(labels.take_away, files, code, labels);
  }

  table() {
    const rows = [["run", "name", "line", "step", "tokens", "seconds", "loss"]];
    for (const [run, feed] of this.feeds) {
      for (const [line, columns] of [["training", feed.training], ["held_out", feed.held]]) {
        columns.step.forEach((step, index) => rows.push([run, this.page.chosen.get(run)?.name ?? run, line, step, columns.tokens[index], columns.seconds[index], columns.loss[index]]));
      }
    }
    return rows;
  }

  traces(theme) {
    const { labels, page } = this;
    const { x, line, smooth } = this.view;
    const ends = [];
    const traces = [];
    for (const [run, feed] of this.feeds) {
      const name = page.chosen.get(run)?.name ?? run;
      const color = page.colourOf(run);
      const dash = page.dashOf(run);
      const shown = asPlotlyText(name);
      const short = [...name].length > 18 ? `${[...name].slice(0, 17).join("")}…` : name;
      let last = null;
      const add = (kind, columns, values, extra) => {
        const [logX, logY] = [this.view.log.includes("x"), this.view.log.includes("y")];
        const kept = values.map((value, index) => [columns[x][index], value]).filter(([across, value]) => (across > 0 || !logX) && (value > 0 || !logY));
        if (!kept.length) return;
        const hover = fill(page.labels.hover[kind], { name: shown, x: "%{x:,}", y: "%{y:.3f}" });
        traces.push({ x: kept.map(([across]) => across), y: kept.map(([, value]) => value), name: shown, mode: "lines", hovertemplate: `${hover}<extra></extra>`, ...extra });
        last = values.at(-1);
      };
      if (line !== "held_out") add("training", feed.training, smoothedBy(smooth, feed.training.step, feed.training.loss), { line: { color, width: line === "both" ? 1.3 : 2.2, dash }, opacity: line === "both" ? 0.65 : 1 });
      if (line !== "training") add("held_out", feed.held, feed.held.loss, { mode: "lines+markers", line: { color, width: 2.2, dash }, marker: { size: feed.held.step.length > 60 ? 3 : 5, color } });
      if (last !== null) ends.push({ text: asPlotlyText(short), y: this.view.log.includes("y") ? Math.log10(last) : last, color });
    }
    return { traces, ends, labels, theme };
  }

  async draw() {
    if (this.root.hidden || !this.feeds.size) return;
    this.notes();
    const library = await plotly();
    const width = Math.floor(this.plot.clientWidth);
    if (!width || this.root.hidden) return;
    const { page } = this;
    const theme = themeOf(this.root, page.data.themes);
    const { traces, ends } = this.traces(theme);
    const narrow = width < 560;
    const height = narrow ? 360 : 460;
    const size = narrow ? 11 : 13;
    const margin = { l: narrow ? 42 : 54, r: narrow ? 96 : 150, t: 12, b: 48 };
    const [logX, logY] = [this.view.log.includes("x"), this.view.log.includes("y")];
    const all = (axis) => traces.flatMap((trace) => trace[axis]).filter(Number.isFinite);
    const span = (values, log) => {
      if (!values.length) return [0, 1];
      let [low, high] = values.reduce(([least, most], value) => [Math.min(least, value), Math.max(most, value)], [Infinity, -Infinity]);
      if (log) [low, high] = [Math.log10(low), Math.log10(high)];
      const room = (high - low || 1) * 0.04;
      return [log ? low - room : Math.min(low, Math.max(0, low - room)), high + room];
    };
    const y = span(all("y"), logY);
    const axis = (base, log, range, title) => ({ ...base, type: log ? "log" : "linear", range, title: { ...base.title, text: title, standoff: 8 }, ...(log ? { tickformat: "~g" } : {}) });
    const layout = {
      ...theme.layout, height, margin, hovermode: "closest", showlegend: false, datarevision: drawings++,
      uirevision: JSON.stringify([this.view.x, this.view.log, [...this.feeds.keys()]]),
      xaxis: axis(theme.layout.xaxis, logX, span(all("x"), logX), page.labels.axes[this.view.x]),
      yaxis: axis(theme.layout.yaxis, logY, y, narrow ? page.labels.axes.loss_short : page.labels.axes.loss),
      annotations: directLabels(ends, y, height - margin.t - margin.b, size),
    };
    await library.react(this.plot, traces, layout, CONFIG);
    this.root.dataset.drawn = String(traces.length);
  }

  // What is not to be seen in the picture: more runs than fit, runs without a loss, and those that were deleted.
  notes() {
    const { labels, chosen } = this.page;
    const lines = [];
    if (chosen.size > MOST_CURVES) lines.push(fill(labels.too_many, { shown: MOST_CURVES, count: number(chosen.size) }));
    for (const [run, feed] of this.feeds) {
      const name = chosen.get(run)?.name ?? run;
      if (feed.trouble) lines.push(`${name}: ${feed.trouble}`);
      else if (feed.state && !feed.training.step.length && !feed.held.step.length) lines.push(fill(labels.no_loss, { name }));
    }
    const key = lines.join("\n");
    if (key === this.notesKey) return;
    this.notesKey = key;
    this.said.replaceChildren(...lines.map((line) => make("p", "t-quiet", line)));
  }

  close() {
    this.observer.disconnect();
    for (const feed of this.feeds.values()) feed.close();
    window.Plotly?.purge(this.plot);
  }
}
