// A drawing of text and bars to take away, as SVG or PNG. Stands behind format.js. Text enters it as text nodes only.
const SVG = "http://www.w3.org/2000/svg";
const LARGEST = 16_000; // pixels of a side: browsers draw nothing on a larger one

class Sheet {
  constructor(theme) {
    this.theme = theme;
    this.parts = [];
    this.pen = make("canvas").getContext("2d");
  }

  put(tag, attributes, text = null) {
    const node = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    if (text !== null) node.textContent = text;
    this.parts.push(node);
  }

  font(size, weight = 400) {
    return `${weight} ${size}px ${this.theme.layout.font.family}`;
  }

  write(x, y, text, { size = 14, weight = 400, quiet = false } = {}) {
    const { colors, layout } = this.theme;
    this.put("text", { x, y, fill: quiet ? colors.quiet : colors.text, "font-family": layout.font.family, "font-size": size, "font-weight": weight, "xml:space": "preserve" }, text);
  }

  wide(text, size = 14) {
    this.pen.font = this.font(size);
    return this.pen.measureText(text).width;
  }

  // The lighter half of the scale, on which text can be read.
  shade(share) {
    const { scale } = this.theme.colors;
    return scale[Math.round(Math.max(0, Math.min(1, share)) * Math.floor(scale.length / 2 - 1))];
  }

  svg(width, height) {
    const picture = document.createElementNS(SVG, "svg");
    for (const [name, value] of Object.entries({ width, height, viewBox: `0 0 ${width} ${height}` })) picture.setAttribute(name, value);
    const ground = document.createElementNS(SVG, "rect");
    for (const [name, value] of Object.entries({ width, height, fill: this.theme.colors.background })) ground.setAttribute(name, value);
    picture.append(ground, ...this.parts);
    return new XMLSerializer().serializeToString(picture);
  }
}

async function asPng({ svg, width, height }) {
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`;
  await image.decode();
  const canvas = make("canvas");
  const scale = Math.min(2, LARGEST / width, LARGEST / height);
  [canvas.width, canvas.height] = [Math.round(width * scale), Math.round(height * scale)];
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return canvas.toDataURL("image/png");
}
