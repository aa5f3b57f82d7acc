// What the model makes of the same prompts at some steps, side by side: the first, a quarter of the way, half of it, and
// the one that is looked at.
class Samples extends Panel {
  build() {
    const { labels } = this;
    this.root.className = "t-samples";
    this.when = make("span", "t-when");
    const head = make("div", "t-row");
    head.append(this.when);
    this.text = make("div", "t-sample", null, { tabindex: 0 });
    this.slider = new StepSlider(labels.sample_step, (step) => this.feed.pin(step));
    this.foot = panelFoot(labels, { name: () => `terrarium-${this.data.run}-samples`, table: () => this.table(), code: this.data.code.samples });
    this.root.replaceChildren(head, this.slider.root, this.text, this.foot);
    this.shown = null;
  }

  paint() {
    const { feed, labels } = this;
    const samples = feed.shownSamples;
    const steps = [...new Set(samples.map((sample) => sample.step))];
    this.foot.hidden = !steps.length;
    if (!steps.length) {
      this.slider.draw([], 0, "");
      this.text.replaceChildren(make("span", "t-quiet", labels.no_samples));
      this.when.textContent = "";
      this.shown = null;
      return;
    }
    const index = this.indexIn(steps);
    const said = fill(labels.at_step, { step: number(steps[index]) });
    this.slider.draw(steps, index, said);
    this.when.textContent = said;
    const columns = columnsOf(steps, index);
    const prompts = [...new Set(samples.filter((sample) => columns.includes(sample.step)).map((sample) => sample.prompt))];
    const at = new Map(samples.map((sample) => [`${sample.step} ${sample.prompt}`, sample]));
    const rows = prompts.map((prompt) => ({ prompt, cells: columns.map((step) => at.get(`${step} ${prompt}`)) }));
    const key = JSON.stringify([columns, rows, this.data.language]);
    if (key === this.shown) return;
    this.shown = key;
    const place = this.text.scrollTop;
    this.text.style.setProperty("--rows", rows.length);
    this.text.replaceChildren(this.grid(columns, rows));
    this.text.scrollTop = place;
  }

  grid(columns, rows) {
    const { labels } = this;
    const table = make("table", "t-grid");
    const head = make("tr");
    head.append(...columns.map((step) => make("th", "", fill(labels.at_step, { step: number(step) }), { scope: "col" })));
    const top = make("thead");
    top.append(head);
    const body = make("tbody");
    for (const { prompt, cells } of rows) {
      const reference = cells.find((sample) => sample?.reference)?.reference;
      if (rows.length > 1 || reference) {
        const line = make("tr");
        const name = make("th", "t-grid-prompt", null, { scope: "rowgroup", colspan: columns.length });
        name.append(make("span", "t-prompt", prompt));
        if (reference && reference !== prompt) name.append(make("span", "t-quiet", ` ${fill(labels.reference, { text: reference })}`));
        line.append(name);
        body.append(line);
      }
      const line = make("tr");
      line.append(...cells.map((sample, index) => this.cell(sample, columns[index], rows.length === 1 && !reference)));
      body.append(line);
    }
    table.append(top, body);
    return table;
  }

  cell(sample, step, begins) {
    const cell = make("td", "", null, { "data-step": fill(this.labels.at_step, { step: number(step) }) });
    if (!sample) return cell;
    if (begins && sample.prompt) cell.append(make("span", "t-prompt", sample.prompt));
    cell.append(make("span", "", sample.text));
    if (sample.reference === sample.text) cell.append(make("span", "t-quiet", " ✓", { title: this.labels.as_reference }));
    return cell;
  }

  table() {
    return [["step", "prompt", "text", "reference"], ...this.feed.shownSamples.map(({ step, prompt, text, reference }) => [step, prompt, text, reference])];
  }
}

PANELS.samples = Samples;

// At most four steps, ascending, the last one the one at `index`.
function columnsOf(steps, index) {
  const last = steps[index];
  const nearest = (wanted) => steps.slice(0, index + 1).reduce((best, step) => (Math.abs(step - wanted) < Math.abs(best - wanted) ? step : best));
  const columns = [steps[0], nearest(steps[0] + (last - steps[0]) / 4), nearest(steps[0] + (last - steps[0]) / 2), last];
  return [...new Set(columns)].sort((a, b) => a - b);
}
