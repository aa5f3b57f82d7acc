// The picture of the Fill in page: what is hidden is chosen here without a script run, and told to the page when it has
// come to rest. Stands behind format.js, chips.js, curve.js, takeaway.js and the other files that begin with fill_mask.
const REST = 350; // milliseconds after the last click until the page is told
const PATIENCE = 120; // milliseconds before it says that it is working
const MOST_KEPT = 60; // answers

class FillView {
  constructor(root) {
    this.root = root;
    this.status = make("p", "t-fill-status t-fill-quiet", "", { role: "status" });
    this.fault = make("p", "t-fill-fault", "", { role: "alert" });
    this.body = make("div", "t-fill-columns");
    this.foot = make("div");
    root.append(this.status, this.fault, this.body, this.foot);
    this.columns = [];
    this.kept = new Map();
    this.turn = 0;
  }

  update({ data, setTriggerValue }) {
    this.trigger = setTriggerValue;
    const led = !this.data || data.led !== this.data.led || data.request.text !== this.data.request.text;
    this.data = data;
    if (led) {
      clearTimeout(this.telling);
      this.at = { hidden: data.hidden, picked: data.picked, layer: data.layer };
    }
    if (data.ready) this.keep(JSON.stringify({ ...data.request, hidden: data.hidden }), data.ready);
    this.show();
    if (data.ready && !this.warmed) {
      this.warmed = true;
      this.ask(this.request()).catch(() => {}); // so that the model is loaded when somebody clicks
    }
  }

  request() {
    return { ...this.data.request, hidden: this.at.hidden };
  }

  go(to) {
    this.at = { ...this.at, ...to };
    for (const column of this.columns) column.paintChips();
    this.show();
    this.tell();
  }

  async show() {
    const turn = ++this.turn;
    const request = this.request();
    const name = JSON.stringify(request);
    let found = this.kept.get(name);
    if (!found) {
      const slow = setTimeout(() => this.wait(), PATIENCE);
      try {
        found = await this.ask(request);
        this.keep(name, found);
      } catch (error) {
        if (turn === this.turn) this.refuse(error.message);
        return;
      } finally {
        clearTimeout(slow);
      }
      if (turn !== this.turn) return;
    }
    this.status.textContent = this.fault.textContent = "";
    this.root.classList.remove("t-stale");
    this.paint(found, name);
  }

  async ask(request) {
    const body = JSON.stringify({ ...request, language: this.data.language });
    let reply;
    try {
      reply = await fetch("./fill", { method: "POST", headers: { "Content-Type": "application/json" }, body });
    } catch {
      throw new Error(this.data.words.lost);
    }
    const found = await reply.json().catch(() => ({}));
    if (!reply.ok) throw new Error(found.error ?? this.data.words.lost);
    return found;
  }

  keep(name, found) {
    this.kept.set(name, found);
    if (this.kept.size > MOST_KEPT) this.kept.delete(this.kept.keys().next().value);
  }

  wait() {
    this.root.classList.add("t-stale");
    if (!this.shown) this.status.textContent = this.data.words.loading;
  }

  refuse(sentence) {
    this.root.classList.remove("t-stale");
    this.status.textContent = "";
    this.fault.textContent = sentence;
    this.body.replaceChildren();
    this.columns = [];
    this.shown = null;
    this.root.dataset.drawn = "refused";
  }

  paint(found, name) {
    const { names, words, language } = this.data;
    // What is there already stays as it is, also under the pointer.
    const stamp = JSON.stringify([name, this.at, names, language]);
    if (stamp === this.shown) return this.paintFoot();
    this.shown = stamp;
    this.models = found.models;
    while (this.columns.length > found.models.length) this.columns.pop().root.remove();
    while (this.columns.length < found.models.length) {
      this.columns.push(new FillColumn(this));
      this.body.append(this.columns.at(-1).root);
    }
    this.body.classList.toggle("t-fill-two", found.models.length > 1);
    found.models.forEach((model, index) => {
      const name = fill(words.model, { name: names[model.run] ?? model.run, step: number(model.step) });
      this.columns[index].draw(model, name);
    });
    this.root.dataset.drawn = name;
    this.paintFoot();
  }

  paintFoot() {
    if (!this.models) return;
    const { code, labels, language, request } = this.data;
    const places = `[${this.models[0].places.join(", ")}]`;
    const theme = themeOf(this.root, this.data.themes);
    const stamp = JSON.stringify([this.shown, code, labels, theme.colors.background]);
    if (stamp === this.footShown) return;
    this.footShown = stamp;
    const file = `terrarium-fill-${request.run}-${request.step}`;
    const drawn = () => drawnSheet(this.columns, themeOf(this.root, this.data.themes));
    const button = (label, address) => {
      const made = make("button", "t-link", label.toUpperCase(), { type: "button" });
      made.onclick = async () => make("a", "", null, { href: await address(), download: `${file}.${label}` }).click();
      return made;
    };
    const asked = encodeURIComponent(JSON.stringify(this.request()));
    const files = [
      button("svg", () => `data:image/svg+xml;charset=utf-8,${encodeURIComponent(drawn().svg)}`),
      button("png", () => asPng(drawn())),
      make("a", "t-link", "CSV", { href: `./fill.csv?lang=${language}&asked=${asked}`, download: `${file}.csv` }),
    ];
    this.foot.replaceChildren(...takeAwayRow(labels.take_away, files, code.replace("{places}", () => places), labels));
  }

  // The page learns what is hidden and picked, so that its link follows.
  tell() {
    clearTimeout(this.telling);
    this.telling = setTimeout(() => this.trigger("moved", { name: `${Date.now()}`, text: this.data.request.text, ...this.at }), REST);
  }

  close() {
    clearTimeout(this.telling);
    this.turn++;
  }
}

export default (component) => mounted(component, (host) => new FillView(host), "t-host t-fill");
