// Tokens and heads that can be switched off, and what a model predicts before and after. Stands behind format.js and
// chips.js. What is off goes to the page as a whole each time, so that two quick clicks cannot undo each other.

const views = new WeakMap();

export default function ({ data, parentElement, setTriggerValue }) {
  let view = views.get(parentElement);
  if (!view) {
    view = data.rows ? new Predictions() : new Switches();
    views.set(parentElement, view);
    parentElement.append(view.root);
  }
  view.update(data, setTriggerValue);
}

class Switches {
  constructor() {
    this.root = make("div", "switches");
  }

  update(data, trigger) {
    this.trigger = trigger;
    const identity = JSON.stringify(data);
    if (identity === this.identity) return;
    this.identity = identity;
    this.off = Object.fromEntries(Object.entries(data.off).map(([side, off]) => [side, new Set(off)]));
    const drawn = JSON.stringify({ ...data, off: null });
    if (drawn !== this.drawn) this.draw(data);
    this.drawn = drawn;
    this.paint();
  }

  // The switches themselves stay where they are when something is switched: nothing moves under the pointer.
  draw(data) {
    this.buttons = [];
    this.labels = data.labels;
    const groups = data.sides.map(({ side, title, tokens }) => {
      const row = make("div", "row");
      tokens.forEach((token, place) => row.append(this.button(side, place, chip(token, "token"), visible(token))));
      return group(title, row);
    });
    const heads = make("div", "heads");
    const first = make("div", "row first");
    const current = make("button", "head", data.current.title, { type: "button" });
    first.append(this.button("heads", data.current.name, current, data.current.title));
    this.again = make("button", "again", data.labels.again, { type: "button" });
    this.again.onclick = () => this.allOn();
    for (const { part, title, layers, count } of data.parts) {
      if (title) heads.append(make("span", "part", title));
      for (let layer = 0; layer < layers; layer++) {
        const row = make("div", "row");
        row.append(make("span", "layer", fill(data.labels.layer, { layer })));
        for (let head = 0; head < count; head++) {
          const name = `${part}.${layer}.${head}`;
          const words = fill(data.labels.head, { layer, head });
          const button = make("button", "head", String(head), { type: "button" });
          if (name === data.current.name) button.classList.add("current");
          row.append(this.button("heads", name, button, title ? `${title}, ${words}` : words));
        }
        heads.append(row);
      }
    }
    this.root.replaceChildren(...groups, group(data.labels.heads, first, heads), this.again);
  }

  button(side, name, node, words) {
    node.onclick = () => this.toggle(side, name);
    this.buttons.push({ side, name, node, words });
    return node;
  }

  toggle(side, name) {
    const off = this.off[side];
    if (!off.delete(name)) off.add(name);
    this.tell();
  }

  allOn() {
    for (const off of Object.values(this.off)) off.clear();
    this.tell();
  }

  tell() {
    this.paint();
    this.identity = null;
    this.trigger("off", Object.fromEntries(Object.entries(this.off).map(([side, off]) => [side, [...off]])));
  }

  paint() {
    for (const { side, name, node, words } of this.buttons) {
      const off = this.off[side].has(name);
      node.setAttribute("aria-pressed", String(off));
      node.title = fill(off ? this.labels.turn_on : this.labels.turn_off, { name: words });
      node.setAttribute("aria-label", node.title);
    }
    this.again.disabled = Object.values(this.off).every((off) => !off.size);
  }
}

function group(title, ...rows) {
  const node = make("div", "group", null, { role: "group", "aria-label": title });
  node.append(make("span", "title", title), ...rows);
  return node;
}

class Predictions {
  constructor() {
    this.root = make("div", "predictions");
  }

  update(data) {
    const identity = JSON.stringify(data);
    if (identity === this.identity) return;
    this.identity = identity;
    const table = make("table");
    const head = make("tr");
    head.append(...data.heads.map((text, index) => make("th", "", text, index ? { scope: "col" } : { scope: "col", class: "name" })));
    const body = make("tbody");
    for (const { token, shares } of data.rows) {
      const row = make("tr");
      const name = make("th", "name", null, { scope: "row" });
      const shown = make("span", "chip");
      for (const part of chip(token, "given").childNodes) shown.append(part.cloneNode(true));
      name.append(shown);
      row.append(name, ...shares.map(shareCell));
      body.append(row);
    }
    const top = make("thead");
    top.append(head);
    table.append(top, body);
    this.root.replaceChildren(table);
  }
}

function shareCell(share, index) {
  const cell = make("td", index ? "after" : "before");
  const bar = make("span", "bar");
  bar.style.setProperty("--share", Math.max(0, Math.min(1, share)).toFixed(4));
  cell.append(bar, say(percent(share), "share"));
  return cell;
}
