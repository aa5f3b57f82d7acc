// The table of runs: one page of it at a time, fetched by search, filter and order, and drawn anew only where it changed.
// Names are people's text. Stands behind format.js and address.js.
const COLUMNS = ["name", "state", "step", "loss", "size", "created"];
const UP_FIRST = new Set(["name", "state", "loss"]);
const FILTERS = ["kind", "state", "tag"];

class RunList {
  constructor(root, page) {
    this.page = page;
    this.root = root;
    this.turn = 0;
    this.open = new Map(); // the runs whose children are shown, with their rows
    this.query = { q: linked("q") ?? "", sort: linked("sort") ?? "created", down: linked("down") !== "0", page: 0, own: linked("own") === "1" };
    for (const name of FILTERS) this.query[name] = linked(name) ?? "";
    if (!COLUMNS.includes(this.query.sort)) this.query.sort = "created";
    this.bar = make("div", "t-runs-bar");
    this.acts = make("div", "t-runs-acts");
    this.scroller = make("div", "t-sheet-scroll t-runs-scroll", null, { tabindex: 0, role: "region" });
    this.table = make("table", "t-sheet-table t-runs-table");
    this.scroller.append(this.table);
    this.foot = make("div", "t-runs-foot");
    this.said = make("p", "t-quiet t-runs-said", "", { role: "status" });
    root.append(this.bar, this.acts, this.said, this.scroller, this.foot);
    const first = page.data.first;
    if (first && !this.isAsked) this.take(first);
  }

  get isAsked() {
    const { q, kind, state, tag, sort, down, own } = this.query;
    return Boolean(q || kind || state || tag || own || sort !== "created" || !down);
  }

  begin() {
    this.drawBar();
    this.scroller.setAttribute("aria-label", this.page.labels.title);
    if (this.reply) {
      this.draw();
      this.later(this.reply.measuring ? 700 : this.reply.poll_milliseconds);
    } else this.poll();
  }

  get address() {
    const { page } = this;
    const asked = new URLSearchParams({ lang: page.data.language, page: this.query.page, sort: this.query.sort, down: this.query.down ? "1" : "0" });
    for (const name of ["q", ...FILTERS]) if (this.query[name]) asked.set(name, this.query[name]);
    if (this.query.own) asked.set("own", "1");
    return asked;
  }

  async poll() {
    clearTimeout(this.timer);
    this.turn += 1;
    const { turn } = this;
    let wait = 5000;
    try {
      const reply = await fetch(`./runs.json?${this.address}`);
      const found = await reply.json();
      if (turn !== this.turn) return;
      this.trouble = reply.ok ? null : found.error;
      if (reply.ok) {
        await this.fetchChildren(turn);
        if (turn !== this.turn) return;
        this.take(found);
        wait = found.measuring ? 1000 : found.poll_milliseconds;
      }
    } catch {
      if (turn !== this.turn) return;
      this.trouble = this.page.labels.offline;
    }
    this.draw();
    this.later(wait);
  }

  async fetchChildren(turn) {
    for (const run of [...this.open.keys()]) {
      const reply = await fetch(`./runs.json?parent=${run}&lang=${this.page.data.language}`);
      if (turn !== this.turn) return;
      if (reply.ok) this.open.set(run, (await reply.json()).rows);
      else this.open.delete(run);
    }
  }

  later(wait) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.poll(), document.hidden ? wait * 4 : wait);
  }

  take(reply) {
    this.reply = reply;
    // What is chosen follows its row.
    for (const row of reply.rows) if (this.page.chosen.has(row.run)) this.page.chosen.set(row.run, row);
    if (reply.page >= reply.pages) {
      this.query.page = reply.pages - 1;
      this.later(0);
    }
  }

  // Another question: the first page of its answer, and the address says it.
  ask(changes) {
    Object.assign(this.query, { page: 0 }, changes);
    for (const name of ["q", ...FILTERS]) link(name, this.query[name] || null);
    link("sort", this.query.sort === "created" ? null : this.query.sort);
    link("down", this.query.down ? null : "0");
    link("own", this.query.own ? "1" : null);
    this.drawBar();
    this.root.classList.add("t-runs-busy");
    this.poll();
  }

  // ---- search and filters

  drawBar() {
    const { labels, data } = this.page;
    if (!this.search) {
      this.search = make("input", "t-runs-search", null, { type: "search", "aria-label": labels.search, placeholder: labels.search, maxlength: 200 });
      this.search.value = this.query.q;
      this.search.oninput = () => {
        clearTimeout(this.typing);
        this.typing = setTimeout(() => this.ask({ q: this.search.value.trim() }), 120);
      };
      this.choices = FILTERS.map((name) => {
        const choice = make("select", "t-runs-choice", null, { "aria-label": labels.filters[name] });
        choice.onchange = () => this.ask({ [name]: choice.value });
        return choice;
      });
      this.bar.append(this.search, ...this.choices);
      if (data.in_class) {
        this.own = make("button", "t-button", labels.own, { type: "button" });
        this.own.onclick = () => this.ask({ own: !this.query.own });
        this.bar.append(this.own);
      }
    }
    if (document.activeElement !== this.search) this.search.value = this.query.q;
    if (this.own) this.own.setAttribute("aria-pressed", String(this.query.own));
    const counts = { kind: this.reply?.kinds ?? {}, state: this.reply?.states ?? {}, tag: Object.fromEntries((this.reply?.tags ?? []).map((tag) => [tag, null])) };
    FILTERS.forEach((name, index) => {
      const values = { ...counts[name], ...(this.query[name] && !(this.query[name] in counts[name]) ? { [this.query[name]]: 0 } : {}) };
      const key = JSON.stringify([values, this.query[name]]);
      const choice = this.choices[index];
      if (choice.dataset.key === key) return;
      choice.dataset.key = key;
      const option = (value, text) => {
        const one = make("option", "", text, { value });
        one.selected = value === this.query[name];
        return one;
      };
      choice.replaceChildren(
        option("", labels.filters[name]),
        ...Object.entries(values).map(([value, count]) => option(value, count === null ? value : `${this.said_of(name, value)} · ${number(count)}`)),
      );
      choice.hidden = name === "tag" && Object.keys(values).length === 0;
    });
  }

  said_of(name, value) {
    const { labels } = this.page;
    return (name === "kind" ? labels.kinds : labels.states)[value] ?? value;
  }

  // ---- the table

  draw() {
    const { labels } = this.page;
    this.root.classList.remove("t-runs-busy");
    this.drawBar();
    this.said.textContent = this.trouble ?? this.page.message ?? "";
    if (!this.reply) return;
    const key = JSON.stringify([this.reply.rows, [...this.open], [...this.page.chosen], this.query, labels.title, this.page.colours()]);
    if (key !== this.drawn) {
      this.drawn = key;
      this.drawTable();
    }
    this.drawFoot();
    this.drawActs();
  }

  drawTable() {
    const { labels } = this.page;
    const focused = this.table.contains(document.activeElement) ? document.activeElement.dataset.focus : null;
    const names = make("tr");
    names.append(make("th", "t-runs-pick", "", { scope: "col" }), ...COLUMNS.map((column) => this.head(column)));
    const head = make("thead");
    head.append(names);
    const body = make("tbody");
    for (const row of this.reply.rows) {
      body.append(this.row(row));
      for (const child of this.open.get(row.run) ?? []) body.append(this.row(child, true));
    }
    if (!this.reply.rows.length) {
      const line = make("tr");
      line.append(make("td", "t-runs-none", this.isAsked ? labels.none_fits : labels.none, { colspan: COLUMNS.length + 1 }));
      body.append(line);
    }
    this.table.replaceChildren(head, body);
    if (focused) this.table.querySelector(`[data-focus="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  }

  head(column) {
    const sorted = this.query.sort === column;
    const cell = make("th", column === "name" || column === "state" ? "t-sheet-text" : "", null, {
      scope: "col", "aria-sort": sorted ? (this.query.down ? "descending" : "ascending") : "none",
    });
    const button = make("button", "t-sheet-sort", this.page.labels.columns[column], { type: "button", "data-focus": `column ${column}` });
    button.onclick = () => this.ask({ sort: column, down: sorted ? !this.query.down : !UP_FIRST.has(column) });
    cell.append(button);
    return cell;
  }

  row(row, child = false) {
    const { labels, chosen } = this.page;
    const line = make("tr", `t-sheet-row${child ? " t-runs-child" : ""}`, null, { "data-run": row.run });
    const picked = chosen.has(row.run);
    if (picked) line.setAttribute("aria-current", "true");
    const pick = make("input", "", null, { type: "checkbox", "aria-label": fill(labels.select, { name: row.name }), "data-focus": `pick ${row.run}` });
    pick.checked = picked;
    pick.onchange = () => this.page.pick(row, pick.checked);
    const first = make("td", "t-runs-pick");
    first.append(pick);
    line.append(first, this.nameCell(row), this.stateCell(row), this.cell(number(row.step || null)), this.cell(number(row.loss)));
    line.append(this.cell(row.size === null ? "…" : bytes(row.size)), this.cell(row.bundled ? "–" : this.page.moment(row.created)));
    return line;
  }

  nameCell(row) {
    const { labels } = this.page;
    const cell = make("th", "t-sheet-text t-runs-name", null, { scope: "row" });
    const colour = this.page.colourOf(row.run);
    if (colour) {
      const mark = make("span", "t-runs-mark", "", { "aria-hidden": "true" });
      mark.style.background = colour;
      cell.append(mark);
    }
    const name = make("button", "t-runs-open", row.name, { type: "button", "data-focus": row.run, title: labels.open });
    name.onclick = () => this.page.trigger("open", row.run);
    cell.append(name);
    if (row.children) {
      const shown = this.open.has(row.run);
      const fold = make("button", "t-runs-fold", `${shown ? "▾" : "▸"} ${number(row.children)}`, {
        type: "button", "aria-expanded": String(shown), title: labels.children, "data-focus": `fold ${row.run}`,
      });
      fold.onclick = () => {
        if (shown) this.open.delete(row.run);
        else this.open.set(row.run, []);
        this.poll();
      };
      cell.append(fold);
    }
    for (const tag of row.tags) {
      const chip = make("button", "t-runs-tag", tag, { type: "button", "data-focus": `tag ${row.run} ${tag}` });
      chip.onclick = () => this.ask({ tag: this.query.tag === tag ? "" : tag });
      cell.append(chip);
    }
    const about = [labels.kinds[row.kind] ?? row.kind, row.recipe, row.corpus, row.bundled ? labels.bundled : this.owner(row)];
    cell.append(make("small", "", about.filter(Boolean).join(" · ")));
    if (row.problem) cell.append(make("small", "t-runs-problem", row.problem));
    return cell;
  }

  owner(row) {
    const { data, labels } = this.page;
    if (!data.in_class) return "";
    if (row.own) return labels.yours;
    const [role, code] = row.owner.split("-");
    return role === "teacher" ? labels.teacher : fill(labels.student, { code: (code ?? "").slice(0, 4) });
  }

  stateCell(row) {
    const cell = make("td", "t-sheet-text t-runs-state", null, { "data-state": row.state });
    cell.append(make("span", "", this.page.labels.states[row.state] ?? row.state));
    if (row.steps && ["running", "paused", "preparing", "interrupted"].includes(row.state)) {
      const bar = make("span", "t-bar");
      bar.append(make("span", "t-bar-done"));
      bar.firstChild.style.width = `${Math.min(100, (100 * row.step) / row.steps)}%`;
      cell.append(bar);
    }
    return cell;
  }

  cell(text) {
    return make("td", "", text);
  }

  drawFoot() {
    const { labels } = this.page;
    const { page, pages, total, all, rows } = this.reply;
    const size = this.page.data.rows;
    const step = (text, to, off) => {
      const button = make("button", "t-button", text, { type: "button" });
      button.disabled = off;
      button.onclick = () => this.ask({ page: to });
      return button;
    };
    const from = total ? page * size + 1 : 0;
    const count = fill(total === all ? labels.range : labels.range_of, { from: number(from), to: number(from ? from + rows.length - 1 : 0), total: number(total), all: number(all) });
    const table = make("a", "t-link", "CSV", { href: `./runs.csv?${this.address}`, download: "terrarium-runs.csv" });
    const key = JSON.stringify([count, page, pages, this.address.toString()]);
    if (this.footKey === key) return;
    this.footKey = key;
    this.foot.replaceChildren(make("span", "t-quiet", count), ...(pages > 1 ? [step(labels.before, page - 1, page === 0), step(labels.after, page + 1, page >= pages - 1)] : []), table);
  }

  // ---- what is done to the chosen runs

  drawActs() {
    const { labels, chosen } = this.page;
    const rows = [...chosen.values()];
    const may = rows.filter((row) => row.may_change);
    const key = JSON.stringify([rows, this.acting, labels.title]);
    if (key === this.actsKey) return;
    this.actsKey = key;
    if (!rows.length) {
      this.acting = null;
      this.acts.replaceChildren(make("span", "t-quiet", labels.choose));
      return;
    }
    const act = (name, deed, off = false) => {
      const button = make("button", "t-button", labels.acts[name], { type: "button" });
      button.disabled = off;
      button.onclick = deed;
      return button;
    };
    const ask = (name) => () => {
      this.acting = this.acting === name ? null : name;
      this.drawActs();
      this.acts.querySelector("input")?.focus();
    };
    const zip = rows.length === 1 ? [make("a", "t-button t-runs-zip", labels.acts.zip, { href: `./runs/${encodeURIComponent(rows[0].run)}.zip`, download: `terrarium-${rows[0].run}.zip` })] : [];
    this.acts.replaceChildren(
      make("span", "", fill(labels.chosen, { count: number(rows.length) })),
      act("clear", () => this.page.clear()),
      ...(rows.length === 1 ? [act("rename", ask("rename"), !may.length)] : []),
      act("tag", ask("tag"), !may.length),
      ...zip,
      act("delete", ask("delete"), !may.length),
      ...this.question(rows, may),
    );
  }

  question(rows, may) {
    const { labels } = this.page;
    if (!this.acting) return [];
    const form = make("form", "t-runs-form");
    const send = make("button", "t-button t-primary", labels.confirm[this.acting], { type: "submit" });
    if (this.acting === "delete") {
      form.append(make("span", "", fill(may.length === rows.length ? labels.deleting : labels.deleting_some, { count: number(may.length), size: bytes(may.reduce((sum, row) => sum + (row.size ?? 0), 0)), others: number(rows.length - may.length) })), send);
    } else {
      const field = make("input", "t-runs-search", null, { type: "text", "aria-label": labels.fields[this.acting], placeholder: labels.fields[this.acting], maxlength: this.acting === "tag" ? 24 : 200 });
      if (this.acting === "rename") field.value = rows[0].name;
      form.append(field, send);
      const tags = this.acting === "tag" ? [...new Set(may.flatMap((row) => row.tags))] : [];
      for (const tag of tags) {
        const off = make("button", "t-runs-tag", `${tag} ×`, { type: "button", title: fill(labels.untag, { tag }) });
        off.onclick = () => this.page.change("untag", may, { tags: [tag] });
        form.append(off);
      }
    }
    form.onsubmit = (event) => {
      event.preventDefault();
      const text = form.querySelector("input")?.value.trim() ?? "";
      const deed = this.acting;
      if (deed !== "delete" && !text) return;
      this.acting = null;
      this.page.change(deed, may, deed === "rename" ? { name: text } : deed === "tag" ? { tags: [text] } : {});
    };
    return [form];
  }

  close() {
    clearTimeout(this.timer);
    clearTimeout(this.typing);
    this.turn += 1;
  }
}

function bytes(count) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const power = Math.min(units.length - 1, count < 1000 ? 0 : Math.floor(Math.log10(count) / 3));
  return `${number(power ? count / 1000 ** power : count)} ${units[power]}`;
}
