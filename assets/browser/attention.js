// The picture of the Attention page: one head large, all heads small, time under them. Layer, head and step are chosen
// here without a script run, and told to the page when they have come to rest. Stands behind format.js, chips.js,
// curve.js, takeaway.js and the other files that begin with attention.
const REST = 500; // milliseconds after the last move until the page is told
const PATIENCE = 120; // milliseconds before it says that it is working

const isSame = (a, b) => JSON.stringify(a) === JSON.stringify(b);
const within = (value, count) => Math.max(0, Math.min(count - 1, value));

class AttentionView {
  constructor(root) {
    this.root = root;
    this.title = make("p", "t-attention-title", "", { role: "status" });
    this.enter = make("button", "t-button", "", { type: "button" });
    this.enter.onclick = () => this.projector.enter();
    const head = make("div", "t-attention-head");
    head.append(this.title, this.enter);
    this.notes = make("p", "t-attention-notes");
    this.fault = make("p", "t-attention-fault", "", { role: "alert" });
    this.heat = make("div", "t-heat");
    this.map = new HeatMap(this.heat);
    const time = make("div", "t-time");
    this.time = new TimeLine(time, { to: (step) => this.go({ step }), settled: () => this.tell(), follow: (on) => this.follow(on) });
    this.stage = make("div", "t-attention-stage");
    this.stage.append(head, time, this.notes, this.fault, this.heat);
    const heads = make("div", "t-heads");
    this.caption = make("p", "t-heads-caption");
    heads.append(this.caption);
    this.grid = new HeadGrid(heads, (layer, head) => this.go({ layer, head }).then(() => this.tell()));
    const chooser = make("div", "t-window");
    this.chooser = new WindowChooser(chooser, (corner) => this.moveWindow(corner));
    const side = make("div", "t-attention-side");
    side.append(heads, chooser);
    this.body = make("div", "t-attention-body");
    this.body.append(this.stage, side);
    const foot = make("div");
    root.append(this.body, foot);
    this.files = new AttentionFiles(foot, this);
    this.follower = new Follower(this);
    this.projector = new Projector(root, this.stage, {
      move: (by) => this.moveBy(by),
      play: () => this.time.press(),
      changed: () => this.paint(),
    });
    this.observer = new ResizeObserver(() => this.paint());
    this.observer.observe(this.heat);
    this.corner = { row: 0, column: 0 };
    this.at = {};
    this.told = {};
    this.turn = 0;
    this.sent = null;
  }

  update({ data, setTriggerValue }) {
    this.trigger = setTriggerValue;
    const before = this.data;
    this.data = data;
    const { request } = data;
    const place = { part: request.part, layer: request.layer, head: request.head, step: request.step };
    const another = !before || before.request.run !== request.run;
    // What was chosen here and is still on its way to the page is not taken back by an answer to something older.
    const waits = this.sent !== null && data.heard !== this.sent.name && performance.now() < this.sent.until;
    const led = another || (!waits && request.step !== this.told.step); // whether the page has led to another step
    if (another || !waits) {
      for (const [name, value] of Object.entries(place)) if (another || value !== this.told[name]) this.at[name] = value;
      this.told = place;
    }
    if (another || data.steps.at(-1) >= this.steps.at(-1)) this.steps = data.steps;
    this.live = data.live;
    if (another) this.following = data.live;
    if (led && request.step !== this.steps.at(-1)) this.following = false;
    if (another || before.request.text !== request.text || before.request.source !== request.source) this.corner = { row: 0, column: 0 };
    this.say();
    this.show().then(() => this.begin(before));
    if (this.following) this.follower.start();
  }

  // What the page asked for with a button: play the steps from the start.
  begin(before) {
    if (!before || this.data.play === before.play) return;
    this.follow(false);
    this.time.play(true);
  }

  say() {
    const { words } = this.data;
    this.enter.textContent = words.projector;
    this.enter.title = words.keys_shown;
    this.caption.textContent = words.all_heads;
    this.projector.say(words);
  }

  // ---- what is shown

  request(at = this.at) {
    return { ...this.data.request, ...at, language: this.data.language };
  }

  // What is subtracted from it, in the view of differences.
  otherRequest(at = this.at) {
    const { other } = this.data;
    if (!other) return null;
    const same = this.request(at);
    if (other.against === "head") return { ...same, part: other.part, layer: other.layer, head: other.head };
    if (other.against === "step") return { ...same, step: other.step };
    return { ...same, text: other.text, source: other.source, tokens_off: [], source_tokens_off: [] };
  }

  requests(at) {
    return [this.request(at), this.otherRequest(at)].filter(Boolean);
  }

  // Show another head or step; resolves when it is drawn.
  async go(to) {
    this.at = { ...this.at, ...to };
    if (to.step !== undefined && to.step !== this.steps.at(-1)) this.following = false;
    await this.show();
  }

  async show() {
    const turn = ++this.turn;
    const requests = this.requests();
    let found = requests.map(known);
    if (!found.every(Boolean)) {
      const slow = setTimeout(() => this.wait(), PATIENCE);
      try {
        found = await Promise.all(requests.map(fetchPatterns));
      } catch (error) {
        if (turn === this.turn) this.refuse(error instanceof Refused ? error.message : "");
        return;
      } finally {
        clearTimeout(slow);
      }
      if (turn !== this.turn) return;
    }
    this.found = found;
    this.fault.textContent = "";
    this.root.classList.remove("t-stale");
    await this.paint();
    this.prefetch();
  }

  wait() {
    this.root.classList.add("t-stale");
    if (!this.found) this.title.textContent = this.data.words.loading;
  }

  refuse(sentence) {
    this.found = this.painted = null;
    this.root.classList.remove("t-stale");
    this.fault.textContent = sentence || this.data.words.lost;
    this.title.textContent = "";
    this.root.dataset.drawn = "refused";
    this.body.classList.add("t-attention-empty");
  }

  // The next step is fetched while this one is looked at.
  prefetch() {
    if (!this.time.playing) return;
    const next = this.steps[this.steps.indexOf(this.at.step) + 1];
    if (next !== undefined) this.requests({ ...this.at, step: next }).forEach((request) => fetchPatterns(request).catch(() => {}));
  }

  // ---- drawing

  async paint() {
    if (!this.found || !this.data) return;
    const { words, language, other } = this.data;
    const theme = themeOf(this.root, this.data.themes);
    const projector = this.projector.on;
    this.body.classList.remove("t-attention-empty");
    this.time.draw({ steps: this.steps, step: this.at.step, live: this.live, following: this.following, words });
    this.files.draw(theme);
    // What is there already stays as it is, also under the pointer.
    const stamp = [this.requests(), this.corner, Math.floor(this.heat.clientWidth), theme.colors.background, projector, projector && innerHeight, language];
    if (isSame(stamp, this.painted)) return;
    const [first, second] = this.found;
    const diverging = Boolean(second);
    const picture = this.pictured(first, second);
    const { values, queries, keys, causal } = picture;
    const size = { rows: queries.length, columns: keys.length };
    const measure = this.map.measure({ queries, keys, projector }, Math.floor(this.heat.clientWidth));
    const view = {
      row: Math.max(0, Math.min(this.corner.row, size.rows - measure.rows)), rows: measure.rows,
      column: Math.max(0, Math.min(this.corner.column, size.columns - measure.columns)), columns: measure.columns,
    };
    this.corner = { row: view.row, column: view.column };
    stamp[1] = this.corner;
    this.painted = stamp;
    this.title.textContent = this.sentence();
    this.notes.textContent = this.noted(first, second).join(" ");
    const tables = this.tables(theme);
    const isHeads = diverging && other.against === "head";
    this.grid.draw({
      layers: first.layers, heads: first.heads, words, causal,
      tile: (layer, head) => (isHeads || !second ? first.thumbnail(layer, head) : smallDifference(first, second, layer, head)),
      chosen: this.at, other: isHeads && other.part === this.at.part ? other : null,
      shades: isHeads || !second ? tables.shares : tables.differences, diverging: diverging && !isHeads,
    });
    this.chooser.draw({
      whole: shrunk(values, size.rows, size.columns), size, view, causal, diverging, words,
      shades: diverging ? tables.differences : tables.shares,
    });
    const label = `${this.sentence()}. ${this.strongest(picture)}`;
    const drawn = await this.map.draw({ ...picture, ...view, diverging, projector, label, theme, words });
    if (drawn) this.root.dataset.drawn = `${this.at.part}.${this.at.layer}.${this.at.head} ${this.at.step}`;
    else this.painted = null;
  }

  // The tables of colours of a look, made once.
  tables(theme) {
    if (this.tablesOf !== theme.colors) {
      this.tablesOf = theme.colors;
      this.made = {
        shares: shadesOf(colorStops(theme.colors.scale, false)), differences: shadesOf(colorStops(theme.colors.differences, true)),
      };
    }
    return this.made;
  }

  // The numbers and labels of the large picture. Of two texts the tokens that both have are compared.
  pictured(first, second) {
    const values = first.at(this.at.layer, this.at.head);
    const causal = first.part === "decoder";
    if (!second) return { values, queries: first.queries.map(visible), keys: first.keys.map(visible), causal };
    const { layer, head } = this.otherRequest();
    const [rows, columns] = [Math.min(first.rows, second.rows), Math.min(first.columns, second.columns)];
    const both = (name, count) =>
      first[name].slice(0, count).map((token, place) => (token === second[name][place] ? visible(token) : `${visible(token)}|${visible(second[name][place])}`));
    return {
      values: subtracted({ ...first, values }, { ...second, values: second.at(layer, head) }, rows, columns),
      queries: both("queries", rows), keys: both("keys", columns), causal: causal && second.part === "decoder",
    };
  }

  sentence() {
    const { words, other } = this.data;
    const name = (at) => fill(words.head_at, { part: words.parts[at.part], layer: at.layer, head: at.head, step: number(at.step) });
    if (!other) return name(this.at);
    const second = this.otherRequest();
    const minus = { head: name(second), step: fill(words.at_step, { step: number(second.step) }), text: words.second_text }[other.against];
    return fill(words.minus, { first: name(this.at), second: minus });
  }

  noted(first, second) {
    const { words } = this.data;
    const notes = [];
    if (first.left_out) notes.push(fill(words.left_out, { count: number(first.left_out), limit: number(first.rows) }));
    if (second && (first.rows !== second.rows || first.columns !== second.columns)) {
      const counts = { first: first.rows, second: second.rows, first_keys: first.columns, second_keys: second.columns, rows: Math.min(first.rows, second.rows), columns: Math.min(first.columns, second.columns) };
      notes.push(fill(words.shared, counts));
    }
    return notes;
  }

  // For those who do not see it: where most of the attention goes.
  strongest({ values, queries, keys }) {
    let most = 0;
    for (let place = 1; place < values.length; place++) if (Math.abs(values[place]) > Math.abs(values[most])) most = place;
    const [query, key] = [queries[Math.floor(most / keys.length)], keys[most % keys.length]];
    return fill(this.data.words.strongest, { query, key, share: number(values[most]) });
  }

  // ---- moving

  moveBy({ layer = 0, head = 0, steps = 0 }) {
    const [first] = this.found ?? [];
    if (!first) return;
    this.time.stop();
    const place = within(this.steps.indexOf(this.at.step) + steps, this.steps.length);
    this.go({
      layer: within(this.at.layer + layer, first.layers), head: within(this.at.head + head, first.heads), step: this.steps[place],
    }).then(() => this.tell());
  }

  moveWindow(corner) {
    this.corner = { ...this.corner, ...corner };
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => this.paint());
  }

  // The page learns where this has come to rest, so that its link and its other parts follow.
  tell() {
    clearTimeout(this.telling);
    this.telling = setTimeout(() => {
      const { part, layer, head, step } = this.at;
      if (this.time.playing || isSame(this.told, { part, layer, head, step })) return;
      const name = `${Date.now()}`;
      this.sent = { name, until: performance.now() + 5000 };
      this.told = { part, layer, head, step };
      this.trigger("moved", { name, run: this.data.request.run, part, layer, head, step });
    }, REST);
  }

  follow(on) {
    this.following = on;
    if (on) this.follower.start();
    else this.tell();
    this.paint();
  }

  close() {
    clearTimeout(this.telling);
    this.following = false;
    this.follower.stop();
    this.time.stop();
    this.observer.disconnect();
    this.projector.close();
    this.map.close();
  }
}

export default (component) => mounted(component, (host) => new AttentionView(host), "t-host t-attention");
