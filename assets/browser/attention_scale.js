// Colours of attention. Most of it is faint and must be seen all the same: colours move with the square root of a share.
const SHADES = 1024;

// [position between 0 and 1, colour]: shares from 0 to 1, or differences from -1 to 1 with nothing in the middle.
function colorStops(colors, diverging) {
  const last = colors.length - 1;
  return colors.map((color, index) => {
    const t = index / last;
    return [diverging ? (Math.sign(2 * t - 1) * (2 * t - 1) ** 2 + 1) / 2 : t ** 2, color];
  });
}

// The same as a table of SHADES colours in red, green and blue.
function shadesOf(stops) {
  const parsed = stops.map(([position, color]) => [position, [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16))]);
  const table = new Uint8ClampedArray(SHADES * 3);
  let stop = 0;
  for (let shade = 0; shade < SHADES; shade++) {
    const position = shade / (SHADES - 1);
    while (stop < parsed.length - 2 && position > parsed[stop + 1][0]) stop++;
    const [[from, a], [to, b]] = [parsed[stop], parsed[stop + 1]];
    const share = (position - from) / (to - from);
    for (let part = 0; part < 3; part++) table[shade * 3 + part] = a[part] + (b[part] - a[part]) * share;
  }
  return table;
}

// Paints {rows, columns, values} into a canvas, a pixel each; what is ahead of a position that cannot look there stays bare.
function paintPattern(canvas, { rows, columns, values }, table, { diverging = false, causal = false } = {}) {
  canvas.width = columns;
  canvas.height = rows;
  const context = canvas.getContext("2d");
  const image = context.createImageData(columns, rows);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const place = row * columns + column;
      const value = diverging ? (values[place] + 1) / 2 : values[place];
      const shade = Math.max(0, Math.min(SHADES - 1, Math.round(value * (SHADES - 1)))) * 3;
      image.data[place * 4] = table[shade];
      image.data[place * 4 + 1] = table[shade + 1];
      image.data[place * 4 + 2] = table[shade + 2];
      image.data[place * 4 + 3] = causal && column > row ? 0 : 255;
    }
  }
  context.putImageData(image, 0, 0);
}
