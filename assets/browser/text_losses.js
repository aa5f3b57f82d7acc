// What each token of one held-out text costs the model, over steps: the text coloured, a slider that plays it again, a
// heatmap of all positions, and which tokens became easy when.
const FIRST_AND_LAST = 6; // tokens in each list

class TextLosses extends Panel {
  every = 250;

  build() {
    const { labels } = this;
    this.root.className = "t-text";
    this.picked = wholeIn("token");
    const head = make("div", "t-row");
    this.when = make("span", "t-when");
    this.legend = make("span");
    this.play = make("button", "t-button", labels.play, { type: "button" });
    this.play.onclick = () => this.replay();
    head.append(this.when, this.legend, this.play);
    this.slider = new StepSlider(labels.text_step, (step) => this.look(step));
    this.line = new ChipLine(labels.fixed_text, (place) => this.pick(place));
    this.said = make("p", "t-quiet t-said", null, { role: "status" });
    this.map = make("div", "t-figure", null, { role: "img", "aria-label": labels.text_map });
    const [written, beside] = [make("div"), make("div")];
    written.append(head, this.slider.root, this.line.root, this.said);
    beside.append(make("h4", "t-small-title", labels.text_map), this.map);
    this.top = make("div", "t-two");
    this.top.append(written, beside);
    this.below = make("div", "t-three");
    this.token = this.figure(labels.one_token);
    this.classes = this.figure(labels.by_frequency);
    this.lists = make("div", "t-easy");
    this.below.append(this.lists, this.classes.root, this.token.root);
    this.empty = make("p", "t-quiet");
    const name = () => `terrarium-${this.data.run}-text`;
    this.foot = panelFoot(labels, { name, picture: (format) => this.save(format, name()), table: () => this.table(), code: this.data.code.text });
    this.root.replaceChildren(this.empty, this.top, this.below, this.foot);
    this.plots = [this.map, this.token.plot, this.classes.plot];
    this.observed = false;
    this.figuresShown = this.listed = null;
  }

  figure(title) {
    const root = make("figure", "t-measure");
    const [caption, plot] = [make("figcaption", "", title), make("div", "t-figure", null, { role: "img", "aria-label": title })];
    root.append(caption, plot);
    return { root, caption, plot };
  }

  changed() {
    this.rest();
  }

  rest() {
    clearInterval(this.timerOfReplay);
    this.timerOfReplay = null;
  }

  look(step) {
    this.rest();
    this.feed.pin(step);
  }

  pick(place) {
    this.picked = this.picked === place ? null : place;
    link("token", this.picked);
    this.soon();
  }

  // From the first look to the newest, quickly.
  replay() {
    const running = this.timerOfReplay;
    this.look(null);
    const { step } = this.feed.textLosses;
    if (running || step.length < 2) return this.soon();
    let index = 0;
    this.feed.pin(step[0]);
    this.timerOfReplay = setInterval(() => {
      index += 1;
      if (index >= step.length - 1) this.look(null);
      else this.feed.pin(step[index]);
    }, Math.max(60, Math.min(400, 7000 / step.length)));
  }

  paint() {
    const { feed, labels } = this;
    const columns = feed.shown(feed.textLosses);
    const ready = Boolean(feed.text) && columns.step.length > 0;
    for (const node of [this.top, this.below, this.foot]) node.hidden = !ready;
    this.empty.hidden = ready;
    this.empty.textContent = labels.no_text;
    if (!ready) return;
    const index = this.indexIn(columns.step);
    const step = columns.step[index];
    const said = fill(labels.at_step, { step: number(step) });
    this.when.textContent = said;
    this.slider.draw(columns.step, index, said);
    this.play.hidden = calm() || columns.step.length < 2;
    this.play.textContent = this.timerOfReplay ? labels.end_replay : labels.play;
    const { pieces, unigram, threshold } = feed.text;
    const most = feed.baselines.uniform ?? Math.max(...columns.losses[0].filter(Number.isFinite));
    const easy = easyTokens(columns.step, columns.losses, unigram, threshold);
    if (this.picked >= pieces.length) this.picked = null;
    const costs = new Costs(this.theme, most);
    this.legend.replaceChildren(costs.legend(labels));
    this.state = { columns, index, step, easy, costs, most };
    this.paintLine();
    this.paintLists();
    this.paintFigures();
    this.root.dataset.drawn = `${step} ${columns.step.length}`;
  }

  paintLine() {
    const { columns, index, step, easy, costs } = this.state;
    const { labels, picked } = this;
    const { pieces } = this.feed.text;
    const losses = columns.losses[index];
    this.line.setPieces(pieces);
    this.line.nodes.forEach((node, place) => {
      const since = easy.since[place];
      const marked = since >= 0 && since <= step;
      costs.paint(node, losses[place]);
      this.line.note(place, since >= 0 ? number(since) : "", marked);
      node.classList.toggle("t-easy-now", marked);
      node.title = this.sentence(place, index);
      node.setAttribute("aria-pressed", String(place === picked));
    });
    const asked = losses.filter(Number.isFinite);
    const count = easy.since.filter((since) => since >= 0 && since <= step).length;
    this.said.textContent = picked === null ? fill(labels.easy_count, { count: number(count), all: number(asked.length), mean: number(asked.reduce((sum, loss) => sum + loss, 0) / asked.length) }) : this.sentence(picked, index);
  }

  sentence(place, index) {
    const { labels } = this;
    const { columns, easy } = this.state;
    const { pieces, unigram } = this.feed.text;
    const loss = columns.losses[index][place];
    const token = visible(pieces[place]);
    if (!Number.isFinite(loss)) return fill(labels.token_not_asked, { token });
    const cost = fill(labels.token_costs, { token, nats: number(loss), unigram: number(unigram[place]) });
    const since = easy.since[place];
    return `${cost} ${since >= 0 ? fill(labels.token_easy, { step: number(since) }) : labels.token_never}`;
  }

  // The first and the last to become easy, and how many never did.
  paintLists() {
    const { labels, feed } = this;
    const { easy } = this.state;
    const places = easy.since.map((_since, place) => place).filter((place) => easy.since[place] >= 0);
    places.sort((a, b) => easy.since[a] - easy.since[b] || a - b);
    const never = easy.classes.flatMap((kind, place) => (kind >= 0 && easy.since[place] < 0 ? [place] : []));
    const first = places.slice(0, FIRST_AND_LAST);
    const last = places.slice(first.length).slice(-FIRST_AND_LAST);
    const key = JSON.stringify([easy.since, this.picked, this.data.language]);
    if (key === this.listed) return;
    this.listed = key;
    const list = (title, chosen, said) => {
      const box = make("div");
      box.append(make("h4", "t-small-title", title));
      const line = make("p", "t-easy-list");
      line.append(...chosen.map((place) => {
        const node = chip(feed.text.pieces[place], "t-token t-bare");
        node.append(make("small", "", said(place)));
        node.title = fill(labels.token_place, { place: number(place + 1) });
        node.onclick = () => this.pick(place);
        node.setAttribute("aria-pressed", String(place === this.picked));
        return node;
      }));
      if (!chosen.length) line.append(make("span", "t-quiet", labels.none_yet));
      box.append(line);
      return box;
    };
    const since = (place) => fill(labels.at_step, { step: number(easy.since[place]) });
    this.lists.replaceChildren(
      list(labels.easy_first, first, since),
      list(labels.easy_last, last, since),
      list(fill(labels.easy_never, { count: number(never.length) }), never.slice(0, FIRST_AND_LAST), () => ""),
    );
  }

  async paintFigures() {
    const { feed, labels, theme, picked } = this;
    const { columns, index, easy, most } = this.state;
    const { pieces, unigram, threshold } = feed.text;
    this.token.root.hidden = picked === null; // first: it tells how wide the others are
    const library = await plotly();
    const key = JSON.stringify([feed.run, columns.step.length, columns.step.at(-1), index, picked, feed.pointed, feed.pinned, feed.head?.steps, axesWanted.steps, this.data.language, theme.colors.text, this.map.clientWidth, this.classes.plot.clientWidth]);
    if (feed !== this.feed || !this.map.clientWidth || key === this.figuresShown) return;
    this.figuresShown = key;
    const quiet = { ...CONFIG, displayModeBar: false };
    library.react(this.map, ...textHeatmap(feed, theme, labels, { steps: columns.step, losses: columns.losses, pieces, most, shown: index, picked }, this.map.clientWidth), quiet);
    library.react(this.classes.plot, ...classesFigure(feed, theme, labels, { steps: columns.step, ...easy }), quiet);
    if (picked !== null) {
      this.token.caption.textContent = fill(labels.token_over_steps, { token: visible(pieces[picked]) });
      const values = columns.losses.map((row) => row[picked]);
      library.react(this.token.plot, ...tokenLine(feed, theme, labels, { steps: columns.step, values, unigram: unigram[picked], threshold: threshold[picked], token: pieces[picked] }), quiet);
    }
    if (this.observed) return;
    this.observed = true;
    this.map.on("plotly_click", ({ points }) => {
      this.picked = points[0].y - 1;
      link("token", this.picked);
      this.look(this.feed.textLosses.step[points[0].x]);
    });
  }

  async save(format, name) {
    const { columns, index, step, easy, costs } = this.state;
    const { pieces } = this.feed.text;
    const notes = easy.since.map((since) => (since >= 0 && since <= step ? number(since) : ""));
    const heading = `${this.labels.fixed_text} · ${fill(this.labels.at_step, { step: number(step) })}`;
    await saveSheet(drawnChips(this.theme, costs, heading, [{ pieces, losses: columns.losses[index], notes }], this.labels), name, format);
    await savePlot(this.map, `${name}-map`, format, 560);
  }

  table() {
    const { pieces, unigram, threshold } = this.feed.text;
    const { columns, easy } = this.state;
    const rows = pieces.map((piece, place) => [place + 1, piece, unigram[place], threshold[place], easy.since[place] < 0 ? "" : easy.since[place], CLASSES[easy.classes[place]] ?? "", ...columns.losses.map((row) => row[place])]);
    return [["position", "token", "unigram", "easy_below", "easy_since_step", "frequency", ...columns.step.map((step) => `step_${step}`)], ...rows];
  }

  close() {
    this.rest();
    super.close();
    for (const plot of this.plots) window.Plotly?.purge(plot);
  }
}

PANELS.text = TextLosses;
