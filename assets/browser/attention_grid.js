// All heads, small: a row for each layer, a column for each head. A click, or the arrow keys, choose one. Stands behind
// format.js and attention_scale.js.
class HeadGrid {
  constructor(root, onChosen) {
    this.root = root;
    this.onChosen = onChosen;
    this.table = make("div", "t-heads-grid", null, { role: "grid" });
    this.table.onkeydown = (event) => this.onKey(event);
    root.append(this.table);
    this.tiles = [];
  }

  // `tile(layer, head)` gives {rows, columns, values}, or nothing where there is no picture; `chosen` and `other` are
  // heads as {layer, head}.
  draw({ layers, heads, tile, chosen, other, shades, diverging, causal, words }) {
    this.size = { layers, heads };
    this.words = words;
    this.chosen = chosen;
    this.table.setAttribute("aria-label", words.all_heads);
    if (this.tiles.length !== layers * heads || this.built !== heads) this.build(layers, heads);
    this.drawn = { shades, diverging };
    this.tiles.forEach((node, place) => {
      const [layer, head] = [Math.floor(place / heads), place % heads];
      const here = chosen?.layer === layer && chosen.head === head;
      const subtracted = other?.layer === layer && other.head === head;
      const name = fill(words.head_name, { layer, head });
      node.setAttribute("aria-selected", String(here));
      node.setAttribute("aria-label", subtracted ? `${name}, ${words.subtracted}` : name);
      node.title = name;
      node.tabIndex = here ? 0 : -1;
      node.classList.toggle("t-subtracted", subtracted);
      const values = tile(layer, head);
      node.firstChild.hidden = !values;
      if (values) paintPattern(node.firstChild, values, shades, { diverging, causal: causal && values.rows === values.columns });
    });
  }

  build(layers, heads) {
    this.built = heads;
    this.table.style.setProperty("--heads", heads);
    const corner = make("span", "t-heads-corner", "", { "aria-hidden": "true" });
    const top = make("div", "t-heads-row", null, { role: "presentation", "aria-hidden": "true" });
    top.append(corner, ...Array.from({ length: heads }, (_, head) => make("span", "t-heads-number", String(head))));
    this.tiles = [];
    const rows = Array.from({ length: layers }, (_, layer) => {
      const row = make("div", "t-heads-row", null, { role: "row" });
      row.append(make("span", "t-heads-number", String(layer), { "aria-hidden": "true" }));
      for (let head = 0; head < heads; head++) {
        const node = make("button", "t-heads-tile", null, { type: "button", role: "gridcell" });
        node.append(make("canvas"));
        node.onclick = () => this.onChosen(layer, head);
        this.tiles.push(node);
        row.append(node);
      }
      return row;
    });
    this.table.replaceChildren(top, ...rows);
  }

  onKey(event) {
    const { layers, heads } = this.size;
    const { layer, head } = this.chosen;
    const goes = {
      ArrowLeft: [layer, head - 1], ArrowRight: [layer, head + 1], ArrowUp: [layer - 1, head], ArrowDown: [layer + 1, head],
      Home: [layer, 0], End: [layer, heads - 1],
    };
    const to = goes[event.key];
    if (!to || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    if (to[0] < 0 || to[0] >= layers || to[1] < 0 || to[1] >= heads) return;
    this.onChosen(...to);
    this.tiles[to[0] * heads + to[1]].focus();
  }

  // All tiles on one canvas, with the numbers of layers and heads.
  canvas(theme, title, side = 96) {
    const { layers, heads } = this.size;
    const [left, top, gap] = [46, 66, 6];
    const canvas = make("canvas");
    canvas.width = Math.max(left + heads * (side + gap) + 10, 420);
    canvas.height = top + layers * (side + gap) + 10;
    const context = canvas.getContext("2d");
    context.fillStyle = theme.colors.background;
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.imageSmoothingEnabled = false;
    this.place(left, top, gap, side, (node, x, y) => {
      context.drawImage(node.firstChild, x, y, side, side);
      context.strokeStyle = theme.colors.grid;
      context.strokeRect(x - 0.5, y - 0.5, side + 1, side + 1);
    });
    context.fillStyle = theme.colors.text;
    context.font = `14px ${theme.layout.font.family}`;
    for (const { text, x, y } of this.legend(title, left, top, gap, side)) context.fillText(text, x, y);
    return canvas;
  }

  // The same as SVG; each tile is a small image in it, so that a hundred heads stay a small file.
  svg(theme, title, side = 96) {
    const { layers, heads } = this.size;
    const [left, top, gap] = [46, 66, 6];
    const space = "http://www.w3.org/2000/svg";
    const part = (tag, attributes, text = null) => {
      const node = document.createElementNS(space, tag);
      for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
      if (text !== null) node.textContent = text;
      return node;
    };
    const [width, height] = [Math.max(left + heads * (side + gap) + 10, 420), top + layers * (side + gap) + 10];
    const picture = part("svg", { xmlns: space, width, height, viewBox: `0 0 ${width} ${height}` });
    picture.append(part("rect", { width, height, fill: theme.colors.background }));
    this.place(left, top, gap, side, (node, x, y) => {
      const image = { href: node.firstChild.toDataURL(), x, y, width: side, height: side, preserveAspectRatio: "none", style: "image-rendering: pixelated" };
      picture.append(part("image", image), part("rect", { x, y, width: side, height: side, fill: "none", stroke: theme.colors.grid }));
    });
    for (const { text, x, y } of this.legend(title, left, top, gap, side)) {
      picture.append(part("text", { x, y, fill: theme.colors.text, "font-family": theme.layout.font.family, "font-size": 14 }, text));
    }
    return new XMLSerializer().serializeToString(picture);
  }

  place(left, top, gap, side, put) {
    this.tiles.forEach((node, place) => {
      const [layer, head] = [Math.floor(place / this.size.heads), place % this.size.heads];
      if (!node.firstChild.hidden) put(node, left + head * (side + gap), top + layer * (side + gap));
    });
  }

  legend(title, left, top, gap, side) {
    const { layers, heads } = this.size;
    const words = [{ text: title, x: 12, y: 24 }, { text: this.words.head, x: left, y: 44 }, { text: this.words.layer, x: 12, y: 58 }];
    for (let head = 0; head < heads; head++) words.push({ text: String(head), x: left + head * (side + gap) + side / 2, y: top - 6 });
    for (let layer = 0; layer < layers; layer++) words.push({ text: String(layer), x: 22, y: top + layer * (side + gap) + side / 2 + 5 });
    return words;
  }
}
