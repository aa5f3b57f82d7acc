// Small figures of what is measured at every step.
class Measures {
  constructor(root, component) {
    this.root = root;
    root.replaceChildren();
    root.className = "t-measures";
    this.plots = component.data.measures.map((measure) => {
      const figure = make("figure", "t-measure");
      const plot = make("div", "t-small-plot", null, { role: "img", "aria-label": measure.title });
      const title = make("figcaption", "", measure.title, { title: component.data.labels.meanings[measure.column] });
      figure.append(title, plot);
      root.append(figure);
      return plot;
    });
    this.drawn = 0;
    this.observer = new ResizeObserver(() => this.drawAll());
    this.observer.observe(root);
    this.update(component);
  }

  update({ data }) {
    this.data = data;
    data.measures.forEach((measure, index) => {
      this.root.children[index].firstChild.textContent = measure.title;
    });
    const feed = Feed.of(data.run, data.language);
    if (this.feed === feed) return this.drawAll();
    this.feed?.leave(this);
    this.feed = feed;
    feed.join(this);
  }

  close() {
    this.feed.leave(this);
    this.observer.disconnect();
    for (const plot of this.plots) window.Plotly?.purge(plot);
  }

  // At most every half second, and once more when things have come to rest.
  draw() {
    clearTimeout(this.timer);
    const wait = 500 - (performance.now() - this.drawn);
    if (wait <= 0) this.drawAll();
    else this.timer = setTimeout(() => this.drawAll(), wait);
  }

  async drawAll() {
    this.drawn = performance.now();
    const { feed, data } = this;
    const library = await plotly();
    if (!this.root.clientWidth || feed !== this.feed) return;
    const theme = themeOf(this.root, data.themes);
    this.plots.forEach((plot, index) => {
      library.react(plot, ...measureFigure(feed, theme, data.labels, data.measures[index], 150), { ...CONFIG, displayModeBar: false });
    });
  }
}

PARTS.measures = Measures;
