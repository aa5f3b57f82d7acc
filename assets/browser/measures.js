// Small figures of what is measured at every step.
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

class Measures extends Panel {
  every = 500;

  build() {
    const { labels, measures } = this.data;
    this.root.className = "";
    const grid = make("div", "t-measures");
    this.plots = measures.map((measure) => {
      const figure = make("figure", "t-measure");
      const plot = make("div", "t-small-plot", null, { role: "img", "aria-label": measure.title });
      figure.append(make("figcaption", "", measure.title, { title: labels.meanings[measure.column] }), plot);
      grid.append(figure);
      return plot;
    });
    const foot = panelFoot(labels, {
      name: () => `terrarium-${this.data.run}-measures`,
      picture: (format) => Promise.all(this.plots.map((plot, index) => savePlot(plot, `terrarium-${this.data.run}-${measures[index].column}`, format, 360))),
      table: () => this.table(),
      code: this.data.code.measures,
    });
    this.root.replaceChildren(grid, foot);
  }

  table() {
    const { step, rate, norm, speed } = this.feed.steps;
    return [["step", "learning_rate", "gradient_norm", "tokens_per_second"], ...step.map((at, index) => [at, rate[index], norm[index], speed[index]])];
  }

  async paint() {
    const { feed, data } = this;
    const library = await plotly();
    if (feed !== this.feed) return;
    this.plots.forEach((plot, index) => {
      library.react(plot, ...measureFigure(feed, this.theme, data.labels, data.measures[index], 150), { ...CONFIG, displayModeBar: false });
    });
  }

  close() {
    super.close();
    for (const plot of this.plots) window.Plotly?.purge(plot);
  }
}

PANELS.measures = Measures;
