// A story with its truth on it: a row for each sentence, in both languages, and the world after it. Stands behind
// format.js. Pointing at a word, or walking there with the arrow keys, lights up what belongs together and says what is
// known about it; that is done here, without a script run.
class Story {
  constructor(root) {
    this.root = root;
    this.legend = make("div", "t-story-legend");
    this.rows = make("div", "t-story-rows");
    this.said = make("p", "t-story-said t-quiet", null, { role: "status" });
    root.append(this.legend, this.rows, this.said);
    root.onpointerover = (event) => this.point(event.target.closest(".t-word"));
    root.onpointerleave = () => this.point(document.activeElement?.closest?.(".t-word") ?? null);
    root.onfocusin = (event) => this.point(event.target.closest(".t-word"));
    root.onclick = (event) => event.target.closest(".t-word")?.focus({ preventScroll: true });
    root.onkeydown = (event) => this.walk(event);
  }

  update({ data }) {
    const identity = JSON.stringify(data);
    if (identity === this.identity) return;
    this.identity = identity;
    this.data = data;
    this.root.dataset.colours = data.colours;
    this.legend.replaceChildren(...data.legend.map((entry) => this.sign(entry)));
    this.rows.classList.toggle("t-story-worldless", !data.rows.some((row) => row.world.length));
    this.rows.replaceChildren(...data.rows.map((row, number) => this.row(row, number)));
    const first = this.rows.querySelector(".t-word");
    if (first) first.tabIndex = 0;
    this.point(null);
  }

  sign({ label, colour, mark }) {
    const sign = make("span", "t-story-sign", label);
    if (mark) sign.classList.add("t-story-mark");
    else sign.dataset.colour = colour;
    return sign;
  }

  row({ sides, world }, number) {
    const row = make("div", "t-story-row");
    for (const { language, segments } of sides) {
      const side = make("p", "t-story-side", null, { lang: language });
      side.append(...this.line(segments, language));
      row.append(side);
    }
    const list = make("ul", "t-story-world", null, { "aria-label": `${this.data.labels.world} ${number + 1}` });
    for (const { text, fresh } of world) list.append(make("li", fresh ? "t-fresh" : "", text));
    row.append(list);
    return row;
  }

  // A sign does not part from its word at the end of a line, which words that are boxes would let it.
  line(segments, language) {
    const line = [];
    let open = false;
    for (const segment of segments) {
      const element = this.segment(segment, language);
      const text = segment.text;
      const closes = segment.word === undefined && /^[^\s“(\p{L}\p{N}]/u.test(text);
      if ((open || closes || segment.closing) && line.length && !/^\s/.test(text)) {
        const tight = make("span", "t-story-tight");
        tight.append(line.pop(), element);
        line.push(tight);
      } else line.push(element);
      open = /[“(]$/.test(text);
    }
    return line;
  }

  segment(segment, language) {
    if (segment.bridge !== undefined) return make("span", "t-word-bridge", segment.text, { "data-colour": segment.bridge });
    if (segment.word === undefined) return document.createTextNode(segment.text);
    const word = make("span", "t-word", null, { tabindex: -1, "data-word": `${language} ${segment.word}` });
    word.append(make("span", "t-word-text", segment.text));
    if (segment.label) word.append(make("span", "t-word-label", segment.label, { "aria-hidden": "true" }));
    if (segment.colour !== undefined) word.dataset.colour = segment.colour;
    if (segment.marked) word.classList.add("t-word-marked");
    if (segment.chain) word.dataset.chain = segment.chain;
    word.facts = segment;
    word.language = language;
    return word;
  }

  // Light up every mention of the same one, in both languages, and what this word agrees with.
  point(word) {
    if (word === this.pointed) return;
    this.pointed = word;
    for (const lit of this.rows.querySelectorAll(".t-lit")) lit.classList.remove("t-lit");
    this.said.textContent = word ? word.facts.said : this.data.labels.hint;
    if (!word) return;
    const lit = [word];
    const { chain, agrees } = word.facts;
    if (chain) lit.push(...[...this.rows.querySelectorAll("[data-chain]")].filter((other) => other.dataset.chain === chain));
    for (const other of agrees ?? []) lit.push(this.rows.querySelector(`[data-word="${word.language} ${other}"]`));
    for (const other of lit) other?.classList.add("t-lit");
  }

  walk(event) {
    const words = [...this.rows.querySelectorAll(".t-word")];
    const at = words.indexOf(document.activeElement);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: words.length - 1 }[event.key];
    if (at < 0 || !words[to]) return;
    event.preventDefault();
    words[at].tabIndex = -1;
    words[to].tabIndex = 0;
    words[to].focus();
  }

  close() {}
}

export default (component) => mounted(component, (host) => new Story(host), "t-host t-story");
