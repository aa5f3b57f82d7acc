// Draws one of bertviz's views from the arrays in this document, in the colours of the house. Stands behind format.js,
// chips.js and bertviz_saving.js and before bertviz's script, which hands its drawing function to `requirejs`. In a
// page the frame tells its height and what was chosen, and is told look and head; as a file it stands alone.
const told = JSON.parse(document.getElementById("told").textContent);
const root = document.getElementById("bertviz");
const framed = window.parent !== window;
const place = { ...told.start };
const darkness = matchMedia("(prefers-color-scheme: dark)");
const LONGEST_TOKEN = { head_view: 13, model_view: 9, neuron_view: 13 }; // in columns of a monospaced font
let look = darkness.matches ? "dark" : "light";
let scale = 1;
let paint = null;
let held = null;
let width = 0;
const arrays = {};

// In a page nothing is drawn before the page has said how to look.
window.requirejs = (_names, draws) => {
  paint = draws;
  if (framed) return;
  darkness.onchange = () => ((look = darkness.matches ? "dark" : "light"), draw());
  draw();
};

function draw() {
  held = null;
  width = 0;
  const { style, heads } = told.looks[look];
  for (const [name, value] of Object.entries(style)) document.documentElement.style.setProperty(`--${name}`, value);
  document.documentElement.style.colorScheme = look;
  root.replaceChildren(controls(), make("div", "", null, { id: "vis" }));
  explainView();
  window.bertviz_params = parameters();
  paint(window.jQuery, { ...window.d3, schemeCategory10: heads, hsl: (colour) => faded(colour, style.paper) });
  new MutationObserver(settle).observe(document.getElementById("vis"), { childList: true });
  if (told.view === "model_view") markHead();
  settle();
}

// A line too faint to be seen takes as long to paint as any other, and most are: half of what a decoder has is masked.
const FAINT = 0.002;
function settle() {
  if (told.view !== "neuron_view") for (const line of root.querySelectorAll("line")) if (line.__data__ < FAINT) line.remove();
  fit();
}

// bertviz makes the square of a head that is off lighter in this way; on dark paper it has to become darker.
const faded = (colour, paper) => ({ l: 1, s: 1, toString: () => window.d3.interpolateRgb(paper, colour)(0.22) });

function controls() {
  const row = make("div", "controls");
  const chooser = (word, id) => {
    const label = make("label", "", told.words[word]);
    row.append(label);
    return label.appendChild(make("select", "", null, { id }));
  };
  const parts = Object.keys(told.parts);
  if (!framed && parts.length > 1) {
    const select = chooser("part", "part");
    for (const part of parts) select.append(make("option", "", told.words[part], { value: part }));
    select.value = place.part;
  }
  if (told.view !== "model_view") chooser("layer", "layer");
  if (told.view === "neuron_view") chooser("head", "att_head");
  if (!framed) {
    for (const format of ["svg", "png"]) {
      const button = make("button", "", format.toUpperCase(), { type: "button" });
      button.onclick = () => save(format);
      row.append(button);
    }
  }
  return row;
}

function parameters() {
  const part = told.parts[place.part];
  const count = (length) => Array.from({ length }, (_each, index) => index);
  const looks = Object.fromEntries(Object.entries(told.looks).map(([name, { palette }]) => [name, palette]));
  return {
    attention: { all: { ...unpacked(place.part), left_text: part.left.map(shown), right_text: part.right.map(shown) } },
    default_filter: "all",
    root_div_id: root.id,
    layer: place.layer,
    head: place.head,
    heads: [place.head],
    include_layers: count(part.layers),
    include_heads: count(part.heads),
    total_heads: columns(part),
    bidirectional: !part.causal,
    display_mode: look,
    palettes: looks,
    words: told.words,
  };
}

// Into how many columns the model view cuts its width, which also sets the height of a token: with few heads they would
// be far too high.
function columns({ layers, heads, left, right }) {
  const height = layers * Math.max(left.length, right.length) * 84;
  return Math.max(heads, Math.min(12, Math.max(4, Math.ceil(height / 640))));
}

// The arrays of a part as nested lists, as bertviz reads them.
function unpacked(name) {
  if (arrays[name]) return arrays[name];
  const { layers, heads, size, left, right, pattern, queries, keys } = told.parts[name];
  arrays[name] = { attn: nested(pattern, [layers, heads, left.length, right.length]) };
  if (queries) {
    arrays[name].queries = nested(queries, [layers, heads, left.length, size]);
    arrays[name].keys = nested(keys, [layers, heads, right.length, size]);
  }
  return arrays[name];
}

function nested(text, shape) {
  const values = new Float32Array(Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0)).buffer);
  let next = 0;
  const fold = ([length, ...inner]) => {
    if (inner.length) return Array.from({ length }, () => fold(inner));
    next += length;
    return Array.from(values.subarray(next - length, next));
  };
  return fold(shape);
}

// A token as the page shows it, spaces visible, short enough for its place; wide signs count double.
function shown(token) {
  let room = LONGEST_TOKEN[told.view];
  let text = "";
  for (const sign of visible(token)) {
    room -= /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u.test(sign) ? 2 : 1;
    if (room < 0) return `${text}…`;
    text += sign;
  }
  return text;
}

function explainView() {
  const part = told.parts[place.part];
  const lines = [told.words[`${told.view}_hint`]];
  const windowed = (word, { begin, end, count }) => {
    if (end - begin < count) lines.push(fill(told.words[word], { first: begin, last: end - 1, count }));
  };
  windowed(place.part === "cross" ? "window_text" : "window", part.left_window);
  if (place.part === "cross") windowed("window_source", part.right_window);
  const said = document.getElementById("said");
  said.replaceChildren(...lines.map((line) => make("p", "", line)));
  if (!framed || lines.length === 1) return;
  const sides = [part.left_window, part.right_window];
  const first = Math.max(...sides.map(({ begin }) => begin));
  const room = Math.max(...sides.map(({ begin, end }) => end - begin));
  const row = make("p");
  const go = (word, begin) => {
    const button = make("button", "", told.words[word], { type: "button" });
    button.onclick = () => tell({ begin });
    row.append(button);
  };
  if (first > 0) go("earlier", Math.max(first - room, 0));
  if (sides.some(({ end, count }) => end < count)) go("later", first + room);
  said.append(row);
}

// bertviz gives its pictures a fixed size, in which long tokens and the longer of two texts can be cut off.
function fit() {
  const svg = root.querySelector("#vis svg");
  const drawn = svg?.querySelector(":scope > g[visibility=visible]:is(#expanded, #collapsed)") ?? svg;
  const box = drawn?.getBBox();
  if (!box?.width) return;
  if (told.view === "head_view") numberSquares(svg);
  const left = Math.floor(Math.min(box.x, 0)) - 2;
  const fitting = Math.ceil(box.x + box.width) - left + 3;
  width = told.view === "model_view" ? Math.max(width, fitting) : fitting;
  const height = Math.ceil(box.y + box.height) + 4;
  svg.setAttribute("viewBox", `${left} 0 ${width} ${height}`);
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", title());
  const room = document.getElementById("vis").clientWidth;
  const zoom = Math.min(scale, Math.max(room / width, 0.65));
  svg.style.width = `${width * zoom}px`;
  svg.style.height = `${height * zoom}px`;
  tellHeight();
}

const title = () => `${told.words[told.view]} · ${told.words[place.part]}`;

// Which head a coloured square stands for, and whether it is on, is not left to its colour.
function numberSquares(svg) {
  const { heads, style } = told.looks[look];
  const squares = [...svg.children].at(-1).matches(".spots") ? [...svg.children].at(-2) : [...svg.children].at(-1);
  svg.querySelector(".spots")?.remove();
  const numbers = document.createElementNS(svg.namespaceURI, "g");
  numbers.classList.add("spots");
  [...squares.children].forEach((square, head) => {
    const on = square.getAttribute("fill") === heads[head % heads.length];
    const number = document.createElementNS(svg.namespaceURI, "text");
    const at = { x: Number(square.getAttribute("x")) + 10, y: 14.5, "text-anchor": "middle", "font-size": "12px" };
    for (const [name, value] of Object.entries(at)) number.setAttribute(name, value);
    number.style.fill = on ? style.paper : style.quiet;
    number.classList.add("spot");
    number.textContent = head;
    numbers.append(number);
  });
  svg.append(numbers);
}

function markHead() {
  document.getElementById(`attn_background_${place.layer}_${place.head}`)?.setAttribute("stroke-opacity", 0.8);
}

root.addEventListener("change", ({ target }) => {
  const { id, value } = target;
  if (id === "part") place.part = value;
  if (id === "layer") place.layer = Number(value);
  if (id === "att_head") place.head = Number(value);
  held = null;
  if (id === "part") draw();
  tell({ chosen: place });
});

root.addEventListener("click", ({ target }) => {
  if (target.previousElementSibling?.matches(".plus-sign, .minus-sign")) keepHeld();
  else if (target.closest("svg") && told.view !== "model_view") hold(tokenAt(target));
  const opened = root.querySelector(".attn_background[stroke-opacity='0.8']");
  if (opened && told.view === "model_view") {
    [place.layer, place.head] = opened.id.split("_").slice(2).map(Number);
    tell({ chosen: place });
  }
  fit();
});
root.addEventListener("dblclick", fit);

// A token that is held keeps its picture, so that it can be saved, or shown to a class; pointing elsewhere waits.
for (const kind of ["mouseover", "mouseout", "mouseleave"]) {
  root.addEventListener(kind, (event) => held && event.isTrusted && !isSign(event.target) && event.stopPropagation(), true);
}
const isSign = (element) => Boolean(element.previousElementSibling?.matches?.(".plus-sign, .minus-sign"));

function tokenAt(element) {
  const group = element.closest("g");
  return group?.querySelector(":scope > rect") && group.querySelector(":scope > text") && group.parentNode.id !== "rightText" ? group : null;
}

function hold(group) {
  const before = held;
  held = null;
  for (let node = before; node && node.localName !== "svg"; node = node.parentNode) node.dispatchEvent(new MouseEvent("mouseleave"));
  if (!group || group === before) return;
  group.dispatchEvent(new MouseEvent("mouseover"));
  held = group;
}

// bertviz has two drawings of the neuron view, of which one is hidden.
function keepHeld() {
  if (!held) return;
  const index = [...held.parentNode.children].indexOf(held);
  held = null;
  hold(root.querySelector("#vis svg > g[visibility=visible] > #leftText").children[index]);
}

const save = (format) => saveDrawn(pictureOf(root.querySelector("#vis svg"), told.looks[look].style.paper, title()), format, told.name);

function tell(message) {
  if (framed) parent.postMessage(message, "*");
}

window.addEventListener("message", ({ data, source }) => {
  if (!framed || source !== parent || !paint) return;
  if (data.save) save(data.save);
  if (!data.look) return;
  const part = told.parts[data.part] ? data.part : place.part;
  const same = width && data.look === look && part === place.part && data.layer === place.layer && data.head === place.head;
  ({ look, scale } = data);
  Object.assign(place, { part, layer: data.layer, head: data.head });
  if (same) fit();
  else draw();
});
window.addEventListener("resize", fit);
if (framed) new ResizeObserver(tellHeight).observe(document.body);

// Told after drawing too: a browser does not observe sizes in a frame that cannot be seen yet.
function tellHeight() {
  tell({ height: Math.ceil(document.body.getBoundingClientRect().height) });
}
