// The next token before the settings and after them. The logits are fetched once for a place; the bars move with the
// sliders. Stands behind generated.js, generated_files.js and distribution.js.
const SHOWN_BARS = 20;
const TOP_K_TICKS = 100;

class NextToken extends Generated {
  constructor(root) {
    super(root);
    this.place = make("p", "t-gen-said");
    this.strip = make("div", "t-gen-strip");
    this.sliders = make("div", "t-gen-sliders");
    this.note = make("p", "t-gen-said");
    this.picture = make("div", "t-gen-scroll");
    this.buttons = make("div", "t-gen-row");
    this.whole = make("div");
    this.whole.append(this.strip, this.sliders, this.buttons, this.place, this.picture, this.note);
  }

  reset() {
    this.found = null;
    const text = this.identity.split(" ")[0];
    if (text !== this.textOf) this.text = null;
    this.textOf = text;
    this.settings = { ...this.data.tried };
    this.slidersShown = null;
  }

  refresh() {
    if (!this.moving) this.settings = { ...this.data.tried };
  }

  async work(follow) {
    const { data } = this;
    const response = await fetch(data.url, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(data.request),
      signal: this.reading.signal,
    });
    const answer = await response.json();
    if (data !== this.data && this.data.identity !== data.identity) return;
    if (answer.error) throw Object.assign(new Error(answer.error), { said: answer.error });
    const bytes = Uint8Array.from(atob(answer.logits), (letter) => letter.charCodeAt(0));
    this.found = { ...answer, logits: new Float32Array(bytes.buffer), pieces: new Map(answer.pieces) };
    this.paint();
    this.text ??= data.text.length ? data.text : null;
    if (this.text) return;
    const written = [];
    await follow("./write", data.text_request, (part) => written.push(...(part.tokens ?? []).map((token) => token.text)));
    this.text = written;
  }

  tell() {
    return this.found ? "" : null;
  }

  files() {
    return [...pictureButtons(this), csvButton(this)];
  }

  table() {
    if (!this.found) return [];
    const { before, after } = distributionOf(this.found.logits, this.found.seen, this.settings);
    return [...this.found.pieces].map(([token, piece]) => [token, piece, before[token], after[token]]);
  }

  draw() {
    if (!this.found) return;
    if (!this.whole.isConnected) this.stage.replaceChildren(this.whole);
    this.drawStrip();
    this.drawSliders();
    this.drawBars();
  }

  drawStrip() {
    const { data, words, found, text } = this;
    const key = JSON.stringify([found.text, text, data.place, words]);
    if (key === this.stripShown) return;
    this.stripShown = key;
    this.strip.setAttribute("aria-label", words.choose);
    this.strip.title = words.choose;
    const tokens = (text ?? []).map((piece, place) => {
      const node = chip(piece, "t-gen-token");
      if (place === data.place) node.setAttribute("aria-current", "true");
      node.onclick = () => this.trigger("place", place);
      return node;
    });
    this.strip.replaceChildren(...found.text.map((piece) => chip(piece, "given")), ...tokens);
    this.strip.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" });
    this.place.textContent = data.place ? fill(words.at_place, { position: data.place + 1 }) : words.at_end;
  }

  drawSliders() {
    const { words, data } = this;
    const key = JSON.stringify([words, this.identity]);
    if (key !== this.slidersShown) {
      this.slidersShown = key;
      const size = this.found.logits.length;
      const toTick = (k) => (k === null ? TOP_K_TICKS : Math.min(TOP_K_TICKS - 1, Math.round((TOP_K_TICKS * Math.log(k)) / Math.log(size))));
      const fromTick = (tick) => (tick >= TOP_K_TICKS ? null : Math.max(1, Math.round(size ** (tick / TOP_K_TICKS))));
      this.knobs = [
        this.knob("temperature", 0.1, 2, 0.05),
        this.knob("top_k", 0, TOP_K_TICKS, 1, toTick, fromTick),
        this.knob("top_p", 0.05, 1, 0.01),
        this.knob("min_p", 0, 0.5, 0.005),
        this.knob("repetition_penalty", 1, 2, 0.01),
      ];
      this.sliders.replaceChildren(...this.knobs.map((knob) => knob.node));
      const take = make("button", "t-button t-primary", words.take, { type: "button" });
      take.onclick = () => this.trigger("taken", this.settings);
      const back = make("button", "t-button", words.back, { type: "button" });
      back.onclick = () => {
        this.settings = { ...this.data.own };
        this.trigger("tried", this.settings);
        this.paint();
      };
      this.buttons.replaceChildren(take, back);
    }
    for (const knob of this.knobs) knob.show();
    const same = JSON.stringify(this.settings) === JSON.stringify(data.own);
    for (const button of this.buttons.children) button.disabled = same;
  }

  knob(name, least, most, step, inward = (value) => value, outward = (value) => value) {
    const off = { top_k: null, top_p: 1, min_p: 0, repetition_penalty: 1 }[name];
    const node = make("label", "t-gen-knob");
    const value = make("output");
    const slider = make("input", "t-slider", null, { type: "range", min: least, max: most, step });
    const caption = make("span", "", this.words[name]);
    caption.append(" ", value);
    node.append(caption, slider);
    slider.oninput = () => {
      this.moving = true;
      this.settings[name] = outward(Number(slider.value));
      this.paint();
    };
    slider.onchange = () => {
      this.moving = false;
      this.trigger("tried", this.settings);
    };
    const show = () => {
      const now = this.settings[name];
      slider.value = String(inward(now));
      value.textContent = now === off ? this.words.off : number(now);
    };
    return { node, show };
  }

  drawBars() {
    const { found, words, settings, data } = this;
    const { before, after, kept, mass } = distributionOf(found.logits, found.seen, settings);
    const tokens = [...found.pieces.keys()].slice(0, SHOWN_BARS);
    if (found.token !== null && found.pieces.has(found.token) && !tokens.includes(found.token)) tokens.push(found.token);
    const width = this.width();
    const [left, right, high] = [width < 500 ? 92 : 130, width < 500 ? 118 : 150, 26];
    const rest = { before: 1, after: 1 };
    for (const token of tokens) {
      rest.before -= before[token];
      rest.after -= after[token];
    }
    const most = Math.max(...tokens.map((token) => Math.max(before[token], after[token])), 1e-9);
    const scale = (share) => Math.max(0, ((width - left - right) * Math.min(share, most)) / most);
    const svg = drawn("svg", { width, height: (tokens.length + 1) * high + 28, role: "img", "aria-label": data.label });
    svg.append(this.legendOf(left));
    const row = (index, name, one, other, { cut = false, mine = false, quiet = false } = {}) => {
      const y = 28 + index * high;
      const group = drawn("g", { class: `t-gen-bar${cut ? " t-gen-cut" : ""}` });
      const sentence = fill(cut ? words.bar_cut : words.bar, { token: name, before: percent(one), after: percent(other) });
      group.append(drawn("title", {}, mine ? `${sentence} ${words.written}` : sentence));
      group.append(drawn("rect", { x: 0, y, width, height: high, class: "t-gen-catch" }));
      if (mine) group.append(drawn("rect", { x: 0.75, y: y + 1, width: left - 8, height: high - 2, rx: 4, class: "t-gen-mine" }));
      group.append(drawn("text", { x: 6, y: y + 17, class: quiet ? "t-gen-faint" : "t-gen-code" }, cropped(name, quiet ? 18 : left < 100 ? 9 : 14)));
      group.append(drawn("rect", { x: left, y: y + 4, width: scale(one), height: 7, class: "t-gen-before" }));
      group.append(drawn("rect", { x: left, y: y + 13, width: cut ? 0 : scale(other), height: 9, class: "t-gen-after" }));
      group.append(drawn("text", { x: width - 2, y: y + 17, class: "t-gen-number" }, `${percent(one)} → ${cut ? "✕" : percent(other)}`));
      svg.append(group);
    };
    tokens.forEach((token, index) => row(index, visible(found.pieces.get(token)), before[token], after[token], { cut: after[token] === 0, mine: token === found.token }));
    row(tokens.length, words.others, Math.max(0, rest.before), Math.max(0, rest.after), { quiet: true });
    this.svg = svg;
    this.picture.replaceChildren(svg);
    const said = [
      fill(words.kept, { count: number(kept), all: number(found.logits.length), mass: percent(mass) }),
      fill(words.sharper, { before: number(entropyBitsOf(before)), after: number(entropyBitsOf(after)) }),
    ];
    if (data.method !== "sample") said.push(words.greedy);
    this.note.textContent = said.join(" ");
  }

  legendOf(left) {
    const { words } = this;
    const group = drawn("g", { class: "t-gen-key" });
    group.append(drawn("rect", { x: left, y: 5, width: 14, height: 7, class: "t-gen-before" }), drawn("text", { x: left + 20, y: 13, class: "t-gen-small" }, words.before));
    const next = left + 36 + 7 * words.before.length + (/[^\x00-\xff]/.test(words.before) ? 4 * words.before.length : 0);
    group.append(drawn("rect", { x: next, y: 4, width: 14, height: 9, class: "t-gen-after" }), drawn("text", { x: next + 20, y: 13, class: "t-gen-small" }, words.after));
    return group;
  }
}

const cropped = (text, most) => ([...text].length > most ? `${[...text].slice(0, most - 1).join("")}…` : text);
