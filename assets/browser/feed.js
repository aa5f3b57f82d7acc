// The parts of a live run that a page can place, by name: a class each, which enters itself here and draws from the feed
// that it joins.
const PARTS = {};

// What one run has said so far. All parts of a page that show the run share one feed, so it is fetched once.
const feeds = new Map();
const FEEDS_KEPT = 8; // those that nobody looks at any more: who goes back sees them at once
const LONGEST = 4000; // points kept of a curve; the server sends at most 2,000 at first, then what is new
const HEAVIEST = 240; // looks kept at the fixed text and at the layers, each a list of numbers
const LIVELY = new Set(["waiting", "preparing", "running"]);

class Feed {
  constructor(run, language) {
    this.run = run;
    this.language = language;
    this.parts = new Set();
    this.turn = 0; // only the newest question's answer counts, so that no row is taken twice
    this.clear();
  }

  static of(run, language) {
    const key = `${run} ${language}`;
    const feed = feeds.get(key) ?? new Feed(run, language);
    feeds.delete(key);
    feeds.set(key, feed); // the last one: the first were asked for longest ago
    const idle = [...feeds].filter(([, other]) => other !== feed && !other.parts.size && !other.polling);
    for (const [old] of idle.slice(0, -FEEDS_KEPT)) feeds.delete(old);
    return feed;
  }

  forget() {
    this.steps = { step: [], loss: [], smooth: [], rate: [], norm: [], speed: [] };
    this.evaluations = { step: [], loss: [], bits: [], measures: [] };
    this.samples = [];
    this.layers = { step: [], gradient: [], weight: [], update: [] }; // each a list of norms, by part
    this.layerNames = [];
    this.text = null; // the fixed text: its pieces, and the loss of each for one who only counts tokens
    this.textLosses = { step: [], losses: [] };
    this.opened = []; // steps that were taken singly, and can be looked into
    this.baselines = {};
    this.noFloor = null; // a sentence, where the worker has found that there is none
    this.next = 0; // bytes of the history that have been read
  }

  clear() {
    this.forget();
    this.head = null; // the last reply without its rows
    this.trouble = null; // a sentence, or null
    this.pending = null; // a command that was sent and has not shown an effect yet
    this.limit = Infinity; // a replay shows only what came up to this step
    this.pinned = feeds.size ? null : wholeIn("at"); // the step that is looked at; null follows the newest
    this.pointed = null; // the step under the pointer
    this.view = "whole";
    this.stepping = false; // a single step was asked for here
    this.lookInto = null; // the step that came of it, until it has been shown
    this.revision = 0;
  }

  join(part) {
    this.parts.add(part);
    if (!this.polling) this.poll();
    else if (this.head) part.draw();
  }

  leave(part) {
    this.parts.delete(part);
    // Parts of the next script run may join within moments: only a feed that nobody wants stops.
    setTimeout(() => {
      if (this.parts.size) return;
      clearTimeout(this.timer);
      cancelAnimationFrame(this.frame);
      this.polling = false;
      this.limit = Infinity;
    }, 500);
  }

  draw() {
    for (const part of this.parts) part.draw();
  }

  get lively() {
    return this.head !== null && LIVELY.has(this.head.state);
  }

  // Look at one step in all parts; null follows the newest.
  pin(step) {
    this.pinned = step;
    link("at", step);
    this.draw();
  }

  // Send a command and look often until it shows an effect. One that got lost, because the server was away, is sent
  // again; asking twice is asking once.
  command(name, send) {
    this.stepping = name === "step";
    const now = performance.now();
    this.pending = { command: name, state: this.head?.state, again: now + 3000, until: now + 20_000, send };
    send();
    clearTimeout(this.timer);
    this.draw();
    this.timer = setTimeout(() => this.poll(), 150);
  }

  async poll() {
    this.polling = true;
    this.turn += 1;
    const { turn } = this;
    let wait = 2000;
    try {
      const reply = await fetch(`./live/${encodeURIComponent(this.run)}?from=${this.next}&lang=${this.language}`);
      const head = await reply.json();
      if (turn !== this.turn) return;
      if (reply.ok) {
        this.trouble = null;
        this.take(head);
        // The first point is what everybody waits for.
        wait = this.lively && this.evaluations.step.length === 0 ? 150 : head.poll_milliseconds;
      } else {
        this.trouble = head.error;
        wait = reply.status === 404 ? null : 5000;
      }
    } catch {
      if (turn !== this.turn) return;
      this.trouble = "offline";
    }
    if (this.pending) {
      const now = performance.now();
      if (this.head?.state !== this.pending.state || now > this.pending.until) this.pending = null;
      else {
        wait = 200;
        if (now > this.pending.again && this.pending.command !== "step") {
          this.pending.again = now + 3000;
          this.pending.send();
        }
      }
    }
    this.draw();
    if (!this.parts.size) this.polling = false;
    else if (wait !== null) this.timer = setTimeout(() => this.poll(), document.hidden ? wait * 4 : wait);
  }

  take({ rows, samples, reset, ...head }) {
    if (reset && this.next > 0) this.forget();
    this.head = head;
    this.next = head.next;
    for (const row of rows) {
      if (row.resumed_at !== undefined) this.rewind(row.resumed_at);
      else if (row.kind === "step") this.takeStep(row);
      else if (row.kind === "evaluation") {
        this.evaluations.step.push(row.step);
        this.evaluations.loss.push(row.loss);
        this.evaluations.bits.push(row.bits_per_character);
        this.evaluations.measures.push(row.measures ?? {});
      } else if (row.kind === "layers") this.takeLayers(row);
      else if (row.kind === "fixed_text") this.text = row;
      else if (row.kind === "text") {
        this.textLosses.step.push(row.step);
        this.textLosses.losses.push(row.losses);
      } else if (row.kind === "opened") this.takeOpened(row.step);
      else if (row.kind === "no_floor") this.noFloor = row.text;
      else if (row.kind === "baseline") this.baselines[row.name] = row.loss;
    }
    this.samples.push(...samples);
    for (const [name, most] of [["steps", LONGEST], ["layers", HEAVIEST], ["textLosses", HEAVIEST]]) {
      if (this[name].step.length > most) this[name] = thinned(this[name]);
    }
  }

  takeStep(row) {
    const { step, loss, smooth, rate, norm, speed } = this.steps;
    const before = step.length - 1;
    const share = before < 0 ? 1 : shareOfNew(row.step, step[before], before + 1);
    step.push(row.step);
    loss.push(row.loss);
    smooth.push(before < 0 ? row.loss : smooth[before] + share * (row.loss - smooth[before]));
    rate.push(row.learning_rate);
    norm.push(row.gradient_norm);
    speed.push(row.tokens_per_second);
  }

  takeLayers(row) {
    this.layerNames = row.names;
    for (const [name, column] of Object.entries(this.layers)) column.push(row[name]);
  }

  // Who asked for a step wants to look into it.
  takeOpened(step) {
    this.opened = [...this.opened.filter((other) => other !== step), step];
    if (this.stepping) this.lookInto = step;
    this.stepping = false;
  }

  // A resumed run goes on from an earlier step: what came after it did not happen.
  rewind(last) {
    for (const columns of [this.steps, this.evaluations, this.layers, this.textLosses]) {
      const keep = columns.step.filter((step) => step <= last).length;
      for (const column of Object.values(columns)) column.length = keep;
    }
    this.samples = this.samples.filter((sample) => sample.step <= last);
    this.opened = this.opened.filter((step) => step <= last);
  }

  get last() {
    return this.steps.step.at(-1) ?? 0;
  }

  // Columns up to the step that a replay has reached.
  shown(columns) {
    if (this.limit === Infinity) return columns;
    const end = columns.step.filter((step) => step <= this.limit).length;
    return Object.fromEntries(Object.entries(columns).map(([name, column]) => [name, column.slice(0, end)]));
  }

  get shownSamples() {
    return this.samples.filter((sample) => sample.step <= this.limit);
  }

  // Draw the recorded run again from its start, quickly; learning is fastest first, so time runs slowest there.
  replay(milliseconds = 7000) {
    cancelAnimationFrame(this.frame);
    if (calm() || this.last === 0) return;
    const start = performance.now();
    let drawn = 0;
    this.pinned = null;
    this.limit = 0;
    const advance = (now) => {
      const time = (now - start) / milliseconds;
      if (time >= 1 || !this.parts.size) {
        this.limit = Infinity;
        this.draw();
        return;
      }
      if (now - drawn > 40) {
        this.limit = this.last * time ** 2.2;
        drawn = now;
        this.draw();
      }
      this.frame = requestAnimationFrame(advance);
    };
    this.frame = requestAnimationFrame(advance);
  }
}

// Every point of the newer half and every second one of the older half.
function thinned(columns) {
  const half = columns.step.length / 2;
  return Object.fromEntries(Object.entries(columns).map(([name, column]) => [name, column.filter((_, index) => index >= half || index % 2 === 0)]));
}
