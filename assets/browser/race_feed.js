// What one race has said so far, by lane: a family, its curve, its result. While the race runs the route ./race/<run> is
// asked again and again, and no script runs. Stands behind format.js.
class RaceFeed {
  constructor(run, language, changed) {
    this.run = run;
    this.language = language;
    this.changed = changed; // called after every reply, with whether the race has just come to its end
    this.turn = 0; // only the newest question's answer counts
    this.next = 0; // bytes of the history that have been read
    this.lanes = new Map();
    this.head = null; // the last reply without its rows
    this.trouble = "";
    this.pending = 0; // until when a command may take to show an effect
    this.poll();
  }

  close() {
    this.turn += 1;
    clearTimeout(this.timer);
  }

  get lively() {
    return Boolean(this.head?.lively);
  }

  // Send a command and look at once, until it shows an effect.
  command(send) {
    this.before = this.head?.state;
    this.pending = performance.now() + 15_000;
    send();
    this.changed(false);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.poll(), 150);
  }

  async poll() {
    this.turn += 1;
    const { turn } = this;
    const were = this.lively;
    let wait = 3000;
    try {
      const reply = await fetch(`./race/${encodeURIComponent(this.run)}?have=${this.next}&lang=${this.language}`);
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
      if (this.head?.state !== this.before || performance.now() > this.pending) this.pending = 0;
      else wait = 200;
    }
    this.changed(were && !this.lively && !this.trouble);
    if (wait !== null) this.timer = setTimeout(() => this.poll(), document.hidden ? wait * 4 : wait);
  }

  take({ rows, reset, ...head }) {
    this.trouble = "";
    this.head = head;
    this.next = head.next;
    if (reset) this.lanes.clear();
    for (const family of head.families) {
      if (!this.lanes.has(family)) this.lanes.set(family, { state: "waiting", points: [], folds: [] });
    }
    for (const row of rows) this.takeRow(row);
  }

  takeRow(row) {
    const lane = this.lanes.get(row.family);
    if (!lane) return;
    if (row.kind === "family") {
      // One that was under way when the race was interrupted begins anew.
      if (row.state === "running") Object.assign(lane, { state: "running", points: [], folds: [], share: 0, budget: row.budget, result: null });
      else Object.assign(lane, { state: row.state, text: row.text });
    } else if (row.kind === "progress") {
      // Of a cross-validation the curve of the fold that is under way is drawn, at last that of all training texts.
      if (row.fold !== lane.fold) lane.points = [];
      lane.fold = row.fold;
      lane.share = row.share;
      lane.points.push({ seconds: row.seconds, accuracy: row.inner_accuracy });
    } else if (row.kind === "fold") lane.folds.push(row.accuracy);
    else if (row.kind === "result") Object.assign(lane, { state: "finished", share: 1, result: row });
  }
}
