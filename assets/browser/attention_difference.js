// The difference of two patterns. Stands behind attention_patterns.js.

// first - second over the rows and columns that both have; each is {columns, values}.
function subtracted(first, second, rows, columns) {
  const values = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      values[row * columns + column] = first.values[row * first.columns + column] - second.values[row * second.columns + column];
    }
  }
  return values;
}

// The same of two heads, small; null where both are known only as thumbnails of different shapes.
function smallDifference(first, second, layer, head) {
  const [whole, other] = [first.at(layer, head), second.at(layer, head)];
  const [rows, columns] = [Math.min(first.rows, second.rows), Math.min(first.columns, second.columns)];
  if (whole && other) return shrunk(subtracted({ ...first, values: whole }, { ...second, values: other }, rows, columns), rows, columns);
  const [a, b] = [first.thumbnail(layer, head), second.thumbnail(layer, head)];
  if (!a.values || !b.values || a.rows !== b.rows || a.columns !== b.columns) return null;
  return { ...a, values: subtracted(a, b, a.rows, a.columns) };
}
