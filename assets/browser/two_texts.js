// The texts of two models on one prompt, beside each other; where they part; and what each model thinks of the other's
// tokens. Stands behind generated.js, generated_files.js and
// token_chips.js.
const MOST_DOUBLINGS = 5; // a token that one model thinks 32 times as likely as the other has the full colour

// How much likelier a token is to its own model than to the other.
const doublings = (token, cross) => (cross === undefined ? 0 : Math.log2(token.probability / Math.max(cross, 1e-12)));

class Doublings extends Costs {
  constructor(theme, most, ends) {
    super(theme, most, ends);
    this.scale = theme.colors.differences;
  }

  share(value) {
    return (1 + Math.max(-1, Math.min(1, value / this.most))) / 2;
  }
}

class TwoTexts extends Generated {
  constructor(root) {
    super(root);
    this.switch = make("div", "t-gen-row");
    this.sides = make("div", "t-gen-pair");
    this.parting = make("p", "t-gen-said");
    this.said = make("p", "t-gen-said t-gen-beam-said", null, { "aria-live": "polite" });
    this.whole = make("div");
    this.whole.append(this.switch, this.parting, this.sides, this.said);
    this.colour = "own";
  }

  reset() {
    this.texts = [0, 1].map(() => ({ prompt: [], tokens: [], cross: null }));
    this.apart = null;
    this.crossed = false;
    this.picked = null;
  }

  async work(follow) {
    this.reset();
    const { data } = this;
    await Promise.all(
      data.requests.map((request, side) =>
        follow(data.url, request, (part) => {
          this.texts[side].prompt.push(...(part.prompt ?? []));
          this.texts[side].tokens.push(...(part.tokens ?? []));
          this.texts[side].below ||= part.below;
        }),
      ),
    );
    this.written = true;
    await follow(data.crossed_url, data.crossed, (part) => {
      if (part.apart) this.apart = part.apart;
      if (part.one) this.texts[0].cross = part.one;
      if (part.other) this.texts[1].cross = part.other;
    });
  }

  tell() {
    if (this.stopped) return this.words.stopped;
    const count = this.texts[0].tokens.length + this.texts[1].tokens.length;
    return this.over ? "" : count ? fill(this.words.writing, { count }) : null;
  }

  files() {
    return [...pictureButtons(this, () => (this.texts.some((text) => text.tokens.length) ? this.picture() : null)), csvButton(this)];
  }

  // One text under the other, in the colours that are seen.
  picture() {
    const { words, data } = this;
    const theme = themeOf(this.root, data.themes);
    const own = this.colour === "own";
    const colours = own ? new Costs(theme, 1, [words.unlikely, words.certain]) : new Doublings(theme, MOST_DOUBLINGS, [words.less, words.more]);
    const rows = this.texts.map(({ prompt, tokens, cross, below }, side) => ({
      title: data.names[side],
      pieces: [...(below && prompt.length ? [...prompt.slice(0, -1), `${prompt.at(-1)}\n`] : prompt), ...tokens.map((token) => token.text)],
      losses: [...prompt.map(() => null), ...tokens.map((token, place) => (own ? token.probability : doublings(token, cross?.[place])))],
    }));
    return drawnChips(theme, colours, `${words.colours}: ${words[this.colour]}`, rows, words);
  }

  table() {
    return this.texts.flatMap(({ tokens, cross }, side) => tokens.map((token, place) => [this.data.names[side], place + 1, token.id, token.text, token.probability, cross?.[place]]));
  }

  // The first place where they differ; null while they do not.
  part() {
    const [one, other] = this.texts.map((text) => text.tokens);
    const shared = Math.min(one.length, other.length);
    for (let place = 0; place < shared; place++) if (one[place].id !== other[place].id || one[place].text !== other[place].text) return place;
    return one.length !== other.length && this.over ? shared : null;
  }

  draw() {
    if (!this.whole.isConnected) this.stage.replaceChildren(this.whole);
    const key = JSON.stringify([this.texts.map((text) => [text.tokens.length, Boolean(text.cross)]), this.colour, this.words, this.over, this.apart, this.data.names]);
    if (key === this.shown) return;
    this.shown = key;
    this.drawSwitch();
    const part = this.part();
    this.sides.replaceChildren(...this.texts.map((text, side) => this.side(text, side, part)));
    this.drawParting(part);
    this.drawSaid();
  }

  drawSwitch() {
    const { words } = this;
    const known = this.texts.every((text) => text.cross);
    if (!known) this.colour = "own";
    const buttons = ["own", "difference"].map((name) => {
      const button = make("button", "t-link", words[name], { type: "button", "aria-pressed": String(this.colour === name) });
      button.disabled = name === "difference" && !known;
      button.onclick = () => {
        this.colour = name;
        this.paint();
      };
      return button;
    });
    this.switch.replaceChildren(make("span", "t-quiet", `${words.colours}:`), ...(known ? buttons : [make("span", "t-quiet", words.own)]));
    const scale = make("span", "t-gen-scale");
    for (let n = 0; n <= 10; n++) {
      const tick = make("i");
      this.shade(tick, this.colour === "own" ? n / 10 : null, n - 5);
      scale.append(tick);
    }
    const ends = this.colour === "own" ? [words.unlikely, words.certain] : [words.less, words.more];
    this.legend.replaceChildren(say(ends[0]), scale, say(ends[1]));
  }

  shade(node, share, doublings) {
    node.classList.add(share === null ? "t-gen-diverging" : "t-gen-shaded");
    if (share !== null) return node.style.setProperty("--p", share.toFixed(4));
    const strength = Math.max(-1, Math.min(1, doublings / MOST_DOUBLINGS));
    node.classList.add(strength < 0 ? "t-gen-against" : "t-gen-for");
    node.style.setProperty("--s", Math.abs(strength).toFixed(3));
  }

  side({ prompt, tokens, cross, below }, side, part) {
    const { words, data } = this;
    const box = make("section", "t-gen-side");
    const bits = bitsOf(tokens.map(surenessOf)) / Math.max(1, tokens.length);
    const values = { count: tokens.length, bits: number(bits), cross: cross ? number(bitsOf(cross.map((share) => Math.log(Math.max(share, 1e-12)))) / Math.max(1, tokens.length)) : "" };
    box.append(make("h4", "t-gen-title", data.names[side]), make("p", "t-gen-said", tokens.length ? fill(cross ? words.told_cross : words.told, values) : "…"));
    const text = make("p", "t-gen-text", null, { role: "group", "aria-label": data.names[side] });
    for (const piece of prompt) text.append(chip(piece, "given"));
    if (below) text.append(make("br"));
    tokens.forEach((token, place) => {
      const node = chip(token.text, "t-gen-token");
      this.shade(node, this.colour === "own" ? token.probability : null, doublings(token, cross?.[place]));
      if (place === part) node.classList.add("t-gen-parting");
      node.tabIndex = place === 0 ? 0 : -1;
      node.dataset.place = place;
      const sentence = this.sentence(side, place);
      node.setAttribute("aria-label", sentence);
      node.title = sentence;
      node.onclick = () => this.pick(side, place);
      node.onkeydown = (event) => this.onKey(event, side, place);
      text.append(node, ...Array.from({ length: Math.min(2, token.text.split("\n").length - 1) }, () => make("br")));
    });
    box.append(text);
    return box;
  }

  sentence(side, place) {
    const { tokens, cross } = this.texts[side];
    const token = tokens[place];
    return fill(cross ? this.words.said : this.words.said_own, { token: visible(token.text), own: percent(token.probability), cross: cross ? percent(cross[place]) : "" });
  }

  pick(side, place) {
    this.picked = [side, place];
    for (const node of this.sides.querySelectorAll("[aria-current]")) node.removeAttribute("aria-current");
    const node = this.sides.children[side].querySelector(`[data-place="${place}"]`);
    node?.setAttribute("aria-current", "true");
    node?.focus();
    this.drawSaid();
  }

  onKey(event, side, place) {
    const goes = { ArrowRight: place + 1, ArrowLeft: place - 1, Home: 0, End: this.texts[side].tokens.length - 1 };
    if (!(event.key in goes)) return;
    event.preventDefault();
    this.pick(side, Math.max(0, Math.min(goes[event.key], this.texts[side].tokens.length - 1)));
  }

  drawParting(part) {
    const { words, data } = this;
    const [one, other] = data.names;
    const token = (side) => (this.texts[side].tokens[part] ? `“${visible(this.texts[side].tokens[part].text)}”` : words.ends);
    if (part === null) this.parting.textContent = this.over ? words.same : "";
    else this.parting.textContent = fill(words.part, { one, first: token(0), other, second: token(1) });
    if (this.apart) this.parting.textContent += ` ${words[this.apart]}`;
  }

  drawSaid() {
    this.said.textContent = this.picked && this.texts[this.picked[0]].tokens[this.picked[1]] ? this.sentence(...this.picked) : "";
  }
}
