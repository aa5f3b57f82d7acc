// What heads look at, fetched from the route `./patterns` and kept, so that going back and forth asks for nothing.
// Stands behind format.js.
const MOST_KEPT = 96_000_000; // bytes of numbers

const kept = new Map(); // identity to Patterns, the one that was used last at the end
const asking = new Map(); // identity to promise

// All heads of one part of a model at one step, looking at one text: each exact, or those that were asked for and
// thumbnails of the others.
class Patterns {
  constructor({ all, thumbnails, pattern, ...rest }) {
    Object.assign(this, rest);
    this.exact = new Map();
  }

  take({ all, thumbnails, pattern }, layer, head) {
    const { rows, columns } = this;
    if (all) {
      const numbers = floats(all);
      const size = rows * columns;
      for (let place = 0; place < this.layers * this.heads; place++) {
        this.exact.set(place, numbers.subarray(place * size, (place + 1) * size));
      }
    }
    if (thumbnails) this.thumbnails = { ...thumbnails, values: bytes(thumbnails.values) };
    if (pattern) this.exact.set(layer * this.heads + head, floats(pattern));
  }

  // (rows × columns) shares between 0 and 1, row by row; undefined where they have not been fetched.
  at(layer, head) {
    return this.exact.get(layer * this.heads + head);
  }

  // The same small, as {rows, columns, values}: as it is while it is small, else the largest of each block.
  thumbnail(layer, head) {
    const whole = this.at(layer, head);
    if (this.thumbnails) {
      const { rows, columns, values } = this.thumbnails;
      const size = rows * columns;
      const place = layer * this.heads + head;
      return { rows, columns, values: Float32Array.from(values.subarray(place * size, (place + 1) * size), (value) => value / 255) };
    }
    return shrunk(whole, this.rows, this.columns);
  }

  get size() {
    let sum = this.thumbnails?.values.byteLength ?? 0;
    for (const numbers of this.exact.values()) sum += numbers.byteLength;
    return sum;
  }
}

const THUMBNAIL = 48;

function shrunk(values, rows, columns) {
  if (Math.max(rows, columns) <= THUMBNAIL) return { rows, columns, values };
  const [high, wide] = [Math.ceil(rows / THUMBNAIL), Math.ceil(columns / THUMBNAIL)];
  const small = { rows: Math.ceil(rows / high), columns: Math.ceil(columns / wide) };
  small.values = new Float32Array(small.rows * small.columns);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const place = Math.floor(row / high) * small.columns + Math.floor(column / wide);
      const value = values[row * columns + column];
      if (Math.abs(value) > Math.abs(small.values[place])) small.values[place] = value;
    }
  }
  return small;
}

function bytes(text) {
  const signs = atob(text);
  const found = new Uint8Array(signs.length);
  for (let place = 0; place < signs.length; place++) found[place] = signs.charCodeAt(place);
  return found;
}

const floats = (text) => new Float32Array(bytes(text).buffer);

// A request names the part, and the head that must be exact; what else it names decides which patterns it means.
const identityOf = ({ layer, head, have, grid, language, ...rest }) => JSON.stringify(rest);

function known(request) {
  const found = kept.get(identityOf(request));
  return found?.at(request.layer, request.head) ? found : undefined;
}

// The patterns of a request, asked for at most once at a time. Throws an Error with a sentence when there are none.
async function fetchPatterns(request) {
  const identity = identityOf(request);
  const found = known(request);
  if (found) {
    kept.delete(identity);
    kept.set(identity, found);
    return found;
  }
  const question = JSON.stringify({ ...request, grid: !kept.get(identity)?.thumbnails });
  if (!asking.has(question)) {
    const answer = ask(question).then((reply) => keep(request, reply));
    asking.set(question, answer);
    const forget = () => asking.delete(question);
    answer.then(forget, forget);
  }
  return asking.get(question);
}

function keep(request, reply) {
  const identity = identityOf({ ...request, step: reply.step });
  const found = kept.get(identity) ?? new Patterns(reply);
  found.take(reply, request.layer, request.head);
  kept.delete(identity);
  kept.set(identity, found);
  let sum = 0;
  for (const each of kept.values()) sum += each.size;
  for (const [oldest, each] of kept) {
    if (sum <= MOST_KEPT || oldest === identity) break;
    sum -= each.size;
    kept.delete(oldest);
  }
  return found;
}

class Refused extends Error {}

async function ask(question) {
  const reply = await fetch("./patterns", { method: "POST", headers: { "Content-Type": "application/json" }, body: question });
  const found = await reply.json().catch(() => ({}));
  if (!reply.ok) throw new Refused(found.error ?? "");
  return found;
}

// Whether a run has kept a newer step than the one that is there, and how it stands.
async function askNewest(request, have) {
  const reply = await ask(JSON.stringify({ ...request, step: null, have, grid: true }));
  if (reply.part) keep(request, reply);
  return reply;
}
