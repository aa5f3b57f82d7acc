// Where the window stands in a long text: the whole head, small, with the window on it, and a slider for each side.
// Stands behind format.js and attention_scale.js.
class WindowChooser {
  constructor(root, onMoved) {
    this.root = root;
    this.onMoved = onMoved;
    this.canvas = make("canvas");
    this.box = make("div", "t-window-box");
    this.map = make("div", "t-window-map", null, { "aria-hidden": "true" });
    this.map.append(this.canvas, this.box);
    this.map.onpointerdown = (event) => this.point(event);
    this.map.onpointermove = (event) => event.buttons && this.point(event);
    this.note = make("p", "t-window-note");
    this.sliders = ["row", "column"].map((side) => {
      const slider = make("input", "t-slider", null, { type: "range", min: 0, step: 1 });
      slider.oninput = () => this.onMoved({ [side]: Number(slider.value) });
      return slider;
    });
    this.names = this.sliders.map((slider) => {
      const name = make("label", "t-window-side");
      name.append(make("span"), slider);
      return name;
    });
    const sides = make("div", "t-window-sides");
    sides.append(this.note, ...this.names);
    root.append(this.map, sides);
  }

  // `whole` is the head as {rows, columns, values}, small; `size` of the text, `view` of the window: tokens of each side.
  draw({ whole, size, view, shades, diverging, causal, words }) {
    this.root.hidden = view.rows >= size.rows && view.columns >= size.columns;
    if (this.root.hidden) return;
    Object.assign(this, { size, view });
    paintPattern(this.canvas, whole, shades, { diverging, causal: causal && whole.rows === whole.columns });
    this.map.style.aspectRatio = `${size.columns} / ${size.rows}`;
    const percentage = (value, of) => `${(100 * value) / of}%`;
    Object.assign(this.box.style, {
      left: percentage(view.column, size.columns), top: percentage(view.row, size.rows),
      width: percentage(view.columns, size.columns), height: percentage(view.rows, size.rows),
    });
    this.note.textContent = fill(words.window, {
      first_row: view.row, last_row: view.row + view.rows - 1, first_column: view.column, last_column: view.column + view.columns - 1,
      rows: size.rows, columns: size.columns,
    });
    const limits = [["row", size.rows - view.rows, words.window_rows], ["column", size.columns - view.columns, words.window_columns]];
    limits.forEach(([side, most, name], place) => {
      this.names[place].hidden = most <= 0;
      this.names[place].firstChild.textContent = name;
      this.sliders[place].max = most;
      this.sliders[place].value = view[side];
    });
  }

  point(event) {
    event.preventDefault();
    const place = this.map.getBoundingClientRect();
    const { size, view } = this;
    this.onMoved({
      row: Math.round(((event.clientY - place.top) / place.height) * size.rows - view.rows / 2),
      column: Math.round(((event.clientX - place.left) / place.width) * size.columns - view.columns / 2),
    });
  }
}
