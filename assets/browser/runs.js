// Home: the runs that are under way, without a script run. A click opens one through Streamlit, so the session stays.
const EVERY = 3000;

class Runs {
  constructor(root) {
    this.root = root;
    root.className = "t-runs";
    this.lines = new Map();
    this.none = make("p", "t-quiet");
    this.poll();
  }

  update({ data, setTriggerValue }) {
    this.data = data;
    this.open = (run) => setTriggerValue("open", run);
    this.draw();
  }

  async poll() {
    try {
      this.runs = (await (await fetch("./live")).json()).runs;
      this.draw();
    } catch {
      // The server is away; the list stays as it was.
    }
    if (!this.root.isConnected) return; // nobody sees it any more
    this.timer = setTimeout(() => this.poll(), document.hidden ? 4 * EVERY : EVERY);
  }

  draw() {
    if (!this.data || !this.runs) return;
    const { labels } = this.data;
    if (this.none.textContent !== labels.none) this.none.textContent = labels.none;
    if (this.runs.length) this.none.remove();
    else this.root.append(this.none);
    const stay = new Set(this.runs.map(({ run }) => run));
    for (const [run, line] of this.lines) {
      if (stay.has(run)) continue;
      line.link.remove();
      this.lines.delete(run);
    }
    this.runs.forEach((row, place) => {
      let line = this.lines.get(row.run);
      if (!line) {
        line = new Line(this, row.run);
        this.lines.set(row.run, line);
      }
      line.draw(row, labels);
      // Only a line that stands elsewhere is moved: none may go from under the pointer.
      if (this.root.children[place] !== line.link) this.root.insertBefore(line.link, this.root.children[place] ?? null);
    });
  }

  close() {
    clearTimeout(this.timer);
  }
}

class Line {
  constructor(list, run) {
    this.link = make("a", "t-run");
    this.link.onclick = (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      list.open(run);
    };
    this.parts = ["name", "state", "step", "loss"].map((part) => make("span", `t-run-${part}`));
    this.bar = make("span", "t-bar");
    this.bar.append(make("span", "t-bar-done"));
    this.link.append(...this.parts, this.bar);
  }

  draw({ href, name, kind, state, place, step, steps, progress, loss }, labels) {
    this.link.setAttribute("href", href);
    const standing = place ? fill(labels.place, { place: number(place) }) : labels.states[state];
    const far = steps ? fill(labels.of, { a: number(step), b: number(steps) }) : step ? number(step) : progress ? `${Math.round(100 * progress)} %` : "";
    const texts = [name, [labels.kinds[kind], standing].filter(Boolean).join(" · "), far, loss === null ? "" : fill(labels.loss, { loss: number(loss) })];
    texts.forEach((text, index) => {
      if (this.parts[index].textContent !== text) this.parts[index].textContent = text;
    });
    this.bar.firstChild.style.width = `${100 * Math.min(1, steps ? step / steps : (progress ?? 0))}%`;
  }
}

export default (component) => {
  document.documentElement.lang = component.data.language;
  return mounted(component, (host) => {
    host.append(make("div"));
    return new Runs(host.firstChild);
  });
};
