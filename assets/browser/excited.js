// The texts that excite a unit, a row each: its activation at the marked token, and the tokens around, coloured by theirs.
// Stands behind format.js, chips.js, curve.js and takeaway.js. A click on the number asks the page to read that text.
class Excited {
  constructor(root) {
    this.root = root;
    root.classList.add("t-excited");
    this.list = make("ol", "t-excited-list");
    this.foot = make("div");
    root.append(this.list, this.foot);
  }

  update({ data, setTriggerValue }) {
    this.trigger = setTriggerValue;
    this.root.dataset.look = themeOf(this.root, { light: "light", dark: "dark" });
    const identity = JSON.stringify(data);
    if (identity === this.identity) return;
    this.identity = identity;
    this.list.setAttribute("aria-label", data.label);
    this.list.tabIndex = 0;
    this.list.replaceChildren(...data.rows.map((row) => this.row(row, data)));
    URL.revokeObjectURL(this.address);
    // With a byte-order mark spreadsheets read it as UTF-8.
    this.address = URL.createObjectURL(new Blob(["\ufeff", data.table], { type: "text/csv;charset=utf-8" }));
    const file = make("a", "t-link", "CSV", { href: this.address, download: `${data.name}.csv` });
    this.foot.replaceChildren(...takeAwayRow(data.labels.take_away, [file], data.code, data.labels));
  }

  row({ text, tokens, values, peak }, { labels, most, opens }) {
    const row = make("li");
    const said = number(values[peak]);
    const value = make("span", "t-excited-value");
    if (opens) {
      const open = make("button", "t-excited-open", said, { type: "button", title: labels.open });
      open.onclick = () => this.trigger("picked", text);
      value.append(open);
    } else value.textContent = said;
    const line = make("span", "t-excited-text");
    tokens.forEach((token, place) => {
      const node = chip(token, "given");
      node.classList.add(values[place] < 0 ? "t-excited-against" : "t-excited-for");
      if (place === peak) node.classList.add("t-excited-peak");
      node.style.setProperty("--s", (most ? Math.min(1, Math.abs(values[place]) / most) : 0).toFixed(3));
      node.title = fill(labels.activation, { token: visible(token), activation: number(values[place]) });
      line.append(node);
    });
    row.append(value, line);
    return row;
  }

  close() {
    URL.revokeObjectURL(this.address);
  }
}

export default (component) => mounted(component, (host) => new Excited(host));
