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
    this.foot = panelFoot(labels, { name: () => `terrarium-${this.data.run}-samples`, picture: (format) => this.save(format), table: () => this.table(), code: this.data.code.samples });
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
    this.drawn = { columns, rows };
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

  save(format) {
    return saveSheet(drawnGrid(this.theme, this.labels, this.drawn), `terrarium-${this.data.run}-samples`, format);
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

// The same grid as a drawing: {svg, width, height}.
function drawnGrid(theme, labels, { columns, rows }) {
  const sheet = new Sheet(theme);
  const [left, wide, gap, line] = [20, 300, 24, 20];
  const at = (index) => left + index * (wide + gap);
  let y = 32;
  columns.forEach((step, index) => sheet.write(at(index), y, fill(labels.at_step, { step: number(step) }), { size: 13, weight: 600 }));
  for (const { prompt, cells } of rows) {
    y += line + 14;
    for (const part of inLines(sheet, prompt, at(columns.length) - gap - left)) {
      sheet.write(left, y, part, { weight: 600 });
      y += line;
    }
    const texts = cells.map((sample) => inLines(sheet, sample?.text ?? "", wide));
    texts.forEach((lines, index) => lines.forEach((part, number) => sheet.write(at(index), y + number * line, part)));
    y += line * Math.max(...texts.map((lines) => lines.length));
  }
  const width = at(columns.length) - gap + left;
  return { svg: sheet.svg(width, y + 8), width, height: y + 8 };
}

// A text in lines of at most this width: broken between words, and within what is wider than a line.
function inLines(sheet, text, width) {
  const lines = [];
  const drawable = text.replace(/(?!\n)\p{Cc}/gu, "\ufffd"); // a drawing is XML, which has no control characters
  for (const paragraph of drawable.split("\n")) {
    let current = "";
    for (const piece of paragraph.match(/\s+|[\p{sc=Han}\p{P}]|[^\s\p{sc=Han}\p{P}]{1,24}/gu) ?? []) {
      if (current && sheet.wide(current + piece) > width) {
        lines.push(current);
        current = piece.trimStart();
      } else current += piece;
    }
    lines.push(current);
  }
  return lines;
}
