// What one race has said so far, by lane: a family, once more without augmentation where there is any; its curve, its
// result. While the race runs the route ./race/<run> is asked again and again, and no script runs. Stands behind format.js and polling.js.
class RaceFeed extends Polling {
  constructor(run, language, changed) {
    super();
    this.run = run;
    this.language = language;
    this.changed = changed; // called after every reply, with whether the race has just come to its end
    this.next = 0; // bytes of the history that have been read
    this.lanes = new Map();
    this.poll();
  }

  close() {
    this.turn += 1;
    clearTimeout(this.timer);
  }

  get address() {
    return `./race/${encodeURIComponent(this.run)}?have=${this.next}&lang=${this.language}`;
  }

  get lively() {
    return Boolean(this.head?.lively);
  }

  get standing() {
    return this.head?.state;
  }

  told() {
    this.changed(Boolean(this.was) && !this.lively && !this.trouble);
    this.was = this.lively;
  }

  take({ rows, reset, ...head }) {
    this.head = head;
    this.next = head.next;
    if (reset) this.lanes.clear();
    for (const lane of head.lanes) {
      if (!this.lanes.has(lane)) this.lanes.set(lane, { state: "waiting", points: [], folds: [] });
    }
    for (const row of rows) this.takeRow(row);
  }

  takeRow(row) {
    const lane = this.lanes.get(row.lane);
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
