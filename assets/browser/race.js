// A race of classifiers: a lane for each family with its curve, and at last how good it is on the test part. Drawn from
// the feed, without a script run. Stands behind format.js, curve.js (for the theme) and race_feed.js.
const SVG = "http://www.w3.org/2000/svg";
const shares = (share, digits = 1) => `${(100 * share).toFixed(digits)} %`;

class Race {
  constructor(root) {
    this.root = root;
    root.className = "t-host t-race";
    this.said = make("p", "t-race-said", null, { role: "status" });
    this.actions = make("div", "t-actions");
    const row = make("div", "t-row");
    row.append(this.said, this.actions);
    this.bar = make("span", "t-bar");
    this.bar.append(make("span", "t-bar-done"));
    this.scroller = make("div", "t-race-scroll", null, { tabindex: 0, role: "region" });
    this.table = make("table", "t-race-table");
    this.scroller.append(this.table);
    root.append(row, this.bar, this.scroller);
    this.rows = new Map();
  }

  update({ data, setTriggerValue }) {
    this.trigger = setTriggerValue;
    const { run, language } = data;
    const other = this.data && (this.data.run !== run || this.data.language !== language);
    this.data = data;
    if (other) {
      this.feed.close();
      this.feed = null;
    }
    this.drawHead();
    this.feed ??= new RaceFeed(run, language, (over) => {
      this.draw();
      // The panels below show what the race has come to: the one script run that it costs.
      if (over) this.trigger("over", { run, at: Date.now() });
    });
    this.draw();
  }

  close() {
    this.feed.close();
  }

  drawHead() {
    const { labels } = this.data;
    this.scroller.setAttribute("aria-label", labels.lanes);
    const names = make("tr");
    for (const name of ["family", "curve", "accuracy", "macro_f1", "time"]) {
      names.append(make("th", `t-race-${name}`, labels.columns[name][0], { scope: "col", title: labels.columns[name][1] }));
    }
    const head = make("thead");
    head.append(names);
    this.body = make("tbody");
    this.table.replaceChildren(make("caption", "", labels.caption), head, this.body);
    this.rows.clear();
  }

  draw() {
    const { feed } = this;
    this.root.dataset.state = feed.head?.state ?? "";
    const words = this.words();
    if (this.said.textContent !== words) this.said.textContent = words;
    this.bar.hidden = !feed.lively;
    this.bar.firstChild.style.width = `${100 * Math.min(1, feed.head?.progress ?? 0)}%`;
    this.drawButtons();
    const scale = this.scale();
    const dark = themeOf(this.root, { light: false, dark: true });
    for (const [family, lane] of feed.lanes) {
      if (!this.rows.has(family)) this.addRow(family, dark);
      this.drawRow(this.rows.get(family), lane, scale);
    }
  }

  words() {
    const { feed, data: { labels } } = this;
    const { head } = feed;
    if (feed.trouble) return feed.trouble === "offline" ? labels.offline : feed.trouble;
    if (feed.pending) return labels.pending;
    if (!head) return labels.asking;
    // A family may run in two lanes, with augmentation and without.
    const over = new Map();
    for (const [lane, { state }] of feed.lanes) {
      const [family] = lane.split(".");
      over.set(family, (over.get(family) ?? true) && (state === "finished" || state === "failed"));
    }
    const values = {
      done: [...over.values()].filter(Boolean).length,
      all: over.size,
      time: duration(head.lively ? head.remaining : head.seconds, labels),
    };
    if (head.state === "running") return fill(labels.running, values);
    return [head.message, fill(labels.states[head.state], values)].filter(Boolean).join(" ");
  }

  // Only when another button is due: it must not be replaced under the pointer.
  drawButtons() {
    const { feed, data } = this;
    const { state } = feed.head ?? {};
    const command = !data.controls || !state ? null : feed.lively ? "stop" : state === "finished" ? null : "resume";
    const key = `${command} ${Boolean(feed.pending)} ${data.language}`;
    if (key === this.shownButtons) return;
    this.shownButtons = key;
    if (!command) return this.actions.replaceChildren();
    const button = make("button", "t-button", data.labels[command], { type: "button" });
    button.disabled = Boolean(feed.pending);
    button.onclick = () => feed.command(() => this.trigger("command", { command, run: data.run, at: Date.now() }));
    this.actions.replaceChildren(button);
  }

  // One scale for the curves of all lanes and one for their results: from the lowest, in steps of a tenth, to 1. A result
  // that is no better than guessing stands at the left end: it would press the others together at the right.
  scale() {
    const lanes = [...this.feed.lanes.values()];
    const points = lanes.flatMap((lane) => lane.points);
    const guessing = this.feed.lanes.get("majority")?.result?.accuracy_high ?? 0;
    const better = lanes.filter(({ result }) => result && result.accuracy > guessing).map(({ result }) => result.accuracy_low);
    const tenth = (share) => Math.max(0, Math.floor(share * 10 - 0.2) / 10);
    return {
      curve: tenth(Math.min(0.9, ...points.filter(({ accuracy }) => accuracy !== null).map(({ accuracy }) => accuracy))),
      longest: Math.max(0.5, ...points.map(({ seconds }) => seconds)),
      low: tenth(Math.min(0.9, ...better)),
    };
  }

  addRow(family, dark) {
    const look = this.data.looks[family];
    const row = make("tr", "t-race-lane", null, { "data-family": family });
    row.style.setProperty("--lane", dark ? look.dark : look.light);
    const name = make("th", "t-race-family", null, { scope: "row", title: look.meaning });
    name.append(make("span", "t-race-sign", look.glyph, { "aria-hidden": "true" }), make("span", "", look.title));
    const state = make("small");
    name.append(...(look.note ? [make("small", "t-race-note", look.note)] : []), state);
    const curve = make("td", "t-race-curve");
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", "0 0 100 30");
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("role", "img");
    const line = document.createElementNS(SVG, "polyline");
    svg.append(line);
    const end = make("span", "t-race-end");
    const plot = make("div", "t-race-plot");
    plot.append(svg, end);
    const bar = make("span", "t-race-share");
    bar.append(make("span"));
    curve.append(plot, bar);
    const cells = ["accuracy", "macro_f1", "time"].map((each) => make("td", `t-race-${each}`));
    row.append(name, curve, ...cells);
    this.body.append(row);
    this.rows.set(family, { row, state, plot, svg, line, end, bar, cells });
  }

  drawRow({ row, state, plot, svg, line, end, bar, cells }, lane, scale) {
    const { labels } = this.data;
    const { head } = this.feed;
    const cut = lane.state === "running" ? "cut" : "stopped"; // what a race that rests has not come to the end of
    const shown = ["finished", "failed"].includes(lane.state) || head.lively ? lane.state : cut;
    row.dataset.state = shown;
    const said = lane.state === "failed" ? lane.text : this.saidOf(lane, shown);
    if (state.textContent !== said) state.textContent = said;
    const points = lane.points.filter(({ accuracy }) => accuracy !== null);
    plot.hidden = !points.length;
    const last = points.at(-1);
    if (last) {
      svg.setAttribute("aria-label", fill(labels.curve, { share: shares(last.accuracy), time: duration(last.seconds, labels) }));
      const places = points.map(({ seconds, accuracy }) => [
        (100 * seconds) / scale.longest,
        29 - (28 * (accuracy - scale.curve)) / (1 - scale.curve),
      ]);
      line.setAttribute("points", places.map(([x, y]) => `${x.toFixed(2)},${y.toFixed(2)}`).join(" "));
      const [x, y] = places.at(-1);
      end.style.left = `${x}%`;
      end.style.top = `${(100 * y) / 30}%`;
    }
    bar.hidden = shown !== "running";
    bar.firstChild.style.width = `${100 * (lane.share ?? 0)}%`;
    this.drawFigures(cells, lane, scale);
  }

  saidOf(lane, shown) {
    const { labels } = this.data;
    if (shown !== "running") return shown === "finished" && !lane.folds.length ? "" : this.foldsOr(lane, labels.lane[shown]);
    const last = lane.points.at(-1);
    const accuracy = last?.accuracy;
    return accuracy === null || accuracy === undefined ? labels.lane.running : fill(labels.lane.learning, { share: shares(accuracy) });
  }

  foldsOr({ result, folds }, words) {
    const found = result?.folds?.accuracy;
    if (!found) return folds.length ? fill(this.data.labels.fold, { done: folds.length }) : words;
    return fill(this.data.labels.folds, { mean: shares(found.mean), spread: (100 * found.deviation).toFixed(1), count: found.folds.length });
  }

  drawFigures([accuracy, f1, time], { result, points, state }, { low }) {
    const { labels } = this.data;
    const seconds = result?.seconds ?? (state === "running" ? points.at(-1)?.seconds : undefined);
    time.textContent = seconds === undefined ? "" : fill(labels.tenths, { s: seconds.toFixed(1) });
    f1.textContent = result ? shares(result.macro_f1) : "";
    if (!result) return accuracy.replaceChildren();
    if (accuracy.dataset.drawn === `${result.accuracy} ${low}`) return;
    accuracy.dataset.drawn = `${result.accuracy} ${low}`;
    const track = make("span", "t-race-track");
    const at = (share) => `${(100 * Math.max(0, share - low)) / (1 - low)}%`;
    const span = make("span", "t-race-interval");
    span.style.left = at(result.accuracy_low);
    span.style.right = `calc(100% - ${at(result.accuracy_high)})`;
    const dot = make("span", "t-race-dot");
    dot.style.left = at(result.accuracy);
    track.append(span, dot);
    const spread = `${(100 * result.accuracy_low).toFixed(1)}–${shares(result.accuracy_high)}`;
    accuracy.replaceChildren(make("span", "", shares(result.accuracy)), make("small", "", spread), track);
  }
}

export default (component) => mounted(component, (host) => new Race(host));
