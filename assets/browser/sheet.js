// A table of numbers and texts: a click on a column sorts, which costs no script run, a click on a row asks the page for
// it. Every cell is text. Stands behind format.js, curve.js (for the theme) and takeaway.js.
class Sheet {
  constructor(root) {
    this.root = root;
    root.className = "t-host t-sheet";
    this.scroller = make("div", "t-sheet-scroll", null, { tabindex: 0, role: "region" });
    this.table = make("table", "t-sheet-table");
    this.scroller.append(this.table);
    this.foot = make("div");
    root.append(this.scroller, this.foot);
    this.sort = { column: null, down: false };
  }

  update({ data, setTriggerValue }) {
    this.trigger = setTriggerValue;
    this.data = data;
    this.scroller.setAttribute("aria-label", data.label);
    const foot = JSON.stringify([data.csv, data.code, data.name, data.labels]);
    if (foot !== this.footShown) this.drawFoot();
    this.footShown = foot;
    const dark = themeOf(this.root, { light: false, dark: true });
    const identity = JSON.stringify([data.columns, data.rows, data.caption, data.picks, dark]);
    if (identity !== this.drawn) this.draw(dark);
    this.drawn = identity;
    this.mark();
  }

  drawFoot() {
    const { data } = this;
    URL.revokeObjectURL(this.address);
    if (!data.csv) return this.foot.replaceChildren();
    // With a byte-order mark spreadsheets read it as UTF-8.
    this.address = URL.createObjectURL(new Blob(["\ufeff", data.csv], { type: "text/csv;charset=utf-8" }));
    const file = make("a", "t-link", "CSV", { href: this.address, download: `${data.name}.csv` });
    this.foot.replaceChildren(...takeAwayRow(data.labels.take_away, [file], data.code, data.labels));
  }

  draw(dark) {
    const { data, table } = this;
    const focused = table.contains(document.activeElement) ? document.activeElement.dataset.focus : null;
    const head = make("thead");
    const names = make("tr");
    names.append(...data.columns.map((column, index) => this.column(column, index)));
    head.append(names);
    const body = make("tbody");
    body.append(...this.sorted().map((row) => this.row(row, dark)));
    table.replaceChildren(make("caption", "", data.caption), head, body);
    if (focused) table.querySelector(`[data-focus="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  }

  sorted() {
    const { column, down } = this.sort;
    const rows = this.data.rows.map((row, order) => ({ ...row, order }));
    if (column === null) return rows;
    const value = ({ cells }) => cells[column]?.value ?? null;
    return rows.sort((a, b) => {
      const [one, other] = [value(a), value(b)];
      if (one === null || other === null) return (one === null) - (other === null) || a.order - b.order;
      const apart = typeof one === "string" ? one.localeCompare(other) : one - other;
      return (down ? -apart : apart) || a.order - b.order;
    });
  }

  column({ title, meaning, kind }, index) {
    const { column, down } = this.sort;
    const sorted = column === index;
    const state = sorted ? (down ? "descending" : "ascending") : "none";
    const cell = make("th", `t-sheet-${kind}`, null, { scope: "col", "aria-sort": state });
    const button = make("button", "t-sheet-sort", title, { type: "button", "data-focus": `column ${index}` });
    if (meaning) button.title = meaning;
    button.onclick = () => {
      // Numbers from the largest, words from the first letter.
      this.sort = { column: index, down: sorted ? !down : kind !== "text" };
      this.draw(themeOf(this.root, { light: false, dark: true }));
      this.mark();
    };
    cell.append(button);
    return cell;
  }

  row({ name, cells, sign, quiet }, dark) {
    const { data } = this;
    const row = make("tr", `t-sheet-row${quiet ? " t-sheet-quiet" : ""}`, null, { "data-row": name });
    cells.forEach((content, index) => {
      const { kind } = data.columns[index];
      const cell = make(index ? "td" : "th", `t-sheet-${kind}`, null, index ? {} : { scope: "row" });
      if (!index && sign) {
        const mark = make("span", "t-sheet-sign", sign.glyph, { "aria-hidden": "true" });
        mark.style.color = dark ? sign.dark : sign.light;
        cell.append(mark);
      }
      if (!index && data.picks) cell.append(make("button", "t-sheet-name", content.text, { type: "button", "data-focus": name }));
      else cell.append(make("span", "", content.text));
      if (content.small) cell.append(make("small", "", content.small));
      if (Number.isFinite(content.share)) cell.style.setProperty("--share", String(Math.max(0, Math.min(1, content.share))));
      row.append(cell);
    });
    if (data.picks) {
      row.classList.add("t-sheet-picks");
      row.onclick = () => {
        // Marked at once; the page follows.
        this.data = { ...this.data, chosen: name };
        this.mark();
        this.trigger("picked", name);
      };
    }
    return row;
  }

  mark() {
    for (const row of this.table.tBodies[0].rows) {
      if (row.dataset.row === this.data.chosen) row.setAttribute("aria-current", "true");
      else row.removeAttribute("aria-current");
    }
  }

  close() {
    URL.revokeObjectURL(this.address);
  }
}

export default (component) => mounted(component, (host) => new Sheet(host));
