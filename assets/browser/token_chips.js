// A text as chips coloured by what each token costs. Stands behind chips.js, format.js and drawn_sheet.js.
// The scale is even to the eye and in one hue; a line under each token says the same by its length.
class Costs {
  // ends: what the least and the most are called in a drawing; in words of nats where nothing is said.
  constructor(theme, most, ends = null) {
    this.scale = theme.colors.scale;
    this.inks = [theme.colors.text, theme.colors.background];
    this.most = most || 1;
    this.ends = ends;
  }

  share(nats) {
    return Math.max(0, Math.min(1, nats / this.most));
  }

  shade(nats) {
    return this.scale[Math.round(this.share(nats) * (this.scale.length - 1))];
  }

  // Whichever of the two inks can be read on this shade.
  ink(nats) {
    const light = brightness(this.shade(nats));
    const [first, second] = this.inks.map((ink) => contrast(brightness(ink), light));
    return this.inks[first >= second ? 0 : 1];
  }

  paint(node, nats) {
    const bare = nats === null || nats === undefined;
    node.classList.toggle("t-bare", bare);
    node.style.backgroundColor = bare ? "" : this.shade(nats);
    node.style.color = bare ? "" : this.ink(nats);
    node.style.setProperty("--share", bare ? 0 : this.share(nats).toFixed(3));
  }

  legend(labels) {
    const legend = make("span", "t-legend");
    const strip = make("span", "t-legend-strip");
    for (const color of this.scale) {
      const part = make("i");
      part.style.backgroundColor = color;
      strip.append(part);
    }
    legend.append(make("span", "", "0"), strip, make("span", "", fill(labels.nats, { nats: number(this.most) })));
    return legend;
  }
}

// WCAG 2: relative luminance, and contrast of two.
function brightness(color) {
  const [red, green, blue] = [1, 3, 5].map((at) => {
    const part = parseInt(color.slice(at, at + 2), 16) / 255;
    return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

const contrast = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);

// Chips that are one stop of the keyboard: arrows go from token to token.
class ChipLine {
  constructor(label, chosen) {
    this.root = make("div", "t-tokens", null, { role: "group", "aria-label": label });
    this.chosen = chosen;
    this.nodes = [];
    this.root.onkeydown = (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      const at = this.nodes.indexOf(document.activeElement);
      if (!step || at < 0) return;
      event.preventDefault();
      this.nodes[Math.max(0, Math.min(this.nodes.length - 1, at + step))].focus();
    };
  }

  // A word under a token: a place for it is kept under all of them.
  note(place, text, seen = true) {
    const small = this.nodes[place].lastChild;
    if (text) this.root.classList.add("t-noted");
    if (small.textContent !== (text || "\u00a0")) small.textContent = text || "\u00a0";
    small.style.visibility = seen ? "" : "hidden";
  }

  // The same chips stay as long as the text stays: colours change, nothing moves.
  setPieces(pieces) {
    const key = JSON.stringify(pieces);
    if (key === this.key) return;
    this.key = key;
    this.root.classList.remove("t-noted");
    this.nodes = pieces.map((piece, place) => {
      const node = chip(piece, "t-token");
      node.append(make("small", "", "\u00a0"));
      if (!this.chosen) node.tabIndex = -1;
      else {
        node.tabIndex = place ? -1 : 0;
        node.onclick = () => this.chosen(place);
        node.onfocus = () => this.nodes.forEach((other) => (other.tabIndex = other === node ? 0 : -1));
      }
      return node;
    });
    // Where a token ends a line, the next one begins another.
    this.root.replaceChildren(...this.nodes.flatMap((node, place) => (/\n$/.test(pieces[place]) ? [node, make("br")] : [node])));
  }
}

// The chips as a drawing: {svg, width, height}. `rows`: {title, pieces, losses, notes}, each in lines of its own.
function drawnChips(theme, costs, heading, rows, labels) {
  const sheet = new Sheet(theme);
  const [left, right, line] = [20, 1000, 36];
  let y = 34;
  sheet.write(left, y, heading, { size: 15, weight: 600 });
  const [least, greatest] = costs.ends ?? ["0", fill(labels.nats, { nats: number(costs.most) })];
  const end = right - sheet.wide(greatest, 12);
  const begin = end - 6 - 18 * costs.scale.length;
  sheet.write(begin - 6 - sheet.wide(least, 12), y, least, { size: 12, quiet: true });
  costs.scale.forEach((color, index) => sheet.put("rect", { x: begin + 18 * index, y: y - 12, width: 18, height: 14, fill: color }));
  sheet.write(end, y, greatest, { size: 12, quiet: true });
  y += 14;
  for (const { title, pieces, losses, notes } of rows) {
    y += line;
    let x = left;
    if (title) {
      sheet.write(left, y, title, { size: 13, quiet: true });
      y += 28;
    }
    pieces.forEach((piece, place) => {
      const text = visible(piece);
      const width = sheet.wide(text) + 8;
      if (x + width > right && x > left) [x, y] = [left, y + line];
      const nats = losses[place];
      const bare = nats === null || nats === undefined;
      if (!bare) sheet.put("rect", { x, y: y - 16, width, height: 22, rx: 3, fill: costs.shade(nats) });
      sheet.put("text", { x: x + 4, y, fill: bare ? theme.colors.text : costs.ink(nats), "font-family": theme.layout.font.family, "font-size": 14, "xml:space": "preserve" }, text);
      if (notes?.[place]) sheet.write(x + 2, y + 16, notes[place], { size: 9, quiet: true });
      x += width + 2;
      if (/\n$/.test(piece)) [x, y] = [left, y + line];
    });
  }
  y += 30;
  return { svg: sheet.svg(right + 20, y), width: right + 20, height: y };
}
