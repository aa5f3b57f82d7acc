// A still Plotly picture in both looks, with its row of things to take away. Stands behind format.js, curve.js and
// takeaway.js. The picture keeps its element: a change of theme or data is an update, never a flicker.
class Drawing {
  constructor(root) {
    this.root = root;
    this.stage = make("div", "t-drawing");
    this.plot = make("div", "t-drawing-plot");
    this.stage.append(this.plot);
    this.foot = make("div");
    root.append(this.stage, this.foot);
    this.observer = new ResizeObserver(() => this.draw());
    this.observer.observe(this.stage);
  }

  update({ data, setTriggerValue }) {
    this.trigger = setTriggerValue;
    this.data = data;
    this.plot.setAttribute("role", "img");
    this.plot.setAttribute("aria-label", data.label);
    this.plot.style.height = `${data.height}px`;
    this.plot.style.minWidth = data.least_width ? `${data.least_width}px` : "";
    const foot = JSON.stringify([data.code, data.labels, data.table, data.name]);
    if (foot !== this.footShown) this.drawFoot();
    this.footShown = foot;
    this.draw();
  }

  drawFoot() {
    const { data } = this;
    const picture = (format) => {
      const button = make("button", "t-link", format.toUpperCase(), { type: "button" });
      button.onclick = () => {
        // One after the other: each changes the paper, and changes it back.
        this.saving = Promise.resolve(this.saving).then(() => this.save(format));
      };
      return button;
    };
    const files = [picture("svg"), picture("png")];
    URL.revokeObjectURL(this.address);
    if (data.table) {
      // With a byte-order mark spreadsheets read it as UTF-8.
      this.address = URL.createObjectURL(new Blob(["\ufeff", data.table], { type: "text/csv;charset=utf-8" }));
      files.push(make("a", "t-link", "CSV", { href: this.address, download: `${data.name}.csv` }));
    }
    this.foot.replaceChildren(...takeAwayRow(data.labels.take_away, files, data.code, data.labels));
  }

  async save(format) {
    const library = await plotly();
    const background = getComputedStyle(this.root).getPropertyValue("--st-background-color");
    await library.relayout(this.plot, { paper_bgcolor: background });
    const size = { width: Math.max(1000, this.data.least_width ?? 0), height: this.data.height, scale: 2 };
    await library.downloadImage(this.plot, { format, filename: this.data.name, ...size });
    await library.relayout(this.plot, { paper_bgcolor: "rgba(0,0,0,0)" });
  }

  async draw() {
    const { data } = this;
    const library = await plotly();
    const width = Math.floor(this.plot.clientWidth);
    if (!width || data !== this.data) return;
    const theme = themeOf(this.root, { light: "light", dark: "dark" });
    const shown = `${data.identity} ${theme} ${width}`;
    if (shown === this.shown) return;
    this.shown = shown;
    const { data: traces, layout } = structuredClone(data.figures[theme]);
    await library.react(this.plot, traces, { ...layout, width, height: data.height, uirevision: data.identity }, CONFIG);
    this.root.dataset.drawn = data.identity;
    if (this.listening) return;
    this.listening = true;
    this.plot.on("plotly_click", ({ points }) => {
      const picked = points[0].customdata;
      if (this.data.picks && picked !== undefined) this.trigger("picked", picked);
    });
  }

  close() {
    this.observer.disconnect();
    URL.revokeObjectURL(this.address);
    window.Plotly?.purge(this.plot);
  }
}

export default (component) => mounted(component, (host) => new Drawing(host));
