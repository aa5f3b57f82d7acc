// The text of the page Inside as chips, one of them looked at, and under it what the model says there: one to be
// explained, one to hold it against. Stands behind format.js and chips.js. A click asks the page; nothing moves here.
class Sentence {
  constructor(root) {
    this.root = root;
    root.classList.add("t-inside");
    this.text = make("div", "t-inside-text", null, { role: "group" });
    this.rows = make("div", "t-inside-rows");
    root.append(this.text, this.rows);
  }

  update({ data, setTriggerValue }) {
    this.trigger = setTriggerValue;
    const identity = JSON.stringify(data);
    if (identity === this.identity) return;
    this.identity = identity;
    const focused = this.root.contains(document.activeElement) ? document.activeElement.dataset.name : null;
    this.text.setAttribute("aria-label", data.label);
    this.text.replaceChildren(...data.tokens.map((token, place) => this.token(token, place, data)));
    this.rows.replaceChildren(...data.rows.map((row) => this.row(row)));
    // What was clicked is drawn anew and keeps the focus, so that the keyboard goes on from there.
    if (focused) [...this.root.querySelectorAll("[data-name]")].find((each) => each.dataset.name === focused)?.focus();
  }

  token(token, place, data) {
    const node = chip(token, "t-inside-chip");
    node.dataset.name = `token ${place}`;
    node.title = fill(data.place, { place });
    node.setAttribute("aria-pressed", String(place === data.chosen));
    if (data.chosen === null) node.disabled = true;
    node.onclick = () => this.trigger("picked", ["token", place]);
    return node;
  }

  row({ name, title, help, choices }) {
    const row = make("div", "t-inside-row", null, { role: "group", "aria-label": title });
    const said = make("span", "t-inside-title", title);
    said.title = help;
    row.append(said, ...choices.map((choice) => this.choice(name, choice)));
    return row;
  }

  choice(name, { value, text, plain, share, chosen, true: right, label }) {
    const node = plain ? make("button", "chip t-inside-choice t-inside-plain", text, { type: "button" }) : chip(text, "t-inside-choice");
    node.dataset.name = `${name} ${value}`;
    node.setAttribute("aria-pressed", String(chosen));
    if (share !== null) node.append(make("span", "t-inside-share", percent(share)));
    if (right) node.append(make("span", "t-inside-right", " ✓"));
    if (label) node.title = label;
    node.onclick = () => this.trigger("picked", [name, value]);
    return node;
  }

  close() {}
}

export default (component) => mounted(component, (host) => new Sentence(host));
