// Home: the runs that are under way, without a script run. A click opens one through Streamlit, so the session stays.
const EVERY = 3000;

class Runs {
  constructor(root) {
    this.root = root;
    root.className = "t-runs";
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
    const key = JSON.stringify([this.runs, this.data.labels]);
    if (key === this.key) return;
    this.key = key;
    const { labels } = this.data;
    if (!this.runs.length) {
      this.root.replaceChildren(make("p", "t-quiet", labels.none));
      return;
    }
    this.root.replaceChildren(
      ...this.runs.map(({ run, name, state, step, steps, loss }) => {
        const link = make("a", "t-run", null, { href: `./train?run=${run}` });
        link.onclick = (event) => {
          if (event.ctrlKey || event.metaKey || event.shiftKey) return;
          event.preventDefault();
          this.open(run);
        };
        const bar = make("span", "t-bar");
        bar.append(make("span", "t-bar-done"));
        bar.firstChild.style.width = `${steps ? Math.min(100, (100 * step) / steps) : 0}%`;
        const progress = steps ? fill(labels.of, { a: number(step), b: number(steps) }) : number(step);
        link.append(
          make("span", "t-run-name", name),
          make("span", "t-run-state", labels.states[state]),
          make("span", "t-run-step", progress),
          make("span", "t-run-loss", loss === null ? "" : fill(labels.loss, { loss: number(loss) })),
          bar,
        );
        return link;
      }),
    );
  }

  close() {
    clearTimeout(this.timer);
  }
}

export default (component) => {
  document.documentElement.lang = component.data.language;
  return mounted(component, (host) => {
    host.append(make("div"));
    return new Runs(host.firstChild);
  });
};
