// The page Runs: table, overlay, settings, trash and disk share what is chosen. What is chosen stands in the address.
// Stands behind all the other files of the page.
class RunPage {
  constructor(root) {
    root.className = "t-host t-runs-page";
    this.root = root;
    this.chosen = new Map();
    this.message = null;
  }

  update({ data, setTriggerValue }) {
    this.data = data;
    this.labels = data.labels;
    this.trigger = setTriggerValue;
    document.documentElement.lang = data.language;
    if (this.language !== data.language) this.begin(); // every word, and what comes from the server, is another
    else {
      this.guide.replaceChildren(...this.lines());
      this.show();
      if (data.turn !== this.turn) this.list.poll();
    }
    this.turn = data.turn;
    this.language = data.language;
  }

  begin() {
    this.close();
    this.root.replaceChildren();
    this.message = null;
    const part = (tag = "section") => {
      const element = make(tag, "t-runs-part");
      this.root.append(element);
      return element;
    };
    this.list = new RunList(part(), this);
    this.curves = new RunCurves(part(), this);
    this.settings = new RunSettings(part(), this);
    this.guide = part();
    this.guide.classList.add("t-guide");
    this.guide.append(...this.lines());
    this.places = new RunPlaces(part(), this);
    const named = (linked("runs") ?? "").split(",").filter((run) => /^[a-z0-9][a-z0-9_-]{0,63}$/.test(run)).slice(0, 100);
    for (const run of named) this.chosen.set(run, this.known(run) ?? { run, name: run, tags: [], may_change: false, size: 0 });
    this.list.begin();
    this.show();
    if (named.length) this.find(named);
  }

  // What an address names may stand on another page of the table.
  async find(named) {
    try {
      const reply = await fetch(`./runs.json?${new URLSearchParams({ only: named.join(","), lang: this.data.language })}`);
      if (!reply.ok) return;
      for (const row of (await reply.json()).rows) if (this.chosen.has(row.run)) this.chosen.set(row.run, row);
      this.show();
    } catch {
      // The server is away: the runs keep their ids for names.
    }
  }

  known(run) {
    return this.list.reply?.rows.find((row) => row.run === run);
  }

  lines() {
    return [make("h2", "t-title", this.labels.what), ...this.labels.guide.map(({ text, button, view }) => {
      const line = make("p", "", `${text} `);
      const act = make("button", "t-link", button, { type: "button" });
      act.onclick = () => this.look(view);
      line.append(act);
      return line;
    })];
  }

  look({ runs, ...view }) {
    if (runs) {
      this.chosen.clear();
      for (const row of runs) this.chosen.set(row.run, this.known(row.run) ?? { tags: [], may_change: false, size: 0, ...row });
      this.curves.set(view);
      this.chose();
      this.curves.root.scrollIntoView({ behavior: calm() ? "auto" : "smooth", block: "nearest" });
    } else this.list.ask({ q: "", kind: "", state: "", tag: "", ...view });
  }

  pick(row, on) {
    if (on) this.chosen.set(row.run, row);
    else this.chosen.delete(row.run);
    this.chose();
  }

  clear() {
    this.chosen.clear();
    this.chose();
  }

  chose() {
    link("runs", this.chosen.size ? [...this.chosen.keys()].join(",") : null);
    this.message = null;
    this.show();
  }

  show() {
    this.list.draw();
    this.curves.update();
    this.settings.update();
    this.places.update();
  }

  // ---- colours: by the run itself, so that it keeps its own in every link; two that are shown together differ

  slotOf(run) {
    const { categories } = themeOf(this.root, this.data.themes).colors;
    const shown = [...this.chosen.keys()].slice(0, MOST_CURVES);
    const taken = new Set();
    let found = null;
    for (const one of shown) {
      let slot = 0;
      for (const sign of one) slot = (slot * 31 + sign.codePointAt(0)) % (categories.length * DASHES.length);
      const hue = slot % categories.length;
      for (let tried = 0; taken.has(slot) && tried < categories.length * DASHES.length; tried++) slot = (slot + 1) % (categories.length * DASHES.length);
      if (taken.size < categories.length) {
        slot = hue;
        while (taken.has(slot)) slot = (slot + 1) % categories.length;
      }
      taken.add(slot);
      if (one === run) found = slot;
    }
    return found;
  }

  colourOf(run) {
    const slot = this.slotOf(run);
    const { categories } = themeOf(this.root, this.data.themes).colors;
    return slot === null ? null : categories[slot % categories.length];
  }

  dashOf(run) {
    const slot = this.slotOf(run) ?? 0;
    return DASHES[Math.floor(slot / themeOf(this.root, this.data.themes).colors.categories.length)];
  }

  moment(seconds) {
    return new Date(seconds * 1000).toLocaleString(this.data.language === "zh" ? "zh-CN" : "en-GB", { dateStyle: "medium", timeStyle: "short" });
  }

  // Have the server do something to runs; what it refuses is said, and the rest is done.
  async change(deed, rows, more = {}) {
    try {
      const reply = await fetch("./runs/change", {
        method: "POST", headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ deed, runs: rows.map((row) => row.run), language: this.data.language, ...more }),
      });
      const found = reply.status === 404 || reply.ok ? await reply.json() : { error: this.labels.offline };
      if (deed === "delete") for (const run of found.done ?? []) this.chosen.delete(run);
      link("runs", this.chosen.size ? [...this.chosen.keys()].join(",") : null);
      this.curves.update(); // asks no more for what is gone
      const count = Array.isArray(found.done) ? found.done.length : found.done;
      const said = { delete: this.labels.deleted, restore: this.labels.restored, empty: this.labels.emptied }[deed];
      this.message = found.error ?? [
        ...(said && count ? [fill(said, { count: number(count) })] : []),
        ...(deed === "remove_texts" ? [fill(this.labels.freed, { size: bytes(count) })] : []),
        ...(found.refused ?? []).slice(0, 5).map(({ error }) => error),
      ].join(" ");
    } catch {
      this.message = this.labels.offline;
    }
    await this.list.poll();
    this.show();
    this.places.again();
  }

  close() {
    for (const part of [this.list, this.curves, this.settings, this.places]) part?.close();
  }
}

export default (component) => mounted(component, (host) => new RunPage(host));
