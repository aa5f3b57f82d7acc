// The tree of a text: a line for each branch, from the token where it leaves its parent to its end, each token as dark as
// it was likely. Stands behind generated.js, generated_files.js and next_token.js.
class Branches extends Generated {
  reset() {
    this.texts = new Map();
  }

  refresh() {
    if (!this.reading && this.missing().length) this.begin();
  }

  missing() {
    return this.data.rows.filter((row) => !this.texts.has(row.request.identity));
  }

  async work(follow) {
    // The one that is read below is being written there: it comes last, and is then ready.
    const { rows, at } = this.data;
    for (let row; (row = this.missing().sort((one, other) => (one === rows[at]) - (other === rows[at]))[0]); ) {
      const { identity, ...request } = row.request;
      const text = { tokens: [] };
      await follow(this.data.url, request, (part) => text.tokens.push(...(part.tokens ?? [])));
      this.texts.set(identity, text);
    }
  }

  tell() {
    return this.reading ? null : this.data.rows.length < 2 ? this.words.alone : "";
  }

  files() {
    return [...pictureButtons(this), csvButton(this)];
  }

  // Children under their parents, the earliest first.
  ordered() {
    const { rows } = this.data;
    const below = (number) => {
      const children = rows.map((_row, child) => child).filter((child) => child && rows[child].parent === number);
      return children.sort((one, other) => rows[one].place - rows[other].place || one - other).flatMap((child) => [child, ...below(child)]);
    };
    return [0, ...below(0)];
  }

  told(number) {
    const tokens = this.texts.get(this.data.rows[number].request.identity)?.tokens;
    if (!tokens) return null;
    const total = bitsOf(tokens.map(surenessOf));
    return { tokens, total, mean: tokens.length ? total / tokens.length : 0 };
  }

  table() {
    return this.ordered().map((number) => {
      const row = this.data.rows[number];
      const told = this.told(number);
      const own = (told?.tokens ?? []).slice(row.place).map((token) => token.text).join("");
      return [number, number ? row.parent : null, row.place + 1, row.token, told?.tokens.length, told?.total, told?.mean, own];
    });
  }

  draw() {
    const { words, data } = this;
    const order = this.ordered();
    const width = this.width();
    const longest = Math.max(16, ...order.map((number) => this.told(number)?.tokens.length ?? data.rows[number].place + 8));
    const [left, right, high] = [8, 34, 52];
    const x = (place) => left + ((width - left - right) * place) / longest;
    const y = (number) => 30 + order.indexOf(number) * high;
    const svg = drawn("svg", { width, height: order.length * high + 14, class: "t-gen-tree" });
    for (const number of order) {
      if (!number) continue;
      const { parent, place } = data.rows[number];
      const [at, from, to] = [x(place), y(parent), y(number)];
      svg.append(drawn("path", { d: `M${at - 7},${from} C${at - 7},${to - 20} ${at - 7},${to} ${at},${to}`, class: "t-gen-stem" }));
    }
    for (const number of order) svg.append(this.branch(number, x, y(number), width, right));
    const focused = this.stage.contains(document.activeElement) ? document.activeElement.dataset?.branch : undefined;
    this.svg = svg;
    this.stage.replaceChildren(svg);
    if (focused !== undefined) svg.querySelector(`[data-branch="${focused}"]`)?.focus();
    this.root.dataset.branches = String(data.rows.length);
  }

  branch(which, x, y, width, right) {
    const { words, data } = this;
    const row = data.rows[which];
    const told = this.told(which);
    const own = (told?.tokens ?? []).slice(row.place);
    const name = which ? `${visible(row.token)} · ${fill(words.begins, { position: row.place + 1 })}` : words.trunk;
    const group = drawn("g", { class: which === data.at ? "t-gen-branch t-gen-at" : "t-gen-branch", role: "button", tabindex: 0, "data-branch": which });
    const [from, to] = [x(row.place), x(row.place + Math.max(own.length, 1))];
    group.append(drawn("rect", { x: 0, y: y - 26, width: width - right + 4, height: 50, rx: 6, class: "t-gen-catch" }));
    own.forEach((token, index) => {
      const at = x(row.place + index);
      group.append(drawn("rect", { x: at, y: y - 3, width: Math.max(1, x(row.place + index + 1) - at - (x(1) - x(0) > 4 ? 1 : 0)), height: 7, class: "t-gen-likely", style: `--p: ${token.probability.toFixed(3)}` }));
    });
    if (!own.length) group.append(drawn("line", { x1: from, x2: to, y1: y, y2: y, class: "t-gen-stem" }));
    // What does not fit on the right of its beginning stands to the left of the end.
    const narrow = width - from < 230;
    const room = Math.floor((narrow ? width - right : width - right - from) / 7.6);
    const words_of = own.slice(0, 40).map((token) => token.text).join("").replace(/\s+/g, " ").trim();
    const place = narrow ? { x: width - right, class: "t-gen-first t-gen-end" } : { x: from, class: "t-gen-first" };
    group.append(drawn("text", { ...place, y: y - 9 }, croppedWide(words_of || (told ? "∅" : "…"), room)));
    const said = told ? fill(words.bits, { bits: number(told.mean) }) : "";
    group.append(drawn("text", { ...place, y: y + 19, class: `t-gen-small${narrow ? " t-gen-end" : ""}` }, [name, said].filter(Boolean).join(" · ")));
    const about = told ? fill(words.about, { name, count: told.tokens.length, total: number(told.total), bits: number(told.mean) }) : name;
    group.prepend(drawn("title", {}, about));
    group.setAttribute("aria-label", about);
    if (which === data.at) group.setAttribute("aria-current", "true");
    const go = () => this.trigger("chosen", which);
    group.onclick = go;
    group.onkeydown = (event) => {
      if (event.key === "Enter" || event.key === " ") go();
      if (event.key === "Delete" && which) this.trigger("removed", which);
    };
    if (!which) return group;
    const both = drawn("g");
    const remove = drawn("g", { class: "t-gen-remove", role: "button", tabindex: 0, "aria-label": words.remove });
    remove.append(drawn("title", {}, words.remove), drawn("rect", { x: width - 28, y: y - 14, width: 28, height: 28, class: "t-gen-catch" }), drawn("text", { x: width - 14, y: y + 5 }, "✕"));
    remove.onclick = () => this.trigger("removed", which);
    remove.onkeydown = (event) => {
      if (event.key === "Enter" || event.key === " ") this.trigger("removed", which);
    };
    both.append(group, remove);
    return both;
  }
}

// A Chinese sign takes up about the room of two letters.
function croppedWide(text, most) {
  let room = most;
  const kept = [];
  for (const sign of text) {
    room -= sign.codePointAt(0) > 0x2e7f ? 1.9 : 1;
    if (room < 1) return `${kept.join("")}…`;
    kept.push(sign);
  }
  return text;
}
