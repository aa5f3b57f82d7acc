// Many texts of one prompt, as they end, and how varied they are. Stands behind generated.js and generated_files.js.
const TILES = ["distinct_1", "distinct_2", "distinct_3", "repeated", "copied", "different", "length", "perplexity"];
const SHARES = ["distinct_1", "distinct_2", "distinct_3", "repeated", "copied"];

class ManySamples extends Generated {
  constructor(root) {
    super(root);
    this.bar = make("div", "t-bar");
    this.done = make("span", "t-bar-done");
    this.bar.append(this.done);
    this.tiles = make("dl", "t-facts t-gen-tiles");
    this.note = make("p", "t-gen-said");
    this.list = make("ol", "t-gen-samples");
    this.whole = make("div");
    this.whole.append(this.bar, this.tiles, this.note, this.list);
  }

  reset() {
    this.samples = [];
    this.measures = null;
    this.progress = 0;
  }

  async work(follow) {
    this.reset();
    await follow(this.data.url, this.data.request, (part) => {
      if (part.prompt) this.prompt = part.prompt.join("");
      if (part.progress) this.progress = part.progress;
      if (part.sample) this.samples.push(part.sample);
      if (part.measures) this.measures = part.measures;
    });
  }

  tell() {
    const { words, data } = this;
    const values = { done: this.samples.length, count: data.count, tokens: number(this.progress) };
    if (this.stopped) return fill(words.stopped_after, values);
    if (this.over) return fill(words.over, values);
    return this.progress ? fill(words.writing, values) : null;
  }

  files() {
    return [csvButton(this)];
  }

  ordered() {
    return [...this.samples].sort((one, other) => one.row - other.row);
  }

  table() {
    return this.ordered().map((one) => [this.data.seed + one.row, one.tokens, String(one.ended), one.perplexity, one.repeated, one.copied, one.text]);
  }

  draw() {
    if (!this.whole.isConnected) this.stage.replaceChildren(this.whole);
    const share = this.over ? 1 : Math.max(this.samples.length / this.data.count, Math.min(0.98, this.progress / (this.data.count * this.data.tokens)));
    this.done.style.width = `${(100 * share).toFixed(1)}%`;
    this.bar.hidden = this.over;
    const key = JSON.stringify([this.samples.length, this.measures, this.words, this.over]);
    if (key === this.shown) return;
    this.shown = key;
    this.drawTiles();
    this.list.setAttribute("aria-label", this.data.label);
    this.list.replaceChildren(this.heads(), ...this.ordered().map((one) => this.row(one)));
  }

  drawTiles() {
    const { words, measures } = this;
    const tiles = TILES.filter((name) => name !== "copied" || measures?.copied !== null).map((name) => {
      const tile = make("div");
      const value = measures?.[name];
      const said = value === null || value === undefined ? "–" : SHARES.includes(name) ? percent(value) : number(value);
      tile.append(make("dt", "", words[name], { title: words[`${name.replace(/_\d$/, "")}_why`] }), make("dd", "", said));
      return tile;
    });
    this.tiles.replaceChildren(...tiles);
    this.note.textContent = measures?.why_not ? words[measures.why_not] : "";
  }

  heads() {
    const { words } = this;
    const row = make("li", "t-gen-sample t-gen-heads", null, { "aria-hidden": "true" });
    row.append(...[words.seed, words.tokens, words.perplexity, words.repeated, words.text].map((text) => say(text)));
    return row;
  }

  row(one) {
    const { words, data } = this;
    const row = make("li", "t-gen-sample");
    const open = make("button", "t-link", String(data.seed + one.row), { type: "button", title: words.open, "aria-label": `${words.open}: ${words.seed} ${data.seed + one.row}` });
    open.onclick = () => this.trigger("opened", data.seed + one.row);
    const cell = (text, title) => {
      const node = say(text, "t-gen-figure");
      node.title = title;
      return node;
    };
    const text = make("p", "t-gen-sample-text", one.text + (one.ended ? "" : "…"));
    if (!one.ended) text.title = words.cut;
    text.onclick = () => text.classList.toggle("t-gen-open");
    row.append(open, cell(number(one.tokens), words.tokens), cell(one.perplexity === null ? "–" : number(one.perplexity), words.perplexity), cell(one.repeated === null ? "–" : percent(one.repeated), words.repeated), text);
    return row;
  }
}
