// A beam search as a tree: a column for each step, in it the beginnings by their probability. Stands behind generated.js,
// generated_files.js and next_token.js.
class Beams extends Generated {
  constructor(root) {
    super(root);
    this.scroll = make("div", "t-gen-scroll t-gen-wide");
    this.said = make("p", "t-gen-said t-gen-beam-said", null, { "aria-live": "polite" });
    this.texts = make("div", "t-gen-pair");
    this.whole = make("div");
    this.whole.append(this.scroll, this.said, this.texts);
  }

  reset() {
    this.steps = [];
    this.prompt = [];
    this.path = null;
    this.greedy = null;
    this.picked = null;
    this.scroll.scrollLeft = 0;
  }

  async work(follow) {
    this.reset();
    await follow(this.data.url, this.data.request, (part) => {
      if (part.prompt) this.prompt = part.prompt;
      if (part.rows) this.steps.push(this.columnOf(part.rows));
      if (part.path) [this.path, this.score] = [part.path, part.score];
      if (part.greedy) this.greedy = part.greedy;
    });
  }

  // Where the parent of each row stands in the column before: parents are counted among those that were kept.
  columnOf(rows) {
    const kept = (this.steps.at(-1) ?? []).map((one, row) => (one.fate === "kept" ? row : -1)).filter((row) => row >= 0);
    return rows.map(([parent, id, text, logprobability, score, fate]) => ({ parent: kept[parent] ?? null, id, text, logprobability, score, fate }));
  }

  tell() {
    if (this.stopped) return this.words.stopped;
    return this.over ? "" : this.steps.length ? fill(this.words.searching, { step: this.steps.length }) : null;
  }

  files() {
    return [...pictureButtons(this), csvButton(this)];
  }

  table() {
    return this.steps.flatMap((rows, step) => rows.map((one, row) => [step + 1, row + 1, one.parent === null ? null : one.parent + 1, one.id, one.text, one.logprobability, one.score, one.fate]));
  }

  textOf(step, row) {
    const tokens = [];
    for (let [at, which] = [step, row]; at >= 0 && which !== null; at--) {
      tokens.unshift(this.steps[at][which]);
      which = this.steps[at][which].parent;
    }
    return tokens;
  }

  draw() {
    if (!this.whole.isConnected) this.stage.replaceChildren(this.whole);
    const column = this.width() < 500 ? 84 : 104;
    const most = Math.max(1, ...this.steps.map((rows) => rows.length));
    const [top, high] = [26, 27];
    const width = Math.max(this.width(), column * (this.steps.length + 0.6));
    const svg = drawn("svg", { width, height: top + most * high + 8, class: "t-gen-beams" });
    const x = (step) => 10 + (step + 0.35) * column;
    const y = (row) => top + row * high + high / 2;
    const middle = y((most - 1) / 2);
    const edges = drawn("g");
    const nodes = drawn("g");
    svg.append(edges, nodes, drawn("circle", { cx: 12, cy: middle, r: 5, class: "t-gen-root" }));
    this.steps.forEach((rows, step) => {
      nodes.append(drawn("text", { x: x(step), y: 14, class: "t-gen-small" }, String(step + 1)));
      rows.forEach((one, row) => {
        const chosen = this.path?.[step] === row;
        const looked = this.picked && this.onWay(step, row);
        const from = one.parent === null ? [12, middle] : [x(step - 1) + column * 0.7, y(one.parent)];
        const [end, level] = [x(step), y(row)];
        const bend = (from[0] + end) / 2;
        const kind = `t-gen-${one.fate}${chosen ? " t-gen-chosen" : ""}${looked ? " t-gen-looked" : ""}`;
        edges.append(drawn("path", { d: `M${from[0]},${from[1]} C${bend},${from[1]} ${bend},${level} ${end},${level}`, class: `t-gen-edge ${kind}` }));
        nodes.append(this.node(one, step, row, x(step), y(row), column * 0.7, kind));
      });
    });
    const focused = this.scroll.contains(document.activeElement) ? document.activeElement.dataset?.at : undefined;
    this.svg = svg;
    this.scroll.replaceChildren(svg);
    if (focused) svg.querySelector(`[data-at="${focused}"]`)?.focus({ preventScroll: true });
    this.drawSaid();
    this.drawTexts();
  }

  onWay(step, row) {
    const [last, from] = this.picked;
    if (step > last) return false;
    let which = from;
    for (let at = last; at > step && which !== null; at--) which = this.steps[at][which].parent;
    return which === row;
  }

  node(one, step, row, x, y, wide, kind) {
    const node = drawn("g", { class: `t-gen-node ${kind}`, role: "button", tabindex: step === (this.picked?.[0] ?? 0) && row === (this.picked?.[1] ?? 0) ? 0 : -1, "data-at": `${step}.${row}`, "aria-label": this.sentence(step, row) });
    node.append(drawn("title", {}, this.sentence(step, row)), drawn("rect", { x, y: y - 11, width: wide, height: 22, rx: one.fate === "ended" ? 0 : 6 }));
    node.append(drawn("text", { x: x + 7, y: y + 4.5, class: "t-gen-code" }, croppedWide(visible(one.text), Math.floor((wide - 10) / 7.6))));
    node.onpointerenter = () => this.pick(step, row, false);
    node.onclick = () => this.pick(step, row, true);
    node.onkeydown = (event) => this.onKey(event, step, row);
    return node;
  }

  pick(step, row, clicked) {
    if (!this.steps[step]?.[row]) return; // the picture of the prompt before stands until something has come
    if (!clicked && this.held) return;
    this.held = clicked && !(this.held && this.picked?.[0] === step && this.picked?.[1] === row);
    if (this.picked?.[0] === step && this.picked?.[1] === row) return;
    this.picked = [step, row];
    // Under the pointer nothing is drawn anew: only what is on the way changes its look.
    for (const node of this.scroll.querySelectorAll(".t-gen-node")) {
      const [at, which] = node.dataset.at.split(".").map(Number);
      node.classList.toggle("t-gen-looked", this.onWay(at, which));
      node.setAttribute("tabindex", at === step && which === row ? 0 : -1);
    }
    this.drawSaid();
  }

  onKey(event, step, row) {
    const goes = { ArrowRight: [step + 1, row], ArrowLeft: [step - 1, row], ArrowUp: [step, row - 1], ArrowDown: [step, row + 1] };
    const way = goes[event.key];
    if (!way || !this.steps[way[0]]) return;
    event.preventDefault();
    const target = [way[0], Math.max(0, Math.min(way[1], this.steps[way[0]].length - 1))];
    this.pick(...target, true);
    this.scroll.querySelector(`[data-at="${target.join(".")}"]`)?.focus();
  }

  sentence(step, row) {
    const one = this.steps[step][row];
    const bits = -one.score / Math.LN2;
    const text = this.textOf(step, row).map((token) => token.text).join("");
    return fill(this.words.said, { step: step + 1, text: visible(text).replaceAll("·", " "), bits: number(bits), mean: number(bits / (step + 1)), fate: this.words[one.fate] });
  }

  drawSaid() {
    this.said.textContent = this.picked && this.steps[this.picked[0]]?.[this.picked[1]] ? this.sentence(...this.picked) : this.words.pick;
  }

  drawTexts() {
    const { words } = this;
    if (!this.path || !this.greedy) return this.texts.replaceChildren();
    const chosen = this.path.map((row, step) => this.steps[step][row]);
    const greedy = this.greedy.map(([id, text, logprobability]) => ({ id, text, logprobability }));
    const side = (title, tokens) => {
      const bits = bitsOf(tokens.map((token) => token.logprobability));
      const box = make("section", "t-gen-side");
      const text = make("p", "t-gen-text");
      for (const token of tokens) {
        const node = chip(token.text, "given");
        node.classList.add("t-gen-shaded");
        node.style.setProperty("--p", Math.exp(token.logprobability).toFixed(4));
        node.title = fill(words.token, { token: visible(token.text), probability: percent(Math.exp(token.logprobability)) });
        text.append(node);
      }
      box.append(make("h4", "t-gen-title", title), make("p", "t-gen-said", fill(words.told, { count: tokens.length, bits: number(bits), mean: number(bits / Math.max(1, tokens.length)) })), text);
      return { box, mean: bits / Math.max(1, tokens.length) };
    };
    const [one, other] = [side(words.beam, chosen), side(words.greedy, greedy)];
    const same = chosen.map((token) => token.id).join() === greedy.map((token) => token.id).join();
    const factor = 2 ** (other.mean - one.mean);
    const verdict = same ? words.same : factor > 1 ? fill(words.better, { factor: number(factor) }) : words.worse;
    this.texts.replaceChildren(one.box, other.box, make("p", "t-gen-said t-gen-verdict", verdict));
  }
}
