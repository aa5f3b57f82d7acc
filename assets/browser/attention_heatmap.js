// One head, large: a Plotly heatmap with tokens on both axes. Stands behind format.js, chips.js, curve.js and
// attention_scale.js. Of a long text a window is drawn; whoever draws says where it begins.
const WINDOW = 64; // tokens
const LONGEST_LABEL = { row: 14, column: 10 }; // letters
const SIZES = {
  page: { least: 10.5, most: 38, font: 12, tall: () => Math.max(360, innerHeight - 540) },
  projector: { least: 12, most: 64, font: 19, tall: () => innerHeight - 310 },
};

// How long a text will be on screen, in letters: Chinese ones are wider.
const lettersOf = (text) => [...text].reduce((sum, sign) => sum + (sign.codePointAt(0) > 0x2e80 ? 1.7 : 1), 0);

function shortened(text, longest) {
  if (lettersOf(text) <= longest) return text;
  const signs = [...text];
  while (signs.length > 1 && lettersOf(signs.join("")) > longest - 1) signs.pop();
  return `${signs.join("")}…`;
}

// Places that Plotly fills with what is under the pointer.
const hovered = (diverging) => ({
  query: "<b>%{customdata[0]}</b>", key: "<b>%{customdata[1]}</b>", share: `<b>%{z:${diverging ? "+" : ""}.3~p}</b>`,
});

class HeatMap {
  constructor(root) {
    this.root = root;
    this.plot = make("div", "t-heat-plot", null, { role: "img" });
    this.marks = ["row", "column"].map((name) => make("div", `t-heat-mark t-heat-${name}`));
    root.append(this.plot, ...this.marks);
    this.hideMarks();
  }

  // How many tokens of each side fit at this width, and where everything stands.
  measure({ queries, keys, projector }, width) {
    const size = SIZES[projector ? "projector" : "page"];
    // Where nearly all tokens are single signs, as in Chinese, they stand upright, and the few long ones are cut.
    const upright = keys.filter((key) => lettersOf(key) > 2).length <= 2;
    const letter = size.font * 0.62;
    const room = (labels, longest) => Math.ceil(Math.min(longest, Math.max(2, ...labels.map(lettersOf))) * letter) + 34;
    const margin = { l: room(queries, LONGEST_LABEL.row), b: upright ? size.font + 36 : room(keys, LONGEST_LABEL.column), t: 10, r: width > 520 ? 78 : 8 };
    const fits = Math.max(12, Math.min(WINDOW, Math.floor((width - margin.l - margin.r) / size.least)));
    const [rows, columns] = [Math.min(fits, queries.length), Math.min(fits, keys.length)];
    const cell = Math.min(size.most, (width - margin.l - margin.r) / columns, Math.max(size.least, size.tall() / rows));
    const font = Math.max(8, Math.min(size.font, cell * 0.86));
    return { margin, rows, columns, cell, font, upright, titles: Math.min(size.font, 15) };
  }

  // `picture`: values (rows × columns of the whole text), queries and keys (labels), causal, diverging, row and column
  // (where the window begins), projector, label, words, theme.
  async draw(picture) {
    const library = await plotly();
    this.picture = picture;
    const width = Math.floor(this.root.clientWidth);
    if (!width) return false;
    const measure = this.measure(picture, width);
    const [traces, layout] = this.figure(picture, measure);
    this.hideMarks();
    this.plot.setAttribute("aria-label", picture.label);
    this.plot.style.height = `${layout.height}px`;
    await library.react(this.plot, traces, layout, { ...CONFIG, displayModeBar: false, responsive: false });
    if (!this.listening) {
      this.listening = true;
      this.plot.on("plotly_hover", ({ points }) => this.mark(points[0]));
      this.plot.on("plotly_unhover", () => this.hideMarks());
    }
    return true;
  }

  figure(picture, { margin, rows, columns, cell, font, upright, titles }) {
    const { values, queries, keys, causal, diverging, row, column, theme, words } = picture;
    const z = Array.from({ length: rows }, (_, y) =>
      Array.from({ length: columns }, (_, x) => (causal && column + x > row + y ? null : values[(row + y) * keys.length + column + x])),
    );
    const count = (from, length) => Array.from({ length }, (_, index) => from + index);
    const [asked, looked] = [queries.map(asPlotlyText), keys.map(asPlotlyText)];
    const customdata = count(row, rows).map((y) => count(column, columns).map((x) => [asked[y], looked[x]]));
    const axis = (from, length, labels, title, longest) => ({
      ...theme.layout.xaxis, tickmode: "array", tickvals: count(from, length), range: [from - 0.5, from + length - 0.5],
      ticktext: labels.slice(from, from + length).map((label) => asPlotlyText(shortened(label, longest))), showgrid: false, fixedrange: true,
      tickfont: { family: this.codeFont(), size: font, color: theme.colors.text },
      title: { text: title, standoff: 8, font: { size: titles, color: theme.colors.quiet } },
    });
    const stops = colorStops(diverging ? theme.colors.differences : theme.colors.scale, diverging);
    const trace = {
      type: "heatmap", z, customdata, x: count(column, columns), y: count(row, rows), colorscale: stops, zmin: diverging ? -1 : 0, zmax: 1,
      xgap: cell > 12 ? 1 : 0, ygap: cell > 12 ? 1 : 0, hoverongaps: false,
      hovertemplate: `${fill(diverging ? words.hover_difference : words.hover, hovered(diverging))}<extra></extra>`,
      showscale: margin.r > 20,
      colorbar: {
        thickness: 10, len: 0.7, lenmode: "fraction", y: 1, yanchor: "top", x: 1.01, outlinewidth: 0, ticklen: 3,
        tickvals: diverging ? [-1, -0.25, 0, 0.25, 1] : [0, 0.1, 0.25, 0.5, 1],
        ticktext: diverging ? ["−1", "−0.25", "0", "+0.25", "+1"] : ["0 %", "10 %", "25 %", "50 %", "100 %"],
        tickfont: { size: Math.max(11, titles - 2), color: theme.colors.quiet },
      },
    };
    const layout = {
      ...theme.layout, autosize: false, margin, dragmode: false, hovermode: "closest",
      width: margin.l + Math.round(cell * columns) + margin.r, height: margin.t + Math.round(cell * rows) + margin.b,
      hoverlabel: { ...theme.layout.hoverlabel, font: { ...theme.layout.hoverlabel.font, size: Math.max(13, titles) } },
      plot_bgcolor: theme.colors.background,
      xaxis: { ...axis(column, columns, keys, words.keys, upright ? 2 : LONGEST_LABEL.column), tickangle: upright ? 0 : -90 },
      yaxis: { ...axis(row, rows, queries, words.queries, LONGEST_LABEL.row), range: [row + rows - 0.5, row - 0.5] },
    };
    return [[trace], layout];
  }

  codeFont() {
    return getComputedStyle(this.root).getPropertyValue("--st-code-font") || "monospace";
  }

  // The row and the column of the field under the pointer, with their tokens.
  mark({ x, y }) {
    const { xaxis, yaxis } = this.plot._fullLayout;
    const [wide, high] = [Math.abs(xaxis.d2p(1) - xaxis.d2p(0)), Math.abs(yaxis.d2p(1) - yaxis.d2p(0))];
    const left = this.plot.offsetLeft;
    const top = this.plot.offsetTop;
    const bottom = this.plot._fullLayout.height;
    Object.assign(this.marks[0].style, {
      left: `${left}px`, top: `${top + yaxis._offset + yaxis.d2p(y) - high / 2}px`, width: `${xaxis._offset + xaxis._length}px`, height: `${high}px`,
    });
    Object.assign(this.marks[1].style, {
      left: `${left + xaxis._offset + xaxis.d2p(x) - wide / 2}px`, top: `${top + yaxis._offset}px`, width: `${wide}px`, height: `${bottom - yaxis._offset - 20}px`,
    });
    for (const mark of this.marks) mark.hidden = false;
  }

  hideMarks() {
    for (const mark of this.marks) mark.hidden = true;
  }

  // The picture as it is taken away: on its own ground, with a line that says what it shows.
  async image(format, title) {
    const library = await plotly();
    const { data, layout } = this.plot;
    const { colors } = this.picture.theme;
    const margin = { ...layout.margin, t: layout.margin.t + 34 };
    const whole = {
      ...layout, margin, width: Math.max(layout.width, 520), height: layout.height + 34, paper_bgcolor: colors.background,
      title: { text: asPlotlyText(title), x: 0, xref: "container", xanchor: "left", pad: { l: 12 }, y: 0.985, yanchor: "top", font: { size: 14, color: colors.text } },
    };
    return library.toImage({ data, layout: whole }, { format, width: whole.width, height: whole.height, scale: 2 });
  }

  close() {
    window.Plotly?.purge(this.plot);
  }
}
