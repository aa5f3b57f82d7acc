// A measuring that a button starts, drawn as it comes: the figure is asked for at the address that the page names, and no
// script runs. Stands behind format.js, polling.js, curve.js and takeaway.js.
class Measuring extends Polling {
  constructor(root) {
    super();
    this.root = root;
    root.className = "t-host t-measured";
    const row = make("div", "t-measured-row");
    this.said = make("p", "t-measured-said", null, { role: "status" });
    this.actions = make("div", "t-actions");
    row.append(this.actions, this.said);
    this.bar = make("span", "t-bar");
    this.bar.append(make("span", "t-bar-done"));
    this.plot = make("div", "t-measured-plot", null, { role: "img" });
    this.found = make("p", "t-measured-found t-quiet");
    this.foot = make("div");
    root.append(row, this.bar, this.plot, this.found, this.foot);
    this.observer = new ResizeObserver(() => this.draw());
    this.observer.observe(this.plot);
  }

  update({ data, setTriggerValue }) {
    const other = !this.data || data.address !== this.data.address || data.language !== this.data.language;
    this.data = data;
    this.trigger = setTriggerValue;
    this.plot.setAttribute("aria-label", data.labels.picture);
    if (other) {
      this.head = this.figures = null;
      this.version = this.trouble = "";
      this.pending = 0;
      this.ended = false;
      this.clear();
      this.ask();
    } else this.show();
  }

  get address() {
    return `./${this.data.address}?have=${encodeURIComponent(this.version)}&lang=${this.data.language}`;
  }

  get wanted() {
    return !this.closed;
  }

  get standing() {
    return this.lively;
  }

  take(head) {
    // What a page draws of the whole answer, it draws when it runs again.
    const whole = head.measuring?.state === "finished";
    if (this.data.tells_end && !this.ended && (whole || (this.lively && !head.measuring?.lively))) {
      this.ended = whole;
      this.trigger("command", { command: "end", at: Date.now() });
    }
    if (head.figures) Object.assign(this, { figures: head.figures, csv: head.csv, version: head.version });
    this.head = head;
  }

  told() {
    this.show();
  }

  get height() {
    return this.head?.height ?? 440;
  }

  get lively() {
    return Boolean(this.head?.measuring?.lively);
  }

  show() {
    const { measuring } = this.head ?? {};
    this.bar.hidden = !this.lively;
    this.bar.firstChild.style.width = `${100 * Math.min(1, measuring?.progress ?? 0)}%`;
    const words = this.words(measuring);
    if (this.said.textContent !== words) this.said.textContent = words;
    this.found.textContent = this.head?.sentence ?? "";
    this.found.hidden = !this.head?.sentence;
    this.drawButton(measuring);
    this.drawFoot();
    this.draw();
  }

  words(measuring) {
    const { labels } = this.data;
    if (this.trouble) return this.trouble === "offline" ? labels.offline : this.trouble;
    if (this.lively && measuring.state !== "running") return labels.waiting;
    if (this.lively && measuring.remaining === null) return labels.begun;
    if (this.lively) {
      const share = `${Math.round(100 * (measuring.progress ?? 0))} %`;
      return fill(labels.running, { share, time: duration(measuring.remaining, labels) });
    }
    if (this.pending) return labels.starting;
    if (measuring?.message) return measuring.message;
    return this.head?.points ? "" : labels.empty;
  }

  // Only when another button is due: it must not be replaced under the pointer.
  drawButton(measuring) {
    const { labels, ready, most_seconds } = this.data;
    const command = this.lively ? "stop" : "measure";
    const label = this.lively ? labels.stop : fill(labels.measure, { time: duration(most_seconds, labels) });
    const disabled = Boolean(this.pending) || (!this.lively && !ready);
    const wanted = Boolean(this.head) && (!this.lively || measuring.controls);
    const key = JSON.stringify([label, disabled, wanted]);
    if (key === this.buttonShown) return;
    this.buttonShown = key;
    const button = make("button", this.lively ? "t-button" : "t-button t-primary", label, { type: "button" });
    button.disabled = disabled;
    button.onclick = () => this.command(() => this.trigger("command", { command, at: Date.now() }));
    this.actions.replaceChildren(...(wanted ? [button] : []));
  }

  drawFoot() {
    const { data } = this;
    const key = JSON.stringify([this.version, data.code, data.labels]);
    if (key === this.footShown) return;
    this.footShown = key;
    URL.revokeObjectURL(this.table);
    if (!this.head?.points) return this.foot.replaceChildren();
    // With a byte-order mark spreadsheets read it as UTF-8.
    this.table = URL.createObjectURL(new Blob(["\ufeff", this.csv], { type: "text/csv;charset=utf-8" }));
    const picture = (format) => {
      const button = make("button", "t-link", format.toUpperCase(), { type: "button" });
      button.onclick = () => this.save(format);
      return button;
    };
    const table = make("a", "t-link", "CSV", { href: this.table, download: `${data.name}.csv` });
    this.foot.replaceChildren(...takeAwayRow(data.labels.take_away, [picture("svg"), picture("png"), table], data.code, data.labels));
  }

  async save(format) {
    const library = await plotly();
    const background = getComputedStyle(this.root).getPropertyValue("--st-background-color");
    await library.relayout(this.plot, { paper_bgcolor: background });
    await library.downloadImage(this.plot, { format, filename: this.data.name, width: 1000, height: this.height, scale: 2 });
    await library.relayout(this.plot, { paper_bgcolor: "rgba(0,0,0,0)" });
  }

  // What was drawn of another question, or of none.
  clear() {
    this.plot.style.display = "none";
    this.shown = "";
    delete this.root.dataset.drawn;
  }

  async draw() {
    const { figures, version } = this;
    if (!figures || !this.head?.points) return this.clear();
    const library = await plotly();
    this.plot.style.display = "block";
    this.plot.style.height = `${this.height}px`;
    const room = Math.floor(this.root.clientWidth);
    const width = Math.max(room, this.data.least_width ?? 0); // a narrower picture scrolls
    if (!room || figures !== this.figures) return;
    const theme = themeOf(this.root, { light: "light", dark: "dark" });
    const shown = `${version} ${theme} ${width}`;
    if (shown === this.shown) return;
    this.shown = shown;
    const { data: traces, layout } = structuredClone(figures[theme]);
    await library.react(this.plot, traces, { ...layout, width, height: this.height, uirevision: this.data.address }, CONFIG);
    this.root.dataset.drawn = String(this.head.points);
  }

  close() {
    this.closed = true;
    clearTimeout(this.timer);
    this.observer.disconnect();
    URL.revokeObjectURL(this.table);
    window.Plotly?.purge(this.plot);
  }
}

export default (component) => mounted(component, (host) => new Measuring(host));
