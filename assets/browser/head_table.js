// All heads of a model as a table: what each does in the text shown, and how well it does known things over many texts.
// A click on a column sorts, a click on a row asks the page for that head; sorting costs no script run. Stands behind
// head_feed.js, head_measuring.js and takeaway.js.
class HeadTable {
  constructor(root) {
    this.root = root;
    root.className = "t-headlist";
    this.finders = make("div", "t-headlist-finders");
    this.verdict = make("p", "t-headlist-verdict", null, { role: "status" });
    this.measuring = new Measuring((command) => this.trigger("command", command));
    this.scroller = make("div", "t-headlist-scroll", null, { tabindex: 0, role: "region" });
    this.table = make("table", "t-headlist-table");
    this.scroller.append(this.table);
    this.note = make("p", "t-quiet t-headlist-note");
    this.foot = make("div");
    root.append(this.finders, this.verdict, this.measuring.root, this.scroller, this.note, this.foot);
    this.sort = { column: null, down: false };
  }

  update({ data, setTriggerValue }) {
    this.data = data;
    this.trigger = setTriggerValue;
    const feed = HeadFeed.of(data.run, data.language);
    if (this.feed !== feed) {
      this.feed?.leave(this);
      this.feed = feed;
      this.drawn = this.found = null;
      this.sort = { column: null, down: false };
      feed.join(this);
    } else if (feed.head && data.version !== feed.version && !feed.under) feed.ask();
    this.drawWords();
    this.draw();
  }

  close() {
    this.feed.leave(this);
    URL.revokeObjectURL(this.address);
  }

  // What only a script run changes.
  drawWords() {
    const { data } = this;
    const { verdict, labels } = data;
    this.verdict.textContent = verdict?.said ?? "";
    this.verdict.dataset.finding = verdict?.finding ?? "";
    this.scroller.setAttribute("aria-label", labels.table);
    if (verdict && verdict.number !== this.found) {
      this.found = verdict.number;
      this.sort = { column: verdict.score, down: true };
      this.reveal = true;
    }
    const foot = JSON.stringify([data.csv, data.code, data.name, labels.take_away]);
    if (foot === this.footShown) return;
    this.footShown = foot;
    URL.revokeObjectURL(this.address);
    // With a byte-order mark spreadsheets read it as UTF-8.
    this.address = URL.createObjectURL(new Blob(["\ufeff", data.csv], { type: "text/csv;charset=utf-8" }));
    const csv = make("a", "t-link", "CSV", { href: this.address, download: `${data.name}.csv` });
    this.foot.replaceChildren(...takeAwayRow(labels.take_away, [csv], data.code, labels));
  }

  draw() {
    const { feed, data } = this;
    // Sentences and the table to take away are made by the page: once more, when a measuring is over.
    if (this.wasUnder && !feed.under && feed.version !== data.version) this.trigger("measured", feed.version);
    this.wasUnder = feed.under;
    this.measuring.draw(feed, data.labels);
    const known = data.scores.filter(([score]) => Object.values(feed.scores).some((scores) => score in scores));
    this.drawFinders(known);
    this.note.textContent = known.length ? data.labels.note_with_scores : data.labels.note;
    const identity = JSON.stringify([data.heads, data.summaries, data.step, data.language, feed.version, this.sort]);
    if (identity !== this.drawn) this.drawTable(known);
    this.drawn = identity;
    this.mark();
  }

  drawFinders(known) {
    const shown = this.data.finders.filter(([score]) => known.some(([name]) => name === score));
    const key = JSON.stringify(shown);
    if (key === this.findersShown) return;
    this.findersShown = key;
    this.finders.replaceChildren(
      ...shown.map(([score, label], index) => {
        const button = make("button", index ? "t-link" : "t-button t-primary", label, { type: "button", "data-score": score });
        button.onclick = () => this.trigger("find", score);
        return button;
      }),
    );
  }

  // Rows as numbers: { head, name, label, cells: column to { value, low, high, weak } }.
  rows(known) {
    const { data, feed } = this;
    const at = Object.fromEntries(Object.keys(feed.scores).map((part) => [part, feed.at(part, data.step)]));
    return data.heads.map(([part, layer, head, label], order) => {
      const place = layer * (feed.shape[part]?.[1] ?? 0) + head;
      const cells = {};
      for (const [name] of data.columns) cells[name] = { value: data.summaries[name][order] };
      for (const [name] of known) {
        const score = at[part]?.[name];
        const value = score?.mean[place];
        if (value === null || value === undefined) continue;
        const { baseline } = score;
        cells[name] = { value, low: score.low[place], high: score.high[place], weak: baseline !== null && !(score.low[place] > baseline) };
      }
      return { name: `${part}.${layer}.${head}`, head: { part, layer, head }, label, order, cells };
    });
  }

  sorted(rows) {
    const { column, down } = this.sort;
    if (column === null) return down ? rows.reverse() : rows;
    const value = (row) => row.cells[column]?.value ?? null;
    return rows.sort((a, b) => {
      const [one, other] = [value(a), value(b)];
      if (one === null || other === null) return (one === null) - (other === null) || a.order - b.order;
      return (down ? other - one : one - other) || a.order - b.order;
    });
  }

  drawTable(known) {
    const { labels, columns } = this.data;
    const focused = this.table.contains(document.activeElement) ? document.activeElement.dataset.focus : null;
    const groups = make("tr", "t-headlist-groups");
    groups.append(make("td"), make("th", "", labels.this_text, { scope: "colgroup", colspan: columns.length }));
    if (known.length) groups.append(make("th", "", this.manyTexts(), { scope: "colgroup", colspan: known.length }));
    const names = make("tr");
    names.append(this.column(null, labels.head, ""), ...[...columns, ...known].map((column) => this.column(...column)));
    const head = make("thead");
    head.append(groups, names);
    const body = make("tbody");
    body.append(...this.sorted(this.rows(known)).map((row) => this.row(row, known)));
    this.table.replaceChildren(make("caption", "", labels.caption), head, body, ...this.baselines(known));
    if (focused) this.table.querySelector(`[data-focus="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  }

  manyTexts() {
    const { feed, data } = this;
    const scores = Object.keys(feed.scores).flatMap((part) => Object.values(feed.at(part, data.step)));
    const texts = Math.min(...scores.map((score) => score.texts));
    return fill(data.labels.many_texts, { texts: number(texts), step: number(scores[0].step) });
  }

  column(name, title, meaning) {
    const { column, down } = this.sort;
    const sorted = column === name;
    const cell = make("th", "", null, { scope: "col", "aria-sort": sorted ? (down ? "descending" : "ascending") : "none" });
    const button = make("button", "t-headlist-sort", title, { type: "button", title: meaning, "data-focus": `column ${name}` });
    button.onclick = () => {
      this.sort = { column: name, down: sorted ? !down : name !== null };
      this.draw();
    };
    cell.append(button);
    return cell;
  }

  row({ name, head, label, cells }, known) {
    const row = make("tr", "t-headlist-row", null, { "data-head": name });
    const title = make("th", "", null, { scope: "row" });
    title.append(make("button", "t-headlist-name", label, { type: "button", "data-focus": name }));
    row.append(title);
    for (const [column, , , share] of this.data.columns) row.append(this.cell(cells[column], share));
    for (const [column] of known) row.append(this.cell(cells[column], true));
    row.onclick = () => {
      // Marked at once; the page follows.
      this.data = { ...this.data, chosen: name };
      this.mark();
      this.trigger("picked", head);
    };
    return row;
  }

  cell(content, share) {
    if (!Number.isFinite(content?.value)) return make("td", "t-headlist-none", "–");
    const cell = make("td", content.weak ? "t-headlist-weak" : "", decimals(content.value));
    if (share) cell.style.setProperty("--share", String(Math.max(0, Math.min(1, content.value))));
    if (content.low === undefined) return cell;
    const { labels } = this.data;
    cell.append(make("small", "", `${decimals(content.low)}–${decimals(content.high)}`));
    if (content.weak) cell.title = labels.weak;
    return cell;
  }

  // The last row: what the best fixed offset reaches; for each part, where they differ.
  baselines(known) {
    const { feed, data } = this;
    const parts = Object.keys(feed.scores).map((part) => [part, feed.at(part, data.step)]);
    const row = make("tr");
    row.append(make("th", "", data.labels.baseline, { scope: "row", title: data.labels.baseline_meaning }));
    row.append(make("td", "", null, { colspan: data.columns.length }));
    let some = false;
    for (const [name] of known) {
      const lines = new Map();
      for (const [part, { [name]: score }] of parts) {
        if (score?.baseline == null) continue;
        const key = `${decimals(score.baseline)} ${score.baseline_name}`;
        lines.set(key, { score, parts: [...(lines.get(key)?.parts ?? []), data.labels.parts[part]] });
      }
      const cell = make("td", "", lines.size ? null : "–");
      for (const { score, parts: of } of lines.values()) {
        const where = lines.size > 1 ? `${of.join(", ")}: ` : "";
        cell.append(make("span", "", decimals(score.baseline)), make("small", "", `${where}${score.baseline_name}`));
        some = true;
      }
      row.append(cell);
    }
    const foot = make("tfoot");
    foot.append(row);
    return some ? [foot] : [];
  }

  mark() {
    for (const row of this.table.tBodies[0].rows) {
      const chosen = row.dataset.head === this.data.chosen;
      if (chosen) row.setAttribute("aria-current", "true");
      else row.removeAttribute("aria-current");
      if (chosen && this.reveal) {
        this.reveal = false;
        this.scroller.scrollTop = row.offsetTop - this.scroller.clientHeight / 2;
        const column = this.table.querySelector("thead [aria-sort]:not([aria-sort=none])");
        this.scroller.scrollLeft = column.offsetLeft + column.offsetWidth - this.scroller.clientWidth;
      }
    }
  }
}

const decimals = (value) => value.toFixed(3).replace("-", "−");
