// Tokens as chips, coloured by probability. Picking a chip shows at once, without asking the server, what else could
// have stood there. With `data.request` the tokens are streamed from the route; with `data.shown` they are just there.
// Stands behind format.js, chips.js, streaming.js and tokens_panel.js. Everything a model or a person has written enters
// the page through textContent only.

const views = new WeakMap();

export default function ({ data, parentElement, setTriggerValue }) {
  let view = views.get(parentElement);
  if (!view) {
    view = new View(parentElement);
    views.set(parentElement, view);
  }
  view.update(data, setTriggerValue);
  return () => view.stop();
}

class View {
  constructor(parent) {
    this.root = make("div", "view");
    this.status = make("span", "status");
    this.status.setAttribute("role", "status");
    this.stopButton = make("button", "stop");
    this.stopButton.type = "button";
    this.stopButton.onclick = () => this.stop(true);
    this.legend = make("span", "legend");
    const head = make("div", "head");
    head.append(this.status, this.stopButton, this.legend);
    this.text = make("div", "text");
    this.text.setAttribute("role", "group");
    this.text.onkeydown = (event) => this.onKey(event);
    this.text.onclick = (event) => this.onClick(event);
    this.panel = make("div", "panel");
    this.panel.setAttribute("role", "region");
    const body = make("div", "body");
    body.append(this.text, this.panel);
    this.path = make("nav", "path");
    this.root.append(head, this.path, body);
    parent.append(this.root);
    this.identity = null;
    this.clear();
  }

  clear() {
    this.tokens = [];
    this.prompt = [];
    this.chips = [];
    this.picked = null;
    this.finished = null;
    this.empty = 0; // line ends since the last text
    this.held = false; // whether some of them were not drawn
    this.text.replaceChildren();
    this.panel.replaceChildren();
  }

  // Called again after every run of the script: only what has changed is touched, so that a view that is being read
  // stays as it is.
  update(data, say) {
    this.say = say;
    this.data = data;
    const spoken = JSON.stringify(data.labels);
    const before = this.spoken;
    this.spoken = spoken;
    this.labels = data.labels;
    if (data.identity !== this.identity) {
      this.identity = data.identity;
      this.start(data);
    } else if (before !== spoken) {
      this.repaint();
    }
    if (data.pick && data.pick.number !== this.pickNumber) {
      this.pickNumber = data.pick.number;
      this.wish = data.pick.which;
      this.fulfil();
    }
    this.text.setAttribute("aria-label", this.labels.text);
    this.stopButton.textContent = this.labels.stop;
    this.paintLegend();
    this.paintPath();
  }

  start(data) {
    this.stop();
    if (data.shown) {
      this.clear();
      this.take(data.shown);
    }
    if (data.request) this.stream(data.url, data.request);
  }

  stop(asked = false) {
    if (!this.reading) return;
    this.reading.abort();
    this.reading = null;
    this.setBusy(false);
    if (asked) {
      this.finished = { stopped: true };
      this.paintStatus();
    }
  }

  // The text before stays, faded, until the first token of the new one is there: nothing flickers.
  async stream(url, request) {
    const reading = new AbortController();
    this.reading = reading;
    this.setBusy(true);
    let fresh = true;
    try {
      let whole = false;
      for await (const part of posted(url, request, reading.signal)) {
        if (this.reading !== reading) return;
        whole ||= Boolean(part.done || part.error);
        if (fresh && !part.waiting) {
          this.clear();
          this.root.classList.remove("stale");
          fresh = false;
        }
        this.take(part);
      }
      if (!whole) throw new Error("the text broke off");
    } catch (fault) {
      if (this.reading === reading) this.take({ error: this.labels.lost });
    }
    if (this.reading === reading) {
      this.reading = null;
      this.setBusy(false);
      this.paintStatus();
    }
  }

  setBusy(busy) {
    this.root.classList.toggle("busy", busy);
    this.root.classList.toggle("stale", busy);
    this.text.setAttribute("aria-busy", String(busy));
    if (busy) this.status.textContent = this.labels.starting;
  }

  take(part) {
    if (part.waiting) this.status.textContent = this.labels.waiting;
    if (part.error) {
      this.clear();
      this.finished = { error: part.error };
      this.text.append(make("p", "error", part.error, { role: "alert" }));
    }
    for (const piece of part.prompt ?? []) this.addPrompt(piece);
    if (part.below) this.text.append(make("br"));
    for (const token of part.tokens ?? []) this.addToken(token);
    if (part.done) {
      this.finished = part.done;
      this.root.dataset.shown = this.identity;
      // Whatever judges the text waits for this.
      window.terrariumWritten = this.identity;
      window.dispatchEvent(new Event("terrarium-written"));
      if (this.wide()) this.wish ??= "least";
    }
    this.paintStatus();
    this.fulfil();
  }

  addPrompt(piece) {
    this.prompt.push(piece);
    this.place(chip(piece, "given"), piece);
  }

  addToken(token) {
    const index = this.tokens.push(token) - 1;
    const node = chip(token.text, "written");
    node.dataset.index = index;
    node.tabIndex = index === 0 ? 0 : -1;
    node.style.setProperty("--p", token.probability.toFixed(4));
    if (this.data.chosen.includes(index)) node.classList.add("led");
    this.describe(node, token);
    this.chips.push(node);
    this.place(node, token.text);
  }

  describe(node, token) {
    const said = fill(this.labels.token, { token: visible(token.text), probability: percent(token.probability) });
    const words = node.classList.contains("led") ? `${said}. ${this.labels.led}` : said;
    node.title = words;
    node.setAttribute("aria-label", words);
  }

  // Lines end where the text's lines end; of many empty lines only the first takes up room.
  place(node, text) {
    const ends = text.split("\n").length - 1;
    if (/[^\n]/.test(text)) {
      if (this.held) this.text.append(make("br"));
      this.empty = 0;
      this.held = false;
    }
    this.text.append(node);
    const room = Math.min(ends, 2 - this.empty);
    for (let n = 0; n < room; n++) this.text.append(make("br"));
    this.empty += room;
    this.held ||= ends > room;
  }

  // Whether the panel has a place of its own beside the text, as in tokens.css.
  wide() {
    return getComputedStyle(this.panel).getPropertyValue("--beside") !== "";
  }

  onClick(event) {
    const node = event.target.closest?.(".written");
    if (!node) return;
    const index = Number(node.dataset.index);
    if (index === this.picked && !this.wide()) this.unpick();
    else this.pick(index);
  }

  onKey(event) {
    const last = this.chips.length - 1;
    const at = this.picked ?? 0;
    if (event.key === "Escape" && !this.wide()) this.unpick();
    const goes = { ArrowLeft: at - 1, ArrowRight: at + 1, ArrowUp: this.beside(at, -1), ArrowDown: this.beside(at, 1), Home: 0, End: last };
    if (!(event.key in goes) || last < 0) return;
    event.preventDefault();
    this.pick(Math.max(0, Math.min(last, goes[event.key])));
    this.chips[this.picked].focus();
  }

  // The chip of the next line, up or down, that stands closest.
  beside(at, direction) {
    const from = this.chips[at].getBoundingClientRect();
    let best = at;
    let line = null;
    for (let n = at + direction; n >= 0 && n < this.chips.length; n += direction) {
      const to = this.chips[n].getBoundingClientRect();
      if (Math.abs(to.top - from.top) < 4) continue;
      line ??= to.top;
      if (Math.abs(to.top - line) > 4) break;
      const nearer = (rect) => Math.abs(rect.left - from.left);
      if (best === at || nearer(to) < nearer(this.chips[best].getBoundingClientRect())) best = n;
    }
    return best;
  }

  unpick() {
    if (this.picked === null) return;
    this.chips[this.picked].removeAttribute("aria-current");
    this.picked = null;
    this.panel.replaceChildren();
  }

  pick(index) {
    this.unpick();
    for (const node of this.chips) node.tabIndex = -1;
    this.picked = index;
    this.chips[index].setAttribute("aria-current", "true");
    this.chips[index].tabIndex = 0;
    this.paintPanel();
    if (!this.wide()) this.chips[index].scrollIntoView({ block: "nearest" });
  }

  // A wish is a token to open once it is there: the least or the most likely one.
  fulfil() {
    if (!this.wish || !this.finished || !this.tokens.length) return;
    const chances = this.tokens.map((token) => token.probability);
    const extreme = this.wish === "most" ? Math.max(...chances) : Math.min(...chances);
    this.pick(chances.indexOf(extreme));
    this.wish = null;
  }

  repaint() {
    this.chips.forEach((node, index) => this.describe(node, this.tokens[index]));
    this.paintStatus();
    if (this.picked !== null) this.paintPanel();
  }

  paintStatus() {
    const done = this.finished;
    const count = this.tokens.length;
    if (done?.error) this.status.textContent = "";
    else if (done?.stopped) this.status.textContent = fill(this.labels.stopped, { count });
    else if (done?.seconds) this.status.textContent = fill(this.labels.done, { count, seconds: number(done.seconds), speed: number(count / done.seconds) });
    else if (done) this.status.textContent = fill(this.labels.kept, { count });
    else if (count) this.status.textContent = fill(this.labels.writing, { count });
  }

  paintLegend() {
    const scale = make("span", "scale");
    for (let n = 0; n <= 10; n++) {
      const step = make("i");
      step.style.setProperty("--p", n / 10);
      scale.append(step);
    }
    this.legend.replaceChildren(say(this.labels.unlikely), scale, say(this.labels.certain));
    this.legend.title = this.labels.legend;
  }

  // The way from the trunk to this branch; nothing where no branch has grown.
  paintPath() {
    const { path } = this.data;
    const shown = JSON.stringify([path, this.labels]);
    if (shown === this.pathShown) return;
    this.pathShown = shown;
    this.path.setAttribute("aria-label", this.labels.path);
    this.path.replaceChildren(
      ...path.map(({ branch, token, place }, index) => {
        const last = index === path.length - 1;
        const button = make("button", "step", branch ? fill(this.labels.at, { token: visible(token), position: place + 1 }) : this.labels.trunk, { type: "button" });
        if (last) button.setAttribute("aria-current", "true");
        button.onclick = () => this.say("branch", branch);
        return button;
      }),
    );
  }

  paintPanel() {
    paintPanel(this);
  }

  // Write on from here with another token.
  goFrom(id) {
    this.say("chosen", [this.picked, id]);
  }
}
