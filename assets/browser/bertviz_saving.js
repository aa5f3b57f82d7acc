// A drawn SVG as a file: every style written into its element, what cannot be seen left out, paper behind it. Stands
// behind format.js.
const WRITTEN = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-opacity", "opacity"];
const WRITTEN_OF_TEXT = ["font-family", "font-size", "font-weight", "text-anchor"];
const UNLESS = {
  "fill-opacity": "1", stroke: "none", "stroke-width": "1px", "stroke-opacity": "1", opacity: "1",
  "font-weight": "400", "text-anchor": "start",
};
const DROPPED = new Set(["class", "id", "style", "cursor", "visibility", "source-index", "head-index"]);

function pictureOf(svg, paper, title) {
  const [left, top, width, height] = svg.getAttribute("viewBox").split(" ").map(Number);
  const copy = make("div").appendChild(document.createElementNS("http://www.w3.org/2000/svg", "svg"));
  copy.setAttribute("viewBox", svg.getAttribute("viewBox"));
  copy.setAttribute("width", width);
  copy.setAttribute("height", height);
  const named = document.createElementNS(copy.namespaceURI, "title");
  named.textContent = title;
  const sheet = document.createElementNS(copy.namespaceURI, "rect");
  for (const [name, value] of Object.entries({ x: left, y: top, width, height, fill: paper })) sheet.setAttribute(name, value);
  copy.append(named, sheet);
  for (const child of svg.children) {
    const drawn = drawnCopy(child);
    if (drawn) copy.append(drawn);
  }
  return { text: new XMLSerializer().serializeToString(copy), width, height };
}

// A copy of an element with all that is seen of it; null where nothing is.
function drawnCopy(element) {
  const style = getComputedStyle(element);
  if (style.opacity === "0" || style.display === "none") return null;
  const group = element.localName === "g";
  const copy = document.createElementNS(element.namespaceURI, element.localName);
  for (const child of element.childNodes) {
    const drawn = child.nodeType === Node.TEXT_NODE ? document.createTextNode(child.data) : drawnCopy(child);
    if (drawn) copy.append(drawn);
  }
  if (group ? !copy.hasChildNodes() : isUnseen(element, style)) return null;
  for (const { name, value } of element.attributes) {
    if (!DROPPED.has(name) && !name.startsWith("data-") && !name.endsWith("-index")) copy.setAttribute(name, value);
  }
  const isText = ["text", "tspan"].includes(element.localName);
  for (const name of group ? ["opacity"] : [...WRITTEN, ...(isText ? WRITTEN_OF_TEXT : [])]) {
    const value = style.getPropertyValue(name);
    if (value !== UNLESS[name]) copy.setAttribute(name, value);
    else copy.removeAttribute(name);
  }
  return copy;
}

function isUnseen(element, style) {
  if (style.visibility === "hidden") return true;
  const unstroked = style.stroke === "none" || style.strokeOpacity === "0";
  const unfilled = style.fill === "none" || style.fillOpacity === "0" || element.localName === "line";
  return unstroked && unfilled;
}

async function asPng({ text, width, height }) {
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
  await image.decode();
  const canvas = make("canvas");
  const sharp = Math.min(2, 16000 / width, 16000 / height);
  canvas.width = Math.ceil(width * sharp);
  canvas.height = Math.ceil(height * sharp);
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((done) => canvas.toBlob(done, "image/png"));
}

async function saveDrawn(picture, format, name) {
  const blob = format === "png" ? await asPng(picture) : new Blob([picture.text], { type: "image/svg+xml" });
  const address = URL.createObjectURL(blob);
  const link = make("a", "", null, { href: address, download: `${name}.${format}` });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
