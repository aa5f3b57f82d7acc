// A sweep, or a range test, as it grows: the pictures are asked for at ./sweep/<run>, and no script runs. Stands behind
// format.js, polling.js, curve.js and takeaway.js.
const SWEEP_HEIGHTS = { curves: 400, rates: 430, ends: 340, scaling: 340 };

class Sweep extends Polling {
  constructor(root) {
    super();
    this.root = root;
    root.className = "t-host t-sweep";
    this.said = make("p", "t-sweep-said", null, { role: "status" });
    this.actions = make("div", "t-actions");
    const row = make("div", "t-row");
    row.append(this.said, this.actions);
    this.bar = make("span", "t-bar");
    this.bar.append(make("span", "t-bar-done"));
    this.stage = make("div", "t-sweep-stage");
    this.found = make("div", "t-sweep-found");
    this.chosen = make("p", "t-sweep-chosen", null, { role: "status" });
    this.chosen.hidden = true;
    this.foot = make("div");
    root.append(row, this.bar, this.stage, this.chosen, this.found, this.foot);
    this.plots = new Map();
    this.observer = new ResizeObserver(() => this.draw());
    this.observer.observe(this.stage);
  }

  update({ data, setTriggerValue }) {
    const other = !this.data || data.run !== this.data.run || data.language !== this.data.language;
    this.data = data;
    this.trigger = setTriggerValue;
    if (other) {
      this.head = this.drawn = this.picked = null;
      this.version = this.trouble = "";
      this.pending = 0;
      for (const name of [...this.plots.keys()]) this.drop(name);
      this.ask();
    } else this.told();
  }

  get address() {
    const { run, language } = this.data;
    return `./sweep/${encodeURIComponent(run)}?have=${encodeURIComponent(this.version)}&lang=${language}`;
  }

  get wanted() {
    return !this.closed;
  }

  get standing() {
    return this.head?.state;
  }

  take({ figures, ...head }) {
    if (figures) {
      this.version = head.version;
      this.drawn = { figures, csv: head.csv, sentences: head.sentences, trainings: head.trainings, points: head.points, done: head.done, all: head.all };
    }
    this.head = head;
  }

  told() {
    const { head } = this;
    this.root.dataset.state = head?.state ?? "";
    this.bar.hidden = !head?.lively;
    this.bar.firstChild.style.width = `${100 * Math.min(1, head?.progress ?? 0)}%`;
    const words = this.words();
    if (this.said.textContent !== words) this.said.textContent = words;
    this.drawButtons();
    this.drawFound();
    this.drawChosen();
    this.drawFoot();
    this.draw();
  }

  words() {
    const { head, data: { labels } } = this;
    if (this.trouble) return this.trouble === "offline" ? labels.offline : this.trouble;
    if (this.pending) return labels.pending;
    if (!head) return labels.asking;
    if (head.place) return fill(labels.queued, { place: number(head.place), waiting: number(head.waiting) });
    const values = { done: number(this.drawn?.done ?? 0), all: number(this.drawn?.all ?? 0), time: duration(head.lively ? head.remaining : head.seconds, labels) };
    // How long something took on another computer says nothing here.
    const sentence = fill(labels[head.kind][head.seconds === null ? "brought" : head.state] ?? "", values);
    return [head.message, sentence].filter(Boolean).join(" ");
  }

  // Only when other buttons are due: they must not be replaced under the pointer.
  drawButtons() {
    const { head, data } = this;
    const commands = !head?.controls ? []
      : head.state === "paused" ? ["resume", "stop"]
      : head.lively ? ["pause", "stop"]
      : ["finished", "failed"].includes(head.state) ? [] : ["resume"];
    const key = JSON.stringify([commands, Boolean(this.pending), data.language, data.run]);
    if (key === this.buttonsShown) return;
    this.buttonsShown = key;
    this.actions.replaceChildren(...commands.map((command) => {
      const button = make("button", command === "resume" ? "t-button t-primary" : "t-button", data.labels[command], { type: "button" });
      button.disabled = Boolean(this.pending);
      button.onclick = () => this.command(() => this.trigger("command", { command, run: data.run, at: Date.now() }));
      return button;
    }));
  }

  drawFound() {
    const sentences = this.drawn?.sentences ?? [];
    const key = JSON.stringify(sentences);
    if (key === this.foundShown) return;
    this.foundShown = key;
    this.found.replaceChildren(...sentences.map((sentence) => make("p", "", sentence)));
  }

  // The training that was clicked, with the pages that open it.
  drawChosen() {
    const one = this.drawn?.trainings[this.picked];
    const key = JSON.stringify([this.picked, one, this.data.language]);
    if (key === this.chosenShown) return;
    this.chosenShown = key;
    this.chosen.hidden = !one;
    if (!one) return this.chosen.replaceChildren();
    const { labels, language } = this.data;
    const link = ([page, label]) => make("a", "t-link", label, { href: `./${page}?run=${encodeURIComponent(this.picked)}&lang=${language}`, target: "_self" });
    const rest = one.open ? Object.entries(labels.pages).map(link) : [make("span", "t-quiet", labels.no_weights)];
    this.chosen.replaceChildren(make("span", "", fill(labels.chosen, { name: one.name, loss: one.loss })), ...rest);
  }

  drawFoot() {
    const { data, version } = this;
    const key = JSON.stringify([version, data.code, data.labels]);
    if (key === this.footShown) return;
    this.footShown = key;
    URL.revokeObjectURL(this.table);
    if (!this.drawn?.points) return this.foot.replaceChildren();
    // With a byte-order mark spreadsheets read it as UTF-8.
    this.table = URL.createObjectURL(new Blob(["\ufeff", this.drawn.csv], { type: "text/csv;charset=utf-8" }));
    const picture = (format) => {
      const button = make("button", "t-link", format.toUpperCase(), { type: "button" });
      button.onclick = () => {
        this.saving = Promise.resolve(this.saving).then(() => this.save(format));
      };
      return button;
    };
    const table = make("a", "t-link", "CSV", { href: this.table, download: `terrarium-sweep-${data.run}.csv` });
    this.foot.replaceChildren(...takeAwayRow(data.labels.take_away, [picture("svg"), picture("png"), table], data.code, data.labels));
  }

  // Every picture as a file of its own.
  async save(format) {
    const library = await plotly();
    const paper = getComputedStyle(this.root).getPropertyValue("--st-background-color");
    for (const [name, { plot }] of this.plots) {
      await library.relayout(plot, { paper_bgcolor: paper });
      await library.downloadImage(plot, { format, filename: `terrarium-sweep-${this.data.run}-${name}`, width: 1000, height: SWEEP_HEIGHTS[name], scale: 2 });
      await library.relayout(plot, { paper_bgcolor: "rgba(0,0,0,0)" });
    }
  }

  drop(name) {
    const { plot, figure } = this.plots.get(name);
    window.Plotly?.purge(plot);
    figure.remove();
    this.plots.delete(name);
  }

  place(name) {
    const figure = make("figure", `t-sweep-figure t-sweep-${name}`);
    const plot = make("div", "t-sweep-plot", null, { role: "img", "aria-label": this.data.labels.titles[name] });
    plot.style.height = `${SWEEP_HEIGHTS[name]}px`;
    figure.append(make("figcaption", "", this.data.labels.titles[name]), plot);
    this.stage.append(figure);
    const placed = { figure, plot, shown: "" };
    this.plots.set(name, placed);
    return placed;
  }

  async draw() {
    const { drawn, version } = this;
    if (!drawn) return;
    const library = await plotly();
    if (drawn !== this.drawn || this.closed) return;
    const theme = themeOf(this.root, { light: "light", dark: "dark" });
    for (const name of [...this.plots.keys()]) if (!drawn.figures[name]) this.drop(name);
    for (const [name, both] of Object.entries(drawn.figures)) {
      const placed = this.plots.get(name) ?? this.place(name);
      const width = Math.floor(placed.plot.clientWidth);
      const shown = `${version} ${theme} ${width}`;
      if (!width || shown === placed.shown) continue;
      placed.shown = shown;
      const { data: traces, layout } = structuredClone(both[theme]);
      await library.react(placed.plot, traces, { ...layout, width, height: SWEEP_HEIGHTS[name], uirevision: `${this.data.run} ${name}` }, CONFIG);
      if (!placed.listening) {
        placed.listening = true;
        placed.plot.on("plotly_click", ({ points }) => this.pick(points[0].customdata));
      }
    }
    this.root.dataset.drawn = `${this.data.run} ${drawn.points}`;
  }

  pick(run) {
    if (typeof run !== "string" || !run) return;
    this.picked = run;
    this.drawChosen();
  }

  close() {
    this.closed = true;
    clearTimeout(this.timer);
    this.observer.disconnect();
    URL.revokeObjectURL(this.table);
    for (const name of [...this.plots.keys()]) this.drop(name);
  }
}

export default (component) => mounted(component, (host) => new Sweep(host));
