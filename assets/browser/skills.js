// What a model can do, where the text knows what is right: how much of the gap to the floor is closed, and each skill.
const share = (value) => `${number(Math.round(value * 1000) / 10)} %`;

// From the n-gram, which only counts, to the entropy floor, below which nobody can go; and how far the model has come.
class Gap {
  constructor() {
    this.root = make("div", "t-gap");
    this.term = make("span", "t-gap-term");
    this.value = make("strong", "t-gap-value");
    this.track = make("div", "t-gap-track", null, { role: "img" });
    this.done = make("div", "t-gap-done");
    this.from = make("span");
    this.to = make("span");
    this.why = make("p", "t-quiet t-gap-why");
    const head = make("div", "t-gap-line");
    head.append(this.term, this.value);
    this.track.append(this.done);
    const ends = make("div", "t-gap-line t-quiet");
    ends.append(this.from, this.to);
    this.figure = make("div");
    this.figure.append(head, this.track, ends);
    this.root.append(this.figure, this.why);
  }

  draw(feed, labels) {
    const { ngram, floor } = feed.baselines;
    const known = ngram !== undefined && floor !== undefined && ngram > floor;
    const evaluations = feed.shown(feed.evaluations);
    const loss = evaluations.loss.at(-1);
    this.figure.hidden = !known || loss === undefined;
    // Only once it is certain: the floor of a text that has one comes with the run's first records.
    this.why.textContent = floor === undefined ? (feed.noFloor ?? labels.no_floor) : "";
    this.why.hidden = !this.why.textContent;
    if (this.figure.hidden) return;
    const closed = (ngram - loss) / (ngram - floor);
    const words = share(Math.max(0, closed));
    this.term.textContent = labels.gap;
    this.term.title = labels.meanings.gap;
    this.value.textContent = closed > 0 ? words : labels.not_yet;
    this.track.setAttribute("aria-label", fill(labels.gap_track, { share: words }));
    this.done.style.width = `${100 * Math.min(1, Math.max(0, closed))}%`;
    this.from.textContent = `${labels.ngram} ${number(ngram)}`;
    this.to.textContent = `${labels.floor} ${number(floor)}`;
    this.to.title = labels.meanings.floor;
  }
}

// A small line for each skill, from 0 to 100 %; nothing where the text does not know what is right.
class Skills {
  constructor(root, component) {
    this.root = root;
    root.className = "t-skills";
    this.title = make("h3", "t-title");
    this.grid = make("div", "t-skill-grid");
    root.replaceChildren(this.title, this.grid);
    this.cells = new Map();
    this.update(component);
  }

  update({ data }) {
    this.data = data;
    this.title.textContent = data.labels.skills_title;
    this.title.title = data.labels.meanings.skills;
    const feed = Feed.of(data.run, data.language);
    if (this.feed === feed) return this.draw();
    this.feed?.leave(this);
    this.feed = feed;
    this.cells.clear();
    this.grid.replaceChildren();
    feed.join(this);
  }

  close() {
    this.feed.leave(this);
  }

  draw() {
    const { feed } = this;
    const { step, measures } = feed.shown(feed.evaluations);
    const names = [...new Set(measures.flatMap((row) => Object.keys(row)))].sort();
    this.root.hidden = !names.length;
    const wanted = feed.pointed ?? Infinity;
    for (const name of names) this.drawSkill(name, step, measures, wanted);
  }

  drawSkill(name, step, measures, wanted) {
    const { labels } = this.data;
    const points = step.map((at, index) => [at, measures[index][name]]).filter(([, value]) => Number.isFinite(value));
    const [at, value] = points.findLast(([place]) => place <= wanted) ?? points[0];
    let cell = this.cells.get(name);
    if (!cell) {
      cell = { root: make("div", "t-skill"), term: make("span", "t-skill-name"), value: make("span", "t-skill-value"), plot: sketch() };
      cell.root.append(cell.term, cell.value, cell.plot.root);
      this.cells.set(name, cell);
      this.grid.append(cell.root);
    }
    const [title, meaning] = labels.skills[name] ?? [name.replace(/^skill\./, ""), ""];
    if (cell.term.textContent !== title) cell.term.textContent = title;
    cell.term.title = meaning;
    const words = share(value);
    if (cell.value.textContent !== words) cell.value.textContent = words;
    cell.plot.draw(points, Math.max(1, this.feed.head?.steps ?? this.feed.last), at);
    cell.plot.root.setAttribute("aria-label", `${title}: ${fill(labels.right, { share: words, step: number(at) })}`);
  }
}

// A line without axes: its box is 0 to 100 % high and as many steps wide as are planned.
function sketch() {
  const root = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  for (const [name, value] of Object.entries({ class: "t-sketch", viewBox: "0 0 100 30", preserveAspectRatio: "none", role: "img" })) root.setAttribute(name, value);
  const part = (tag, kind) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    element.setAttribute("class", kind);
    root.append(element);
    return element;
  };
  const edge = part("path", "t-sketch-edge");
  edge.setAttribute("d", "M0,0.5H100M0,29.5H100");
  const line = part("polyline", "t-sketch-line");
  const mark = part("path", "t-sketch-mark");
  return {
    root,
    draw(points, steps, marked) {
      const x = (at) => ((100 * at) / steps).toFixed(2);
      line.setAttribute("points", points.map(([at, value]) => `${x(at)},${(29.5 - 29 * value).toFixed(2)}`).join(" "));
      mark.setAttribute("d", `M${x(marked)},0V30`);
    },
  };
}

PARTS.skills = Skills;
