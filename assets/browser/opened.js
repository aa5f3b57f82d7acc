// One step, opened: the batch that it learned from, token by token, and what it did to each part of the model. Fetched from
// `./opened/<run>/<step>` when it is looked at: what was written of a step never changes.
const ROWS_SHOWN = 3;

class OpenedStep extends Panel {
  build() {
    const { labels } = this;
    this.root.className = "t-opened";
    this.asked = wholeIn("opened");
    this.replies ??= new Map();
    const head = make("div", "t-row");
    this.title = make("h3", "t-title");
    this.before = make("button", "t-button", labels.opened_before, { type: "button" });
    this.after = make("button", "t-button", labels.opened_after, { type: "button" });
    this.before.onclick = () => this.go(-1);
    this.after.onclick = () => this.go(1);
    const turns = make("div", "t-actions");
    turns.append(this.before, this.after);
    head.append(this.title, turns);
    this.advice = make("p", "t-said", labels.opened_advice);
    this.body = make("div");
    this.empty = make("p", "t-quiet");
    this.foot = panelFoot(labels, {
      name: () => `terrarium-${this.data.run}-step-${this.step}`,
      picture: (format) => this.save(format),
      table: () => this.table(),
      code: this.data.code.opened,
    });
    this.root.replaceChildren(head, this.empty, this.advice, this.body, this.foot);
    this.shown = null;
    this.whole = false;
  }

  changed() {
    this.replies = new Map();
    this.shown = null;
    this.whole = false;
  }

  get steps() {
    return [...this.feed.opened].sort((a, b) => a - b);
  }

  go(way) {
    const steps = this.steps;
    const next = steps[steps.indexOf(this.step) + way];
    if (next === undefined) return;
    this.asked = next === steps.at(-1) ? null : next; // at the end it follows the newest
    link("opened", this.asked);
    this.soon();
  }

  paint() {
    const { labels, steps } = this;
    const empty = !steps.length;
    for (const node of [this.title, this.before, this.after, this.body, this.advice, this.foot]) node.hidden = empty;
    this.empty.hidden = !empty;
    this.empty.textContent = labels.no_opened;
    if (empty) return;
    this.step = steps.includes(this.asked) ? this.asked : steps.at(-1);
    const at = steps.indexOf(this.step);
    this.before.disabled = at === 0;
    this.after.disabled = at === steps.length - 1;
    this.title.textContent = fill(labels.opened_title, { step: number(this.step), place: at + 1, all: steps.length });
    const reply = this.replies.get(this.step);
    if (reply === undefined) this.fetch(this.step);
    else if (reply) this.paintReply(reply);
    this.advice.hidden = this.foot.hidden = !reply || Boolean(reply.error);
  }

  async fetch(step) {
    const { replies, data } = this;
    replies.set(step, null);
    try {
      const answer = await fetch(`./opened/${encodeURIComponent(data.run)}/${step}?lang=${data.language}`);
      replies.set(step, await answer.json());
    } catch {
      replies.delete(step); // the server is away: the feed's next word asks again
    }
    if (replies === this.replies && replies.get(step)) this.soon();
  }

  paintReply(reply) {
    const { labels } = this;
    const key = JSON.stringify([this.step, this.whole, this.data.language, this.theme === this.data.themes.dark]);
    if (key === this.shown) return;
    this.shown = key;
    this.reply = reply;
    if (reply.error) return this.body.replaceChildren(make("p", "t-message", reply.error));
    const costs = this.costs(reply);
    const batch = make("section");
    const top = make("div", "t-row");
    top.append(make("h4", "t-small-title", fill(labels.opened_batch, { rows: number(reply.rows_in_batch), tokens: number(reply.asked) })), costs.legend(labels));
    batch.append(top, ...this.rowsShown(reply).map((row, index) => this.row(row, index, costs)));
    if (reply.rows.length > ROWS_SHOWN) {
      const words = this.whole ? labels.fewer_rows : fill(labels.more_rows, { count: number(reply.rows.length - ROWS_SHOWN) });
      const more = make("button", "t-link", words, { type: "button", "aria-expanded": String(this.whole) });
      more.onclick = () => {
        this.whole = !this.whole;
        this.soon();
      };
      batch.append(more);
    }
    this.body.replaceChildren(this.facts(reply), batch, this.bars(reply));
    this.root.dataset.drawn = String(this.step);
  }

  rowsShown(reply) {
    return this.whole ? reply.rows : reply.rows.slice(0, ROWS_SHOWN);
  }

  costs(reply) {
    const most = this.feed.baselines.uniform ?? Math.max(1, ...reply.rows.flatMap((row) => row.losses.filter(Number.isFinite)));
    return new Costs(this.theme, most);
  }

  facts(reply) {
    const { labels } = this;
    const list = make("dl", "t-facts");
    const fact = (term, value, sense = "") => {
      const box = make("div");
      box.append(make("dt", "", term, { title: sense }), make("dd", "", value));
      list.append(box);
    };
    fact(labels.loss_before_after, `${number(reply.loss_before)} → ${number(reply.loss_after)}`, labels.loss_before_after_sense);
    fact(labels.rate, number(reply.learning_rate), fill(labels.rate_sense, { share: share(reply.share), done: share(reply.progress) }));
    fact(labels.gradient_norm, number(reply.gradient_norm), labels.meanings.norm);
    fact(labels.clipping, clippingSaid(reply, labels), labels.clipping_sense);
    return list;
  }

  row(row, index, costs) {
    const { labels } = this;
    const box = make("div", "t-opened-row");
    const title = [fill(labels.row, { row: number(index + 1) })];
    if (row.source) title.push(fill(labels.row_source, { text: row.source.join("") }));
    if (row.label !== null && row.label !== undefined) title.push(fill(labels.row_label, { label: row.label, nats: number(row.label_loss) }));
    const line = new ChipLine(title[0], null);
    line.setPieces(row.pieces);
    line.nodes.forEach((node, place) => {
      const loss = row.losses[place];
      costs.paint(node, loss);
      const token = visible(row.pieces[place]);
      const hidden = row.read && row.read[place] !== row.pieces[place];
      line.note(place, row.wanted?.[place] ?? (hidden ? visible(row.read[place]) : ""));
      const said = Number.isFinite(loss) ? fill(labels.token_nats, { token, nats: number(loss) }) : fill(labels.token_not_asked, { token });
      node.title = hidden ? `${said} ${fill(labels.token_read, { token: visible(row.read[place]) })}` : said;
    });
    box.append(make("p", "t-quiet t-opened-name", title.join(" · ")), line.root);
    return box;
  }

  // A part of the model in each line: how long its gradient is, and by what share its weights moved.
  bars(reply) {
    const { labels } = this;
    const table = make("table", "t-bars");
    const head = make("tr");
    head.append(...[labels.part, labels.norms.gradient, labels.relative].map((text) => make("th", "", text, { scope: "col" })));
    const body = make("tbody");
    const longest = (values) => Math.max(...values.filter(Number.isFinite), 1e-30);
    const [gradient, relative] = [longest(reply.gradient), longest(reply.relative)];
    reply.names.forEach((name, part) => {
      const line = make("tr");
      line.append(
        make("th", "", partName(name, labels), { scope: "row" }),
        barCell(reply.gradient[part], gradient, number(reply.gradient[part])),
        barCell(reply.relative[part], relative, tenThousandths(reply.relative[part])),
      );
      body.append(line);
    });
    const top = make("thead");
    top.append(head);
    table.append(top, body);
    return table;
  }

  async save(format) {
    const { labels, reply, theme } = this;
    if (!reply || reply.error) return;
    const rows = this.rowsShown(reply).map((row, index) => ({ title: fill(labels.row, { row: number(index + 1) }), pieces: row.pieces, losses: row.losses }));
    const drawn = drawnChips(theme, this.costs(reply), this.title.textContent, rows, labels);
    await saveSheet(drawn, `terrarium-${this.data.run}-step-${this.step}`, format);
  }

  table() {
    const { reply } = this;
    return [
      ["row", "position", "token", "loss", "part", "gradient_norm", "relative_change"],
      ...reply.rows.flatMap((row, index) => row.pieces.map((piece, place) => [index + 1, place + 1, piece, row.losses[place], "", "", ""])),
      ...reply.names.map((name, part) => ["", "", "", "", name, reply.gradient[part], reply.relative[part]]),
    ];
  }
}

PANELS.opened = OpenedStep;

function barCell(value, longest, words) {
  const cell = make("td");
  const bar = make("span", "t-bar-line");
  bar.style.setProperty("--share", (Number.isFinite(value) ? value / longest : 0).toFixed(4));
  cell.append(bar, make("span", "t-bar-number", words));
  return cell;
}

const tenThousandths = (value) => (Number.isFinite(value) ? `${number(value * 100)} %` : "–");

function clippingSaid(reply, labels) {
  if (reply.clipping === null) return labels.not_clipping;
  if (reply.cut === null || reply.cut >= 1) return fill(labels.not_clipped, { limit: number(reply.clipping) });
  return fill(labels.clipped, { share: share(reply.cut) });
}
