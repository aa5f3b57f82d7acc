// What was measured of the heads of one run, and how a measuring stands. The table and the curves of a page share one
// feed, so it is fetched once; while it grows it is asked again and again, and no script runs. Stands behind format.js and
// polling.js.
const headFeeds = new Map();

class HeadFeed extends Polling {
  constructor(run, language) {
    super();
    this.run = run;
    this.language = language;
    this.parts = new Set();
    this.version = "";
    this.scores = {}; // part, score: columns over steps; a row of `mean` holds all heads, layer after layer
    this.shape = {}; // part: [layers, heads]
    this.losses = []; // [step, held-out loss]
  }

  static of(run, language) {
    const key = `${run} ${language}`;
    if (!headFeeds.has(key)) headFeeds.set(key, new HeadFeed(run, language));
    return headFeeds.get(key);
  }

  join(part) {
    this.parts.add(part);
    if (!this.polling) this.poll();
    else if (this.head) part.draw();
  }

  leave(part) {
    this.parts.delete(part);
    setTimeout(() => {
      if (this.parts.size) return;
      clearTimeout(this.timer);
      this.polling = false;
    }, 500);
  }

  told() {
    for (const part of this.parts) part.draw();
  }

  // The run that measures; "" while none is at it.
  get under() {
    const measuring = this.head?.measuring;
    return measuring?.lively ? measuring.run : "";
  }

  get address() {
    return `./heads/${encodeURIComponent(this.run)}?have=${this.version}&lang=${this.language}`;
  }

  get standing() {
    return this.under;
  }

  get wanted() {
    return this.parts.size > 0;
  }

  poll() {
    this.polling = true;
    return super.poll();
  }

  take({ scores, shape, losses, ...head }) {
    this.head = head;
    this.version = head.version;
    if (scores) Object.assign(this, { scores, shape });
    if (losses) this.losses = losses;
  }

  // All scores of a part at the measured step that is nearest: name to { step, mean, low, high, baseline, … }.
  at(part, step) {
    const found = {};
    for (const [name, columns] of Object.entries(this.scores[part] ?? {})) {
      const index = nearestIndex(columns.step, step);
      found[name] = Object.fromEntries(Object.entries(columns).map(([column, values]) => [column, values[index]]));
    }
    return found;
  }
}

function nearestIndex(steps, step) {
  let nearest = 0;
  steps.forEach((each, index) => {
    if (Math.abs(each - step) < Math.abs(steps[nearest] - step)) nearest = index;
  });
  return nearest;
}
