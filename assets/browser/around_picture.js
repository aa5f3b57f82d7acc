// What the picture of a run shows of other runs: those that it branched from, and those before which it waits.

// The nearest one first, each with the step where it was left. Each is asked for its curve up to there, and no longer.
class Before {
  constructor(changed) {
    this.changed = changed;
    this.shown = [];
  }

  follow(before, language) {
    const key = JSON.stringify([before, language]);
    if (key === this.key) return;
    this.leave();
    this.key = key;
    this.shown = (before ?? []).map(({ run, step }) => {
      const feed = Feed.of(run, language);
      const part = {
        draw: () => {
          if (feed.head && (!feed.lively || feed.last >= step)) feed.leave(part);
          this.changed();
        },
      };
      feed.join(part);
      return { feed, step, part };
    });
  }

  leave() {
    for (const { feed, part } of this.shown) feed.leave(part);
    this.shown = [];
    this.key = null;
  }
}

// While a run waits for its turn: its place, and what is under way before it.
class Queue {
  constructor(changed) {
    this.changed = changed;
    this.names = [];
  }

  said(head, labels) {
    if (!head?.place) {
      this.leave();
      return "";
    }
    this.watch();
    const place = fill(labels.covers.queued, { place: number(head.place), waiting: number(head.waiting) });
    return this.names.length ? `${place} ${fill(labels.before_it, { names: this.names.slice(0, 3).join(", ") })}` : place;
  }

  watch() {
    if (this.timer) return;
    this.timer = setInterval(() => this.ask(), 3000);
    this.ask();
  }

  async ask() {
    try {
      const { runs } = await (await fetch("./live")).json();
      this.names = runs.filter(({ state }) => state === "running" || state === "preparing").map(({ name }) => name);
    } catch {
      this.names = []; // the feed says that the server is away
    }
    if (this.timer) this.changed();
  }

  leave() {
    clearInterval(this.timer);
    this.timer = null;
  }
}
