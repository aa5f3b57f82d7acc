// What can be seen of a training beside its curve, one panel at a time: tabs in the browser, so that looking costs no
// script run. A panel is a class in a script of its own, which enters itself here; only the one on top draws.
const PANELS = {};

class Bench {
  constructor(root, component) {
    this.root = root;
    root.replaceChildren();
    root.className = "t-bench";
    this.tabs = make("div", "t-tabs", null, { role: "tablist" });
    this.stage = make("div", "t-panel", null, { role: "tabpanel" });
    this.panels = new Map();
    this.buttons = component.data.panels.map((name) => this.tab(name));
    this.tabs.append(...this.buttons);
    this.tabs.onkeydown = (event) => this.move(event);
    // For a class: the panel alone, in large letters, on the whole screen.
    this.large = make("button", "t-link t-large", null, { type: "button" });
    this.large.hidden = !document.fullscreenEnabled;
    this.large.onclick = () => (document.fullscreenElement ? document.exitFullscreen() : root.requestFullscreen());
    root.onfullscreenchange = () => this.update(this.component);
    const head = make("div", "t-bench-head");
    head.append(this.tabs, this.large);
    root.append(head, this.stage);
    const asked = linked("look");
    this.look = component.data.panels.includes(asked) ? asked : component.data.panels[0];
    this.update(component);
  }

  tab(name) {
    const button = make("button", "t-tab", null, { type: "button", role: "tab", "data-panel": name });
    button.onclick = () => this.show(name);
    return button;
  }

  move(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const { panels } = this.component.data;
    const next = (panels.indexOf(this.look) + step + panels.length) % panels.length;
    this.show(panels[next]);
    this.buttons[next].focus();
  }

  show(name) {
    this.look = name;
    this.update(this.component);
  }

  // Another part of the page points here.
  lookAt(name) {
    this.show(name);
    this.root.scrollIntoView({ behavior: calm() ? "auto" : "smooth" });
  }

  update(component) {
    this.component = component;
    const { data } = component;
    const feed = Feed.of(data.run, data.language);
    if (this.feed !== feed) {
      this.feed?.leave(this);
      this.feed = feed;
      feed.join(this);
    }
    this.tabs.setAttribute("aria-label", data.labels.bench);
    this.large.textContent = document.fullscreenElement === this.root ? data.labels.small : data.labels.large;
    // What a script run wrote into the address may be older than what is looked at.
    link("look", this.look === data.panels[0] ? null : this.look);
    link("at", feed.pinned);
    this.buttons.forEach((button, index) => {
      const name = data.panels[index];
      button.textContent = data.labels.panels[name];
      button.setAttribute("aria-selected", String(name === this.look));
      button.tabIndex = name === this.look ? 0 : -1;
    });
    this.stage.setAttribute("aria-label", data.labels.panels[this.look]);
    for (const [name, panel] of this.panels) {
      if (name === this.look) continue;
      panel.close();
      panel.root.remove();
      this.panels.delete(name);
    }
    const shown = this.panels.get(this.look);
    if (shown) return shown.update(component);
    const root = make("div");
    this.stage.append(root);
    this.panels.set(this.look, new PANELS[this.look](root, component));
  }

  draw() {
    if (this.feed.lookInto === null) return;
    this.feed.lookInto = null;
    if (this.look !== "opened") this.show("opened");
  }

  close() {
    this.feed.leave(this);
    for (const panel of this.panels.values()) panel.close();
  }
}

PARTS.bench = Bench;

// What all panels do: they join the feed of their run, and draw at most every `every` milliseconds, and once more when
// things have come to rest. What extends this has `build()` and `paint()`.
class Panel {
  every = 0;

  constructor(root, component) {
    this.root = root;
    this.data = component.data;
    this.painted = -Infinity;
    this.build();
    this.observer = new ResizeObserver(() => this.soon());
    this.observer.observe(root);
    this.update(component);
  }

  update({ data }) {
    const before = this.data;
    this.data = data;
    if (before.language !== data.language) this.build();
    const feed = Feed.of(data.run, data.language);
    if (this.feed === feed) return this.soon();
    this.feed?.leave(this);
    this.feed = feed;
    this.changed();
    feed.join(this);
    this.soon();
  }

  // Another run is looked at now.
  changed() {}

  get labels() {
    return this.data.labels;
  }

  get theme() {
    return themeOf(this.root, this.data.themes);
  }

  draw() {
    clearTimeout(this.timer);
    const wait = this.every - (performance.now() - this.painted);
    if (wait <= 0) this.soon();
    else this.timer = setTimeout(() => this.soon(), wait);
  }

  soon() {
    this.painted = performance.now();
    if (this.root.clientWidth && this.feed) this.paint();
  }

  close() {
    clearTimeout(this.timer);
    this.feed.leave(this);
    this.observer.disconnect();
  }

  // The step to look at among those that were recorded: the one under the pointer, the chosen one, or the newest.
  indexIn(steps) {
    const wanted = Math.min(this.feed.pointed ?? this.feed.pinned ?? Infinity, this.feed.limit);
    return Math.max(0, steps.findLastIndex((step) => step <= wanted));
  }
}

// A slider over recorded steps; at its right end it follows the newest.
class StepSlider {
  constructor(label, chosen) {
    this.root = make("input", "t-slider", null, { type: "range", min: 0, max: 0, step: 1, "aria-label": label });
    this.root.oninput = () => {
      const index = Number(this.root.value);
      chosen(index >= this.steps.length - 1 ? null : this.steps[index]);
    };
  }

  draw(steps, index, words) {
    this.steps = steps;
    this.root.hidden = steps.length < 2;
    this.root.max = String(Math.max(0, steps.length - 1));
    this.root.value = String(index);
    this.root.setAttribute("aria-valuetext", words);
  }
}
