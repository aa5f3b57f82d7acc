// What a view of the Generate page gives to take away: its drawing, and its rows as a table. Stands behind generated.js.
const KEPT_STYLES = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "stroke-opacity", "opacity", "font-family", "font-size", "font-weight", "text-anchor", "text-decoration", "dominant-baseline"];

// The drawing as it is seen, with what the style sheet says written into it.
function asSvgFile(svg) {
  const copy = svg.cloneNode(true);
  const seen = [...svg.querySelectorAll("*")];
  [...copy.querySelectorAll("*")].forEach((node, index) => {
    const style = getComputedStyle(seen[index]);
    for (const name of KEPT_STYLES) node.style.setProperty(name, style.getPropertyValue(name));
  });
  const ground = getComputedStyle(svg).getPropertyValue("--st-background-color");
  copy.prepend(drawn("rect", { width: "100%", height: "100%", fill: ground }));
  copy.setAttribute("xmlns", SVG_SPACE);
  return new Blob([new XMLSerializer().serializeToString(copy)], { type: "image/svg+xml" });
}

// A spreadsheet must not take a text for a formula, as llm_core/data/table_writing.py says.
function csvCell(value) {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") return String(value);
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value);
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

// With a byte-order mark spreadsheets read it as UTF-8.
const asCsvFile = (columns, rows) =>
  new Blob(["\ufeff", [columns.split(","), ...rows].map((row) => `${row.map(csvCell).join(",")}\n`).join("")], { type: "text/csv;charset=utf-8" });

function fileButton(text, name, make_file) {
  const button = make("button", "t-link", text, { type: "button" });
  button.onclick = () => {
    const file = make_file();
    if (!file) return;
    const address = URL.createObjectURL(file);
    make("a", "", null, { href: address, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(address), 10_000);
  };
  return button;
}

const svgButton = (view) => fileButton("SVG", `${view.data.file}.svg`, () => (view.svg?.isConnected ? asSvgFile(view.svg) : null));
const csvButton = (view) => fileButton("CSV", `${view.data.file}.csv`, () => asCsvFile(view.words.columns, view.table()));
