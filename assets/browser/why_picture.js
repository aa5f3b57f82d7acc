// Words and what they add, cut into pieces and drawn as an SVG to take away. Stands behind format.js.
const whyMost = (words) => words.reduce((most, [, , score]) => Math.max(most, Math.abs(score)), 0);

// The text as {text, score}: words with their score, and what stands between them with none.
function whyPieces(characters, words) {
  const pieces = [];
  let at = 0;
  for (const [start, end, score] of words) {
    if (start > at) pieces.push({ text: characters.slice(at, start).join(""), score: null });
    pieces.push({ text: characters.slice(start, end).join(""), score });
    at = end;
  }
  if (at < characters.length) pieces.push({ text: characters.slice(at).join(""), score: null });
  return pieces;
}

const WHY_AROUND = 60;

// Characters from start to end; of a long stretch what stands near the changes before and after it.
function whyShort(characters, start, end, before, after) {
  const [first, last] = [before ? WHY_AROUND : 0, after ? WHY_AROUND : 0];
  if (end - start <= first + last + 20) return characters.slice(start, end).join("");
  return `${characters.slice(start, start + first).join("")} … ${characters.slice(end - last, end).join("")}`;
}

const WHY_SVG = "http://www.w3.org/2000/svg";
const WHY_WIDTH = 900;
const WHY_LINE = 30;

function whyNode(tag, attributes, text = null) {
  const node = document.createElementNS(WHY_SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value));
  if (text !== null) node.textContent = text;
  return node;
}

// rows: {title, words}; colors: background, text, against and for. Result: the file's content.
function whyPicture(characters, rows, colors) {
  const measure = document.createElement("canvas").getContext("2d");
  const font = "15px sans-serif";
  measure.font = font;
  const root = whyNode("svg", { xmlns: WHY_SVG, "font-family": "sans-serif", "font-size": 15, fill: colors.text });
  let y = 30;
  for (const { title, words } of rows) {
    root.append(whyNode("text", { x: 16, y, "font-weight": 600 }, title));
    y += WHY_LINE;
    let x = 16;
    const most = whyMost(words);
    for (const { text, score } of whyPieces(characters, words)) {
      for (const part of score === null ? text.split(/(\s+)/).filter(Boolean) : [text]) {
        const width = measure.measureText(part.replace(/\s/g, " ")).width;
        if (x + width > WHY_WIDTH - 16) [x, y] = [16, y + WHY_LINE];
        if (score) {
          const color = score < 0 ? colors.against : colors.for;
          root.append(whyNode("rect", { x: x - 1, y: y - 17, width: width + 2, height: 23, rx: 3, fill: color, "fill-opacity": (0.75 * Math.abs(score)) / most }));
          root.append(whyNode("line", { x1: x, x2: x + width, y1: y + 7, y2: y + 7, stroke: color, "stroke-width": (3 * Math.abs(score)) / most, "stroke-dasharray": score < 0 ? "3 2" : "none" }));
        }
        root.append(whyNode("text", { x, y, "xml:space": "preserve" }, part));
        x += width;
      }
    }
    y += WHY_LINE * 1.4;
  }
  root.setAttribute("viewBox", `0 0 ${WHY_WIDTH} ${y}`);
  root.setAttribute("width", WHY_WIDTH);
  root.setAttribute("height", y);
  root.prepend(whyNode("rect", { width: WHY_WIDTH, height: y, fill: colors.background }));
  return new XMLSerializer().serializeToString(root);
}
