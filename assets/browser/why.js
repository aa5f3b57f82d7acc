// What carried a decision: for each family the words of a text by what they add, then the nearest training texts and the
// smallest changes that flip it. Every part is fetched from the route `./why`, one after another, and kept. Texts enter
// the page as text. Stands behind format.js, curve.js (for the theme), takeaway.js and why_picture.js.
const whyKept = new Map(); // question to reply, the one that was used last at the end
const WHY_MOST_KEPT = 120;

async function askWhy(question) {
  const known = whyKept.get(question);
  if (known) {
    whyKept.delete(question);
    whyKept.set(question, known);
    return known;
  }
  const reply = await fetch("./why", { method: "POST", headers: { "Content-Type": "application/json" }, body: question });
  const found = await reply.json().catch(() => ({}));
  if (!reply.ok) return { error: found.error ?? null };
  whyKept.set(question, found);
  if (whyKept.size > WHY_MOST_KEPT) whyKept.delete(whyKept.keys().next().value);
  return found;
}

class Why {
  constructor(root) {
    this.root = root;
    root.className = "t-host t-why";
    this.families = make("div", "t-why-families");
    this.foot = make("div");
    root.append(this.families, this.foot);
    this.turn = 0;
  }

  update({ data }) {
    this.data = data;
    const identity = JSON.stringify(data);
    const dark = themeOf(this.root, { light: false, dark: true });
    this.root.dataset.look = dark ? "dark" : "light";
    if (identity === this.identity) return;
    this.identity = identity;
    this.characters = Array.from(data.text); // Python counts characters, JavaScript half of some
    this.found = new Map();
    this.families.replaceChildren(...data.families.map((family) => this.family(family)));
    this.drawFoot();
    this.run(++this.turn);
  }

  // First the words of all families, which are looked at first; then what takes longer.
  async run(turn) {
    this.root.dataset.state = "looking";
    for (const part of ["words", "nearest", "flips"]) {
      for (const { name } of this.data.families) {
        const { run, text, target, method, language } = this.data;
        const reply = await askWhy(JSON.stringify({ run, family: name, text, target, method, part, language }));
        if (turn !== this.turn) return;
        this.draw(name, part, reply);
      }
    }
    this.root.dataset.state = "done";
    this.drawFoot();
  }

  family({ name, title, sign }) {
    const { labels } = this.data;
    const box = make("section", "t-why-family", null, { "data-family": name });
    const head = make("h4", "t-why-head");
    const mark = make("span", "t-why-sign", sign.glyph, { "aria-hidden": "true" });
    mark.style.setProperty("--light", sign.light);
    mark.style.setProperty("--dark", sign.dark);
    head.append(mark, make("span", "", title), make("span", "t-why-called t-quiet", labels.looking));
    box.append(head);
    for (const part of ["words", "nearest", "flips"]) box.append(make("div", `t-why-${part}`));
    return box;
  }

  draw(name, part, reply) {
    const box = this.families.querySelector(`[data-family="${name}"]`);
    const place = box.querySelector(`.t-why-${part}`);
    if (reply.error !== undefined) {
      place.replaceChildren(make("p", "t-why-error", reply.error ?? this.data.labels.lost));
      if (part === "words") box.querySelector(".t-why-called").textContent = "";
      return;
    }
    if (part === "words") {
      this.found.set(name, reply);
      box.querySelector(".t-why-called").textContent = this.called(reply);
      place.replaceChildren(...this.words(reply), ...(reply.path ? this.path(reply.path) : []));
    } else if (part === "nearest") place.replaceChildren(...this.nearest(reply));
    else place.replaceChildren(...this.flips(reply));
  }

  called({ called, probability }) {
    const { labels, names } = this.data;
    return fill(labels.called, { label: names[called], share: this.share(probability) });
  }

  share(value) {
    return `${(100 * value).toPrecision(3)} %`;
  }

  signed(value) {
    return `${value < 0 ? "−" : "+"}${number(Math.abs(value))}`;
  }

  words(reply) {
    const { labels, names, target } = this.data;
    const most = whyMost(reply.words);
    const line = make("p", "t-why-text", null, { lang: "", dir: "auto" });
    for (const { text, score } of whyPieces(this.characters, reply.words)) {
      if (score === null) line.append(text);
      else {
        const word = make("span", `t-why-word ${score < 0 ? "t-why-against" : "t-why-for"}`, text, { title: this.signed(score) });
        word.style.setProperty("--s", most ? String(Math.abs(score) / most) : "0");
        line.append(word);
      }
    }
    const values = { label: names[target], most: number(most), method: labels.methods[reply.method] };
    const notes = [fill(most ? labels.scale : labels.nothing, values), labels.shows[reply.method]];
    if (reply.complete !== null && reply.baseline !== null) {
      const sum = reply.margin - reply.baseline + reply.delta;
      notes.push(fill(reply.complete ? labels.complete : labels.incomplete, { sum: this.signed(sum), all: this.signed(reply.margin - reply.baseline) }));
    }
    if (Math.abs(reply.rest) > 0.01 * Math.max(most, 1e-9)) notes.push(fill(labels.rest, { rest: this.signed(reply.rest) }));
    return [line, make("p", "t-why-note t-quiet", notes.join(" "))];
  }

  path(path) {
    const { labels } = this.data;
    const list = make("ol", "t-why-path");
    for (const [feature, threshold, value, wentLeft] of path) {
      const item = make("li");
      const asked = fill(labels.question, { word: feature, threshold: number(threshold), value: number(value) });
      item.append(make("span", "", asked), " ", make("strong", "", wentLeft ? labels.no : labels.yes));
      list.append(item);
    }
    return path.length ? [make("p", "t-why-note t-quiet", labels.path), list] : [make("p", "t-why-note t-quiet", labels.no_path)];
  }

  nearest({ by, of, found }) {
    const { labels, names } = this.data;
    const note = fill(labels.nearest[by], { of: number(of) });
    if (!found.length) return [make("h5", "", labels.nearest_title), make("p", "t-why-note t-quiet", labels.nearest.none)];
    const list = make("ol", "t-why-near");
    for (const { text, label, row, cosine } of found) {
      const item = make("li");
      const about = fill(labels.near, { label: names[label], cosine: number(cosine), row: number(row) });
      item.append(make("span", "t-why-small", text, { dir: "auto" }), make("span", "t-quiet", about));
      list.append(item);
    }
    return [make("h5", "", labels.nearest_title), make("p", "t-why-note t-quiet", note), list];
  }

  flips(reply) {
    const { labels } = this.data;
    const rows = [make("h5", "", labels.flips_title), make("p", "t-why-note t-quiet", labels.flips_note)];
    for (const [kind, { found, smallest, judged, timed_out: late, possible }] of Object.entries(reply)) {
      const title = make("p", "t-why-kind", labels.kinds[kind]);
      const said = !possible ? labels.no_change : !found.length ? (late ? labels.late : labels.none) : smallest ? labels.smallest : labels.perhaps;
      title.append(" ", make("span", "t-quiet", fill(said, { count: number(judged) })));
      rows.push(title);
      if (!found.length) continue;
      const list = make("ul", "t-why-changes");
      list.append(...found.map((one) => this.flip(one)));
      rows.push(list);
    }
    return rows;
  }

  // The text with what is gone struck through and what came marked; long stretches between are left out.
  flip({ label, probability, edits }) {
    const { names, labels } = this.data;
    const item = make("li");
    const line = make("span", "t-why-small", null, { dir: "auto" });
    let at = 0;
    for (const [start, end, replacement] of edits) {
      line.append(whyShort(this.characters, at, start, at > 0, true), make("del", "", this.characters.slice(start, end).join("")));
      if (replacement) line.append(make("ins", "", replacement));
      at = end;
    }
    line.append(whyShort(this.characters, at, this.characters.length, true, false));
    item.append(line, make("span", "t-quiet", fill(labels.becomes, { label: names[label], share: this.share(probability) })));
    return item;
  }

  drawFoot() {
    const { data } = this;
    URL.revokeObjectURL(this.address);
    const replies = data.families.map(({ name }) => this.found.get(name)).filter(Boolean);
    const files = [];
    if (replies.length) {
      const svg = make("button", "t-link", "SVG", { type: "button" });
      svg.onclick = () => this.save();
      const [first, ...others] = replies.map(({ csv }) => csv);
      const table = [first, ...others.map((csv) => csv.slice(csv.indexOf("\n") + 1))].join("");
      // With a byte-order mark spreadsheets read it as UTF-8.
      this.address = URL.createObjectURL(new Blob(["\ufeff", table], { type: "text/csv;charset=utf-8" }));
      files.push(svg, make("a", "t-link", "CSV", { href: this.address, download: `${data.name}.csv` }));
    }
    this.foot.replaceChildren(...takeAwayRow(data.labels.take_away, files, data.code, data.labels));
  }

  save() {
    const rows = this.data.families
      .filter(({ name }) => this.found.has(name))
      .map(({ name, title }) => {
        const reply = this.found.get(name);
        return { title: `${title} · ${this.data.labels.methods[reply.method]} · ${this.called(reply)}`, words: reply.words };
      });
    const picture = whyPicture(this.characters, rows, this.data.colors);
    const address = URL.createObjectURL(new Blob([picture], { type: "image/svg+xml" }));
    const link = make("a", "", null, { href: address, download: `${this.data.name}.svg` });
    link.click();
    URL.revokeObjectURL(address);
  }

  close() {
    this.turn = -1;
    URL.revokeObjectURL(this.address);
  }
}

export default (component) => mounted(component, (host) => new Why(host));
