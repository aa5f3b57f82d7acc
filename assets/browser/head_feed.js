// What was measured of the heads of one run, and how a measuring stands. The table and the curves of a page share one
// feed, so it is fetched once; while it grows it is asked again and again, and no script runs. Stands behind format.js.
const headFeeds = new Map();

class HeadFeed {
  constructor(run, language) {
    this.run = run;
    this.language = language;
    this.parts = new Set();
    this.turn = 0; // only the newest question's answer counts
    this.version = "";
    this.scores = {}; // part, score: columns over steps; a row of `mean` holds all heads, layer after layer
    this.shape = {}; // part: [layers, heads]
    this.losses = []; // [step, held-out loss]
    this.head = null; // the last reply without its numbers
    this.trouble = "";
    this.pending = 0; // until when a command may take to show an effect
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

  draw() {
    for (const part of this.parts) part.draw();
  }

  // The page knows of other numbers, or of a command: look at once.
  ask() {
    clearTimeout(this.timer);
    this.poll();
  }

  command(send) {
    this.before = this.under;
    this.pending = performance.now() + 15_000;
    send();
    this.draw();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.poll(), 200);
  }

  // The run that measures; "" while none is at it.
  get under() {
    const measuring = this.head?.measuring;
    return measuring?.lively ? measuring.run : "";
  }

  async poll() {
    this.polling = true;
    this.turn += 1;
    const { turn } = this;
    let wait = 3000;
    try {
      const reply = await fetch(`./heads/${encodeURIComponent(this.run)}?have=${this.version}&lang=${this.language}`);
      const head = await reply.json();
      if (turn !== this.turn) return;
      if (reply.ok) {
        this.take(head);
        wait = head.poll_milliseconds;
      } else {
        this.trouble = head.error;
        wait = null;
      }
    } catch {
      if (turn !== this.turn) return;
      this.trouble = "offline";
    }
    if (this.pending) {
      if (this.under !== this.before || performance.now() > this.pending) this.pending = 0;
      else wait = 200;
    }
    this.draw();
    if (this.parts.size && wait !== null) this.timer = setTimeout(() => this.poll(), document.hidden ? wait * 4 : wait);
  }

  take({ scores, shape, losses, ...head }) {
    this.trouble = "";
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
