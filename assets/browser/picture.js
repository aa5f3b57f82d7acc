// The picture of a live run: its loss curve, how it stands, and the buttons that steer it.
class Picture {
  constructor(root, component) {
    this.root = root;
    this.build(component.data);
    this.update(component);
  }

  build(data) {
    this.root.replaceChildren();
    this.root.className = "t-live";
    this.plot = make("div", "t-plot", null, { role: "img", "aria-label": data.labels.picture });
    this.cover = make("div", "t-cover");
    const stage = make("div", "t-stage");
    stage.append(this.plot, this.cover);
    this.bar = make("div", "t-bar");
    this.bar.append(make("div", "t-bar-done"));
    this.facts = make("dl", "t-facts");
    this.gap = new Gap();
    this.state = make("span", "t-state");
    this.state.setAttribute("role", "status");
    this.actions = make("div", "t-actions");
    const row = make("div", "t-row");
    row.append(this.state, this.actions);
    this.message = make("p", "t-message");
    this.into = make("button", "t-link", null, { type: "button" });
    this.into.onclick = () => this.feed.parts.forEach((part) => part.lookAt?.("opened"));
    this.axes = new AxesSwitch(() => this.feed.draw());
    this.before = new Before(() => this.drawPlot());
    this.queue = new Queue(() => this.drawState());
    this.root.append(stage, this.bar, row, this.facts, this.gap.root, this.into, this.axes.root, this.message);
  }

  update({ data, setTriggerValue }) {
    this.data = data;
    this.trigger = setTriggerValue;
    this.axes.update(data.labels);
    this.before.follow(data.before, data.language);
    const feed = Feed.of(data.run, data.language);
    if (this.feed !== feed) {
      this.feed?.leave(this);
      this.feed = feed;
      this.mayReplay = data.replay;
      this.buttonsShown = null;
      feed.join(this);
    } else this.draw();
  }

  send(command) {
    const { run } = this.data;
    this.feed.command(command, () => this.trigger("command", { run, command, at: Date.now() }));
  }

  // The page answers with a form, not the run with another state.
  branch() {
    this.trigger("command", { run: this.data.run, command: "branch", step: this.feed.pinned, at: Date.now() });
  }

  close() {
    this.feed.leave(this);
    this.before.leave();
    this.queue.leave();
    this.observer?.disconnect();
    window.Plotly?.purge(this.plot);
  }

  draw() {
    const { feed } = this;
    if (this.mayReplay && feed.head && !feed.lively && feed.last) {
      this.mayReplay = false;
      feed.replay();
    }
    this.drawState();
    this.drawFacts();
    this.gap.draw(this.feed, this.data.labels);
    this.drawButtons();
    this.drawPlot();
  }

  drawState() {
    const { feed } = this;
    const { head, trouble, pending } = feed;
    const { labels } = this.data;
    const state = head?.state ?? "preparing";
    this.into.hidden = !(state === "paused" && feed.opened.includes(head.step));
    this.into.textContent = fill(labels.look_into, { step: number(head?.step) });
    this.root.dataset.run = this.feed.run;
    this.root.dataset.state = state;
    this.root.dataset.points = String(this.feed.steps.step.length + this.feed.evaluations.step.length);
    this.state.textContent = pending ? labels.pending[pending.command] : labels.states[head?.place ? "queued" : state];
    const queued = this.queue.said(head, labels);
    const said = head?.message || (feed.last ? queued : ""); // before the first point, the cover has its place
    this.message.textContent = trouble === "offline" ? labels.offline : (trouble ?? said);
    const timed = head?.remaining ? head.seconds / (head.seconds + head.remaining) : null;
    const done = state === "preparing" ? head?.progress : head?.steps ? head.step / head.steps : timed;
    const shown = this.feed.limit === Infinity ? done : this.feed.limit / (this.feed.last || 1);
    this.bar.firstChild.style.width = `${100 * Math.min(1, shown ?? 0)}%`;
    this.cover.hidden = this.root.dataset.points !== "0";
    if (!this.cover.hidden) {
      const share = this.feed.lively && head.progress ? ` ${Math.round(100 * head.progress)} %` : "";
      this.cover.textContent = (queued || (labels.covers[state] ?? "")) + share;
    }
  }

  drawFacts() {
    const { feed } = this;
    const { labels } = this.data;
    const head = feed.head ?? {};
    const evaluations = feed.shown(feed.evaluations);
    const at = feed.limit === Infinity ? head.step : Math.round(feed.limit);
    const facts = [
      ["step", head.steps ? fill(labels.of, { a: number(at ?? 0), b: number(head.steps) }) : number(at)],
      ["held_out_loss", number(evaluations.loss.at(-1))],
    ];
    // What fills in hidden tokens writes no text whose characters could be counted.
    if (evaluations.bits.at(-1) !== null) facts.push(["bits", number(evaluations.bits.at(-1))]);
    const accuracy = evaluations.measures.at(-1)?.accuracy;
    if (accuracy !== undefined) facts.push(["accuracy", share(accuracy)]);
    if (feed.lively) {
      facts.push(["speed", number(head.tokens_per_second ?? feed.steps.speed.at(-1))]);
      facts.push(["remaining", duration(head.remaining, labels)]);
    } else facts.push(["trained", duration(head.seconds, labels)]);
    if (this.facts.children.length !== facts.length) {
      this.facts.replaceChildren(
        ...facts.map(() => {
          const fact = make("div");
          fact.append(make("dt"), make("dd"));
          return fact;
        }),
      );
    }
    facts.forEach(([name, value], index) => {
      const [term, text] = this.facts.children[index].children;
      if (term.textContent !== labels[name]) {
        term.textContent = labels[name];
        term.title = labels.meanings[name] ?? "";
      }
      if (text.textContent !== value) text.textContent = value;
    });
  }

  // Only when another set of buttons is due: a button must not be replaced under the pointer.
  drawButtons() {
    const { feed, data } = this;
    const state = feed.head?.state;
    const busy = Boolean(feed.pending);
    const key = `${state} ${busy} ${feed.limit === Infinity} ${feed.last > 0} ${data.controls} ${data.branches} ${data.language}`;
    if (key === this.buttonsShown) return;
    this.buttonsShown = key;
    const buttons = [];
    const button = (label, action, primary = false) => {
      const element = make("button", primary ? "t-button t-primary" : "t-button", label, { type: "button" });
      element.disabled = busy;
      element.onclick = action;
      buttons.push(element);
      return element;
    };
    const { labels } = data;
    if (data.controls) {
      if (state === "running" || state === "preparing" || state === "waiting") button(labels.pause, () => this.send("pause"));
      if (["paused", "stopped", "interrupted", "failed"].includes(state)) button(labels.resume, () => this.send("resume"), true);
      if (state === "paused" && feed.last) button(labels.one_step, () => this.send("step"));
      if (["running", "preparing", "waiting", "paused", "stalled"].includes(state)) button(labels.stop, () => this.send("stop"));
    }
    if (data.branches && feed.last) button(labels.branch, () => this.branch());
    if (state && !feed.lively && feed.last > 1 && !calm()) {
      const playing = feed.limit !== Infinity;
      button(playing ? labels.end_replay : labels.replay, () => (playing ? feed.replay(0) : feed.replay()));
    }
    this.actions.replaceChildren(...buttons);
  }

  async drawPlot() {
    const { feed, data, plot } = this;
    const library = await plotly();
    const width = plot.clientWidth;
    if (!width || feed !== this.feed) return;
    const theme = themeOf(plot, data.themes);
    const [traces, layout] = lossFigure(feed, theme, data.labels, width, width < 560 ? 320 : 430, this.before.shown);
    await library.react(plot, traces, layout, CONFIG);
    this.root.dataset.drawn = `${feed.run} ${traces[1].x.length + traces[2].x.length}`;
    if (this.observer) return;
    this.observer = new ResizeObserver(() => this.drawPlot());
    this.observer.observe(plot);
    plot.on("plotly_hover", ({ points }) => this.point(points[0].x));
    plot.on("plotly_unhover", () => this.point(null));
    plot.on("plotly_click", ({ points }) => this.feed.pin(points[0].x));
  }

  point(step) {
    this.feed.pointed = step;
    this.feed.draw();
  }
}

PARTS.picture = Picture;
