// A text judged: the model's surprise at each token above it, the perfect predictor's below; which sentences are valid,
// and where the text leaves the grammar. Asks the route once the text is written. Stands behind format.js; whatever a
// model has written enters the page through textContent only.

const judges = new WeakMap();
const TALLEST = 4; // nats: bars are at least drawn to this scale

export default function ({ data, parentElement }) {
  let judge = judges.get(parentElement);
  if (!judge) {
    judge = new Judge(parentElement);
    judges.set(parentElement, judge);
  }
  judge.update(data);
  return () => judge.stop();
}

class Judge {
  constructor(parent) {
    this.root = make("div", "truth");
    this.root.setAttribute("aria-live", "polite");
    parent.append(this.root);
    this.written = () => this.start();
    this.clear();
  }

  clear() {
    this.found = null;
    this.sentences = null;
    this.error = null;
  }

  update(data) {
    const spoken = JSON.stringify(data.labels);
    const again = this.data && spoken !== this.spoken;
    this.data = data;
    this.spoken = spoken;
    if (data.identity !== this.identity) {
      this.stop();
      this.identity = data.identity;
      this.asked = false;
      addEventListener("terrarium-written", this.written);
      if (this.found) this.root.classList.add("stale");
      else this.root.replaceChildren(make("p", "said", data.labels.waiting));
      this.start();
    } else if (again) this.draw();
  }

  stop() {
    this.reading?.abort();
    this.identity = null;
    removeEventListener("terrarium-written", this.written);
  }

  async start() {
    if (this.asked || window.terrariumWritten !== this.identity) return;
    this.asked = true;
    const reading = new AbortController();
    this.reading = reading;
    if (!this.found) this.root.replaceChildren(make("p", "said", this.data.labels.working));
    try {
      const reply = await fetch(this.data.url, { signal: reading.signal });
      if (!reply.ok) throw new Error(`status ${reply.status}`);
      let fresh = true;
      for await (const part of parts(reply.body)) {
        if (this.reading !== reading) return;
        if (fresh) this.clear();
        fresh = false;
        if (part.error) this.error = part.error;
        else if (part.tokens) this.found = part;
        else this.sentences = part.sentences;
        this.draw();
      }
      if (fresh) throw new Error("nothing came");
    } catch (fault) {
      if (this.reading !== reading || fault.name === "AbortError") return;
      this.clear();
      this.error = this.data.labels.lost;
      this.draw();
    }
  }

  draw() {
    const { labels } = this.data;
    this.root.classList.remove("stale");
    this.root.dataset.judged = this.identity ?? "";
    this.root.dataset.checked = String(Boolean(this.sentences));
    if (this.error) {
      this.root.replaceChildren(make("p", "error", this.error, { role: "alert" }));
      return;
    }
    if (!this.found) return;
    this.text = make("div", "text", null, { role: "group", "aria-label": labels.text });
    this.text.onkeydown = (event) => this.onKey(event);
    this.said = make("p", "said");
    this.nodes = this.found.tokens.map((token, index) => this.token(token, index));
    this.place();
    const { left } = this.found;
    this.root.replaceChildren(this.verdicts(), legend(labels), this.text, this.said);
    if (left !== null) this.root.append(this.instead());
    this.pick(left ?? this.farthest(), false);
  }

  verdicts() {
    const { labels } = this.data;
    const { story, left, nats, tokens } = this.found;
    const list = make("ul");
    const say = (text, right = null) => {
      const line = make("li", "", text);
      if (right !== null) Object.assign(line.dataset, { right, sign: right ? "✓" : "✗" });
      list.append(line);
    };
    if (story === "left") say(fill(tokens[left][3] ? labels.left_given : labels.left, { position: left + 1 }), false);
    else say(labels[story], story === "valid" ? true : null);
    if (this.sentences) {
      const valid = this.sentences.filter(([, , right]) => right).length;
      if (this.sentences.length) say(fill(labels.sentences, { valid, count: this.sentences.length }), valid === this.sentences.length);
    } else say(labels.checking);
    if (left !== 0) say(fill(left === null ? labels.totals : labels.totals_left, { model: number(nats[0]), perfect: number(nats[1]) }));
    return list;
  }

  token([text, model, perfect, given], index) {
    const { left, tokens } = this.found;
    const tallest = (this.tallest ??= Math.max(TALLEST, ...tokens.map(([, nats, other]) => Math.max(nats, other ?? 0))));
    const out = index === left;
    const after = left !== null && index > left;
    const kind = `token${given ? " given" : ""}${out ? " out" : ""}${after ? " after" : ""}`;
    const node = make("button", kind, null, { type: "button", tabindex: -1 });
    const up = make("span", "up");
    up.style.setProperty("--nats", (model / tallest).toFixed(4));
    const down = make("span", "down", out ? "✗" : null);
    down.style.setProperty("--nats", perfect === null ? 0 : (perfect / tallest).toFixed(4));
    node.append(up, make("span", "word", shown(text)), down);
    const words = this.words(index);
    node.title = words;
    node.setAttribute("aria-label", words);
    node.onclick = () => this.pick(index, false);
    node.onpointerenter = () => (this.said.textContent = words);
    node.onpointerleave = () => (this.said.textContent = this.words(this.picked));
    return node;
  }

  words(index) {
    const { labels } = this.data;
    const { tokens, left } = this.found;
    const [text, model, perfect] = tokens[index];
    const sentence = index === left ? labels.token_left : perfect === null ? labels.token_after : labels.token;
    return fill(sentence, {
      token: text.trim() ? `“${text.trim()}”` : shown(text), model: number(model), share: chance(model),
      perfect: number(perfect), perfect_share: chance(perfect ?? 0),
    });
  }

  // Tokens in their order, a sign after each sentence; a sentence that is none is underlined.
  place() {
    const { tokens } = this.found;
    const ends = new Map((this.sentences ?? []).map(([start, end, valid]) => [end, { start, valid }]));
    tokens.forEach(([text, , , , start], index) => {
      this.text.append(this.nodes[index]);
      const sentence = text ? ends.get(start + text.trimEnd().length) ?? ends.get(start + text.length) : null;
      if (sentence) {
        const { labels } = this.data;
        const { left } = this.found;
        const kind = `sign${sentence.valid ? "" : " bad"}${left !== null && index > left ? " after" : ""}`;
        const sign = make("span", kind, null, { role: "img", title: sentence.valid ? labels.sentence_valid : labels.sentence_invalid });
        sign.append(make("span", "", sentence.valid ? "✓" : "✗"));
        sign.setAttribute("aria-label", sign.title);
        this.text.append(sign);
        if (!sentence.valid) {
          for (let n = index; n >= 0 && tokens[n][4] + tokens[n][0].length > sentence.start; n--) this.nodes[n].classList.add("astray");
        }
      }
      if (text.includes("\n")) this.text.append(make("span", "break"));
    });
  }

  instead() {
    const { labels } = this.data;
    const { expected, left, tokens } = this.found;
    const box = make("div", "instead");
    box.append(make("h4", "", fill(labels.instead, { token: tokens[left][0].trim() ? `“${tokens[left][0].trim()}”` : shown(tokens[left][0]) || labels.end })));
    for (const [text, share] of expected) {
      const line = make("p");
      const bar = make("b");
      bar.style.setProperty("--share", share.toFixed(4));
      const cell = make("span");
      cell.append(bar);
      line.append(make("span", "", text ? shown(text.trimStart()) : labels.end), cell, make("span", "", percent(share)));
      box.append(line);
    }
    return box;
  }

  // The token at which the model was most surprised above what it had to be.
  farthest() {
    const over = this.found.tokens.map(([, model, perfect]) => (perfect === null ? 0 : model - perfect));
    return over.indexOf(Math.max(...over));
  }

  pick(index, focus) {
    if (!this.nodes[index]) return;
    if (this.nodes[this.picked]) {
      this.nodes[this.picked].removeAttribute("aria-current");
      this.nodes[this.picked].tabIndex = -1;
    }
    this.picked = index;
    this.nodes[index].setAttribute("aria-current", "true");
    this.nodes[index].tabIndex = 0;
    this.said.textContent = this.words(index);
    if (focus) this.nodes[index].focus();
  }

  onKey(event) {
    const last = this.nodes.length - 1;
    const goes = { ArrowLeft: this.picked - 1, ArrowRight: this.picked + 1, Home: 0, End: last };
    if (!(event.key in goes)) return;
    event.preventDefault();
    this.pick(Math.max(0, Math.min(last, goes[event.key])), true);
  }
}

function legend(labels) {
  const line = make("div", "legend");
  for (const name of ["model", "perfect"]) {
    const entry = make("span", "", null, { title: labels.surprise });
    entry.append(make("i", `of-${name}`), document.createTextNode(labels[name]));
    line.append(entry);
  }
  return line;
}

async function* parts(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    const whole = (rest + value).split("\n");
    rest = whole.pop();
    for (const part of whole) yield JSON.parse(part);
  }
}

const shown = (text) => text.replaceAll("\n", "↵") || "∎";
const percent = (share) => `${number(Math.round(share * 1000) / 10)} %`;
const chance = (nats) => percent(Math.exp(-nats));
