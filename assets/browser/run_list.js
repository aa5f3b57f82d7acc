// The list of runs: one page of it at a time, fetched by search, filter and order. Stands behind format.js, address.js,
// run_table.js and run_acts.js.
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
    const acts = make("div", "t-runs-acts");
    this.acts = new RunActs(acts, page);
    this.scroller = make("div", "t-sheet-scroll t-runs-scroll", null, { tabindex: 0, role: "region" });
    this.table = new RunTable(this);
    this.scroller.append(this.table.element);
    this.foot = make("div", "t-runs-foot");
    this.said = make("p", "t-quiet t-runs-said", "", { role: "status" });
    root.append(this.bar, acts, this.said, this.scroller, this.foot);
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
        await this.fetchChildren(found.rows, turn);
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

  async fetchChildren(rows, turn) {
    for (const { run } of rows) {
      if (!this.open.has(run)) continue;
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
    this.page.curves?.follow(reply.rows);
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
    return (name === "kind" ? labels.kinds : { ...labels.states, waiting: labels.queued })[value] ?? value;
  }

  // ---- what stands below

  draw() {
    this.root.classList.remove("t-runs-busy");
    this.drawBar();
    this.said.textContent = this.trouble ?? this.page.message ?? "";
    if (!this.reply) return;
    this.table.draw(this.reply.rows);
    this.drawFoot();
    this.acts.draw();
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

  close() {
    clearTimeout(this.timer);
    clearTimeout(this.typing);
    this.turn += 1;
  }
}
