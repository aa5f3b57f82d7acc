// The picture of the Fill in page as a drawing to take away, SVG or PNG. Stands behind format.js, chips.js, drawn_sheet.js
// and fill_mask_parts.js. Text enters it as text nodes only.
const SHEET = { width: 620, margin: 20, line: 30, row: 22 };

// All columns beside each other: {svg, width, height}.
function drawnSheet(columns, theme) {
  const sheet = new Sheet(theme);
  const ends = columns.map((column, index) => drawColumn(sheet, column, SHEET.margin + index * (SHEET.width + SHEET.margin)));
  const size = { width: SHEET.margin + columns.length * (SHEET.width + SHEET.margin), height: Math.ceil(Math.max(...ends)) + SHEET.margin };
  return { ...size, svg: sheet.svg(size.width, size.height) };
}

function drawColumn(sheet, column, left) {
  const { model, words, everywhere } = column;
  let y = SHEET.margin + 12;
  sheet.write(left, y, column.name.textContent, { size: 13, quiet: true });
  y = drawTokens(sheet, column, left, y + 30);
  if (everywhere && model.score) {
    sheet.write(left, y + 8, `${words.perplexity}: ${number(model.score.perplexity)}`, { weight: 600 });
    y += 30;
  }
  const shown = everywhere ? model.entries.filter((entry) => entry.place === column.pickedPlace()) : model.entries;
  shown.forEach((entry, mask) => {
    const title = everywhere ? fill(words.expected_at, { token: visible(model.tokens[entry.place]) }) : column.titleOf(entry, mask);
    sheet.write(left, y + 12, title, { weight: 600 });
    y += 34;
    for (const [id, name, share] of entry.top) {
      const stands = id === entry.id;
      sheet.write(left, y, visible(name), { size: 13, weight: stands ? 700 : 400 });
      sheet.put("rect", { x: left + 150, y: y - 10, width: Math.max(1, 360 * share).toFixed(1), height: 11, fill: sheet.theme.colors.training });
      if (stands) sheet.put("rect", { x: left - 6, y: y - 15, width: SHEET.width - 4, height: 20, fill: "none", stroke: sheet.theme.colors.training });
      sheet.write(left + 522, y, percent(share), { size: 13, quiet: !stands });
      y += SHEET.row;
    }
    y += 10;
  });
  return y;
}

function drawTokens(sheet, column, left, top) {
  let [x, y] = [left, top];
  column.model.tokens.forEach((token, place) => {
    const hidden = !column.everywhere && column.isHidden(place);
    const text = hidden ? "[MASK]" : visible(token);
    const width = sheet.wide(text) + 4;
    if (x + width > left + SHEET.width && x > left) [x, y] = [left, y + SHEET.line];
    const share = column.everywhere ? column.entries.get(place)?.probability : null;
    if (typeof share === "number") sheet.put("rect", { x, y: y - 15, width, height: 20, rx: 3, fill: sheet.shade(share) });
    if (typeof share === "number" && share < SURPRISING) sheet.put("line", { x1: x, x2: x + width, y1: y + 7, y2: y + 7, stroke: sheet.theme.colors.ngram, "stroke-width": 2 });
    if (hidden) sheet.put("rect", { x, y: y - 15, width, height: 20, rx: 3, fill: "none", stroke: sheet.theme.colors.training, "stroke-dasharray": "3 2" });
    sheet.write(x + 2, y, text);
    x += width + 2;
  });
  return y + 24;
}
