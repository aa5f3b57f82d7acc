// The table of runs. Every row keeps its elements and is only ever brought up to date: no button goes from under the
// pointer, however often a step counts on. Names are people's text. Stands behind format.js.
const COLUMNS = ["name", "state", "step", "loss", "size", "created"];
const UP_FIRST = new Set(["name", "state", "loss"]);

class RunTable {
  constructor(list) {
    this.list = list;
    this.lines = new Map();
    this.element = make("table", "t-sheet-table t-runs-table");
    const head = make("thead");
    this.names = make("tr");
    head.append(this.names);
    this.body = make("tbody");
    this.none = make("tr");
    this.none.append(make("td", "t-runs-none", "", { colspan: COLUMNS.length + 1 }));
    this.element.append(head, this.body);
  }

  draw(rows) {
    const { list } = this;
    const { labels } = list.page;
    const focused = this.element.contains(document.activeElement) ? document.activeElement : null;
    this.drawHead();
    const shown = rows.flatMap((row) => [[row, false], ...(list.open.get(row.run) ?? []).map((child) => [child, true])]);
    const stay = new Set(shown.map(([row]) => row.run));
    for (const [run, line] of this.lines) {
      if (stay.has(run)) continue;
      line.element.remove();
      this.lines.delete(run);
    }
    say(this.none.firstChild, list.isAsked ? labels.none_fits : labels.none);
    if (shown.length) this.none.remove();
    else this.body.append(this.none);
    shown.forEach(([row, child], place) => {
      let line = this.lines.get(row.run);
      if (!line) {
        line = new RunLine(list, row.run);
        this.lines.set(row.run, line);
      }
      line.draw(row, child);
      if (this.body.children[place] !== line.element) this.body.insertBefore(line.element, this.body.children[place] ?? null);
    });
    // What was moved, or a heading that was made anew, has lost the focus.
    const lost = focused && focused !== document.activeElement ? focused.dataset.focus : null;
    if (lost) this.element.querySelector(`[data-focus="${CSS.escape(lost)}"]`)?.focus({ preventScroll: true });
  }

  drawHead() {
    const { sort, down } = this.list.query;
    const key = `${sort} ${down}`;
    if (key === this.headKey) return;
    this.headKey = key;
    this.names.replaceChildren(make("th", "t-runs-pick", "", { scope: "col" }), ...COLUMNS.map((column) => {
      const sorted = sort === column;
      const cell = make("th", column === "name" || column === "state" ? "t-sheet-text" : "", null, {
        scope: "col", "aria-sort": sorted ? (down ? "descending" : "ascending") : "none",
      });
      const button = make("button", "t-sheet-sort", this.list.page.labels.columns[column], { type: "button", "data-focus": `column ${column}` });
      button.onclick = () => this.list.ask({ sort: column, down: sorted ? !down : !UP_FIRST.has(column) });
      cell.append(button);
      return cell;
    }));
  }
}

class RunLine {
  constructor(list, run) {
    const { page } = list;
    this.list = list;
    this.element = make("tr", "t-sheet-row", null, { "data-run": run });
    this.pick = make("input", "", null, { type: "checkbox", "data-focus": `pick ${run}` });
    this.pick.onchange = () => page.pick(this.row, this.pick.checked);
    this.mark = make("span", "t-runs-mark", "", { "aria-hidden": "true" });
    this.name = make("button", "t-runs-open", "", { type: "button", "data-focus": run, title: page.labels.open });
    this.name.onclick = () => page.trigger("open", run);
    this.fold = make("button", "t-runs-fold", "", { type: "button", title: page.labels.children, "data-focus": `fold ${run}` });
    this.fold.onclick = () => {
      if (!list.open.delete(run)) list.open.set(run, []);
      list.poll();
    };
    this.tags = make("span");
    this.about = make("small");
    this.problem = make("small", "t-runs-problem");
    this.state = make("span");
    this.bar = make("span", "t-bar");
    this.bar.append(make("span", "t-bar-done"));
    this.stateCell = make("td", "t-sheet-text t-runs-state");
    this.stateCell.append(this.state, this.bar);
    const [pick, name] = [make("td", "t-runs-pick"), make("th", "t-sheet-text t-runs-name", null, { scope: "row" })];
    pick.append(this.pick);
    name.append(this.mark, this.name, this.fold, this.tags, this.about, this.problem);
    this.figures = ["step", "loss", "size", "created"].map(() => make("td"));
    this.element.append(pick, name, this.stateCell, ...this.figures);
  }

  draw(row, child) {
    const { page } = this.list;
    const { labels } = page;
    this.row = row;
    const picked = page.chosen.has(row.run);
    this.element.classList.toggle("t-runs-child", child);
    if (picked) this.element.setAttribute("aria-current", "true");
    else this.element.removeAttribute("aria-current");
    this.pick.checked = picked;
    this.pick.setAttribute("aria-label", fill(labels.select, { name: row.name }));
    const colour = picked ? page.colourOf(row.run) : null;
    this.mark.hidden = !colour;
    this.mark.style.background = colour ?? "";
    say(this.name, row.name);
    const unfolded = this.list.open.has(row.run);
    this.fold.hidden = !row.children;
    say(this.fold, `${unfolded ? "▾" : "▸"} ${number(row.children)}`);
    this.fold.setAttribute("aria-expanded", String(unfolded));
    this.drawTags(row.tags);
    say(this.about, [labels.kinds[row.kind] ?? row.kind, row.recipe, row.corpus, row.bundled ? labels.bundled : this.owner(row)].filter(Boolean).join(" · "));
    this.problem.hidden = !row.problem;
    say(this.problem, row.problem ?? "");
    this.drawState(row);
    const figures = [number(row.step || null), number(row.loss), row.size === null ? "…" : bytes(row.size), row.bundled ? "–" : page.moment(row.created)];
    figures.forEach((text, place) => say(this.figures[place], text));
  }

  drawState(row) {
    this.stateCell.dataset.state = row.state;
    const { labels } = this.list.page;
    say(this.state, row.place ? fill(labels.place, { place: row.place }) : (labels.states[row.state] ?? row.state));
    this.bar.hidden = !(row.steps && ["running", "paused", "preparing", "interrupted"].includes(row.state));
    if (!this.bar.hidden) this.bar.firstChild.style.width = `${Math.min(100, (100 * row.step) / row.steps)}%`;
  }

  drawTags(tags) {
    const key = JSON.stringify(tags);
    if (key === this.tagsKey) return;
    this.tagsKey = key;
    this.tags.replaceChildren(...tags.map((tag) => {
      const chip = make("button", "t-runs-tag", tag, { type: "button", "data-focus": `tag ${this.row.run} ${tag}` });
      chip.onclick = () => this.list.ask({ tag: this.list.query.tag === tag ? "" : tag });
      return chip;
    }));
  }

  owner(row) {
    const { data, labels } = this.list.page;
    if (!data.in_class) return "";
    if (row.own) return labels.yours;
    const [role, code] = row.owner.split("-");
    return role === "teacher" ? labels.teacher : fill(labels.student, { code: (code ?? "").slice(0, 4) });
  }
}

// The same text again would take the reader's selection away.
function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function bytes(count) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const power = Math.min(units.length - 1, count < 1000 ? 0 : Math.floor(Math.log10(count) / 3));
  return `${number(power ? count / 1000 ** power : count)} ${units[power]}`;
}
