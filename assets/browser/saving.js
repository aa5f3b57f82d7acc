// What a panel gives to take away, made of what it shows when the link is pressed. Stands behind format.js, curve.js,
// drawn_sheet.js and takeaway.js.
function saveAs(name, blob) {
  const address = URL.createObjectURL(blob);
  make("a", "", null, { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

// A spreadsheet must not take a text for a formula.
function cell(value) {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") return String(value);
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

// With a byte-order mark spreadsheets read it as UTF-8.
const tableFile = (rows) => new Blob(["\ufeff", rows.map((row) => row.map(cell).join(",")).join("\n"), "\n"], { type: "text/csv;charset=utf-8" });

async function savePlot(plot, name, format, height) {
  const library = await plotly();
  const background = getComputedStyle(plot).getPropertyValue("--st-background-color");
  await library.relayout(plot, { paper_bgcolor: background });
  await library.downloadImage(plot, { format, filename: name, width: 1100, height, scale: 2 });
  await library.relayout(plot, { paper_bgcolor: "rgba(0,0,0,0)" });
}

async function saveSheet(drawn, name, format) {
  if (format === "svg") return saveAs(`${name}.svg`, new Blob([drawn.svg], { type: "image/svg+xml" }));
  const address = await asPng(drawn);
  make("a", "", null, { href: address, download: `${name}.png` }).click();
}

// The row at the foot of a panel: `picture(format)` saves it, `table()` gives its rows, `code` is the same in Python.
function panelFoot(labels, { name, picture, table, code }) {
  const button = (text, action) => {
    const element = make("button", "t-link", text, { type: "button" });
    element.onclick = action;
    return element;
  };
  const files = [
    ...(picture ? ["svg", "png"].map((format) => button(format.toUpperCase(), () => picture(format))) : []),
    button("CSV", () => saveAs(`${name()}.csv`, tableFile(table()))),
  ];
  const foot = make("div");
  foot.append(...takeAwayRow(labels.take_away, files, code, labels));
  return foot;
}
