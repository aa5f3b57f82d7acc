// In which settings chosen runs differ: a table of just these, the equal ones folded. Stands behind format.js.
class RunSettings {
  constructor(root, page) {
    Object.assign(this, { root, page, turn: 0 });
    root.hidden = true;
  }

  async update() {
    const runs = [...this.page.chosen.keys()].slice(0, MOST_CURVES);
    const key = JSON.stringify([runs, runs.map((run) => this.page.colourOf(run)), [...this.page.chosen.values()].map((row) => row.name)]);
    if (key === this.key) return;
    this.key = key;
    this.turn += 1;
    const { turn } = this;
    if (!runs.length) {
      this.root.hidden = true;
      return;
    }
    try {
      const asked = new URLSearchParams({ runs: runs.join(","), lang: this.page.data.language });
      const reply = await fetch(`./runs/differences.json?${asked}`);
      const found = await reply.json();
      if (turn !== this.turn) return;
      this.root.hidden = false;
      if (reply.ok) this.draw(found, asked);
      else this.root.replaceChildren(make("p", "t-quiet", found.error));
    } catch {
      this.key = null; // the server is away; the next choice asks again
    }
  }

  draw({ names, runs, rows, problems }, asked) {
    const { labels } = this.page;
    const differing = rows.filter((row) => row.differs);
    const equal = rows.filter((row) => !row.differs);
    const parts = [make("h2", "t-title", labels.settings)];
    parts.push(...problems.map((problem) => make("p", "t-quiet", problem)));
    if (runs.length > 1) {
      parts.push(make("p", "t-quiet", fill(differing.length ? labels.differing : labels.all_equal, { count: number(differing.length), equal: number(equal.length) })));
      if (differing.length) parts.push(this.table(names, runs, differing));
    }
    const folded = make("details", "t-runs-folded");
    folded.append(make("summary", "", fill(runs.length > 1 ? labels.equal : labels.all_settings, { count: number(equal.length) })), this.table(names.slice(0, 1), runs.slice(0, 1), equal));
    if (equal.length) parts.push(folded);
    if (differing.length && runs.length > 1) {
      const row = make("div", "t-takeaway");
      row.append(make("span", "t-quiet", labels.take_away), make("a", "t-link", "CSV", { href: `./runs/differences.csv?${asked}`, download: "terrarium-settings.csv" }));
      parts.push(row);
    }
    this.root.replaceChildren(...parts);
  }

  table(names, runs, rows) {
    const { labels } = this.page;
    const scroller = make("div", "t-sheet-scroll", null, { tabindex: 0, role: "region", "aria-label": labels.settings });
    const table = make("table", "t-sheet-table t-runs-settings");
    const head = make("thead");
    const line = make("tr");
    line.append(make("th", "t-sheet-text", labels.setting, { scope: "col" }));
    names.forEach((name, index) => {
      const cell = make("th", "t-sheet-text", null, { scope: "col" });
      const mark = make("span", "t-runs-mark", "", { "aria-hidden": "true" });
      mark.style.background = this.page.colourOf(runs[index]) ?? "transparent";
      cell.append(mark, make("span", "", name));
      line.append(cell);
    });
    head.append(line);
    const body = make("tbody");
    for (const row of rows) {
      const one = make("tr");
      const name = make("th", "t-sheet-text", null, { scope: "row" });
      if (row.description) name.title = row.description;
      name.append(make("span", "", row.title || row.name), make("small", "", row.name));
      one.append(name);
      row.values.slice(0, names.length).forEach((value) => one.append(make("td", "t-sheet-text", this.said(value, row.unit))));
      body.append(one);
    }
    table.append(head, body);
    scroller.append(table);
    return scroller;
  }

  said(value, unit) {
    const { labels } = this.page;
    if (value === null) return labels.empty;
    if (value === true) return labels.yes;
    if (value === false) return labels.no;
    if (typeof value === "number") return unit ? `${number(value)} ${unit}` : number(value);
    return value;
  }

  close() {
    this.turn += 1;
  }
}
