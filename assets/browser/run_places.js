// The trash and the disk, each folded until somebody asks. Stands behind format.js and run_table.js.
class RunPlaces {
  constructor(root, page) {
    Object.assign(this, { root, page });
    this.trash = make("details", "t-runs-folded");
    this.disk = make("details", "t-runs-folded");
    for (const [name, box] of [["trash", this.trash], ["disk", this.disk]]) {
      box.append(make("summary"), make("div"));
      box.ontoggle = () => box.open && this.fetch(name);
    }
    root.append(this.trash, this.disk);
  }

  update() {
    this.trash.firstChild.textContent = this.page.labels.trash;
    this.disk.firstChild.textContent = this.page.labels.disk;
  }

  again() {
    for (const name of ["trash", "disk"]) if (this[name].open) this.fetch(name);
  }

  async fetch(name) {
    if (name === "disk") clearTimeout(this.timer);
    const place = this[name].lastChild;
    try {
      const reply = await fetch(`./runs/${name}.json?lang=${this.page.data.language}`);
      const found = await reply.json();
      if (!reply.ok) place.replaceChildren(make("p", "t-quiet", found.error));
      else if (name === "trash") this.drawTrash(place, found.rows);
      else this.drawDisk(place, found);
      if (found.measuring && this.disk.open && this.root.isConnected) this.timer = setTimeout(() => this.fetch("disk"), 1500);
    } catch {
      place.replaceChildren(make("p", "t-quiet", this.page.labels.offline));
    }
  }

  button(text, deed, primary = false) {
    const button = make("button", primary ? "t-button t-primary" : "t-button", text, { type: "button" });
    button.onclick = deed;
    return button;
  }

  drawTrash(place, rows) {
    const { labels } = this.page;
    if (!rows.length) return place.replaceChildren(make("p", "t-quiet", labels.trash_empty));
    const list = make("ul", "t-runs-trash");
    for (const row of rows.slice(0, 200)) {
      const line = make("li");
      line.append(make("span", "t-runs-trash-name", row.name), make("span", "t-quiet", [bytes(row.size), row.at ? this.page.moment(row.at) : ""].filter(Boolean).join(" · ")));
      const back = this.button(labels.restore, () => this.page.change("restore", [row]));
      back.disabled = !row.may_change;
      line.append(back);
      list.append(line);
    }
    const mine = rows.filter((row) => row.may_change);
    const size = bytes(mine.reduce((sum, row) => sum + row.size, 0));
    const foot = make("div", "t-runs-acts");
    const ask = () => foot.replaceChildren(
      make("span", "", fill(labels.emptying, { count: number(mine.length), size })),
      this.button(labels.empty_now, () => this.page.change("empty", []), true),
      this.button(labels.keep, () => this.fetch("trash")),
    );
    if (mine.length) foot.append(this.button(fill(labels.empty_trash, { count: number(mine.length), size }), ask));
    place.replaceChildren(list, foot);
  }

  drawDisk(place, use) {
    const { labels } = this.page;
    const list = make("dl", "t-facts");
    for (const name of ["runs", "texts", "trash", "free"]) {
      const fact = make("div");
      fact.append(make("dt", "", labels.uses[name]), make("dd", "", bytes(use[name]) + (name === "runs" && use.measuring ? " …" : "")));
      list.append(fact);
    }
    const foot = make("div", "t-runs-acts");
    foot.append(this.button(labels.largest, () => this.page.list.ask({ sort: "size", down: true })));
    if (use.unneeded > 0) {
      const remove = this.button(fill(labels.remove_texts, { size: bytes(use.unneeded) }), () => this.page.change("remove_texts", []));
      remove.disabled = !use.may_change;
      foot.append(remove);
    }
    place.replaceChildren(list, foot);
  }

  close() {
    clearTimeout(this.timer);
  }
}
