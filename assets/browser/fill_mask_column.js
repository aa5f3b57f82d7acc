// One model and what it makes of the text: the tokens as chips, and under them what it expects behind its masks, what
// the masks look at, or how well it expects every token. Stands behind fill_mask_parts.js.
class FillColumn {
  constructor(view) {
    this.view = view;
    this.root = make("div", "t-fill-column");
    this.name = make("p", "t-fill-name");
    this.text = make("div", "t-fill-text", null, { role: "group" });
    this.text.onclick = (event) => this.onClick(event);
    this.text.onkeydown = (event) => this.onKey(event);
    this.below = make("div", "t-fill-below");
    this.root.append(this.name, this.text, this.below);
  }

  draw(model, name) {
    this.model = model;
    this.entries = new Map(model.entries.map((entry) => [entry.place, entry]));
    this.name.textContent = name;
    const identity = JSON.stringify([model.tokens, model.typed]);
    if (identity !== this.identity) this.build();
    this.identity = identity;
    this.paintChips();
    this.paintBelow();
  }

  get words() {
    return this.view.data.words;
  }

  get everywhere() {
    return this.view.data.request.view === "everywhere";
  }

  build() {
    const typed = new Set(this.model.typed);
    this.chips = this.model.tokens.map((token, place) => {
      const node = make("button", "t-fill-chip chip", null, { type: "button" });
      node.dataset.place = place;
      node.tabIndex = place ? -1 : 0;
      if (typed.has(place)) node.classList.add("t-fill-typed");
      return node;
    });
    this.text.replaceChildren(...this.chips);
  }

  isHidden(place) {
    return this.view.at.hidden.some((span) => overlap(span, this.model.spans[place])) || this.model.typed.includes(place);
  }

  paintChips() {
    const { words, everywhere } = this;
    this.text.setAttribute("aria-label", everywhere ? words.sentence_everywhere : words.sentence);
    const picked = this.pickedPlace();
    this.chips.forEach((node, place) => {
      const token = this.model.tokens[place];
      const entry = this.entries.get(place);
      const hidden = !everywhere && this.isHidden(place);
      const shown = [...chip(hidden ? "[MASK]" : token, "given").childNodes];
      const best = hidden && entry ? entry.top[0] : null;
      if (best) shown.push(make("span", "t-fill-guess", visible(best[1])));
      node.replaceChildren(...shown);
      node.classList.toggle("t-fill-hidden", hidden);
      if (everywhere) node.removeAttribute("aria-pressed");
      else node.setAttribute("aria-pressed", String(hidden));
      const share = everywhere ? entry?.probability : best?.[2];
      node.classList.toggle("t-fill-shaded", share !== undefined && share !== null);
      node.style.setProperty("--p", (share ?? 0).toFixed(4));
      node.classList.toggle("t-fill-surprise", everywhere && typeof share === "number" && share < SURPRISING);
      node.toggleAttribute("aria-current", everywhere && place === picked);
      node.title = this.sentence(place, hidden, share);
      node.setAttribute("aria-label", node.title);
    });
  }

  sentence(place, hidden, share) {
    const { words, everywhere } = this;
    const token = visible(this.model.tokens[place]);
    if (this.model.typed.includes(place)) return words.typed;
    if (everywhere) return fill(words.token_hidden, { token, probability: percent(share ?? 0) });
    return fill(hidden ? words.unhide : words.hide, { token });
  }

  // ---- clicks and keys

  onClick(event) {
    const node = event.target.closest?.(".t-fill-chip");
    if (!node) return;
    const place = Number(node.dataset.place);
    this.focusOn(place);
    const span = this.model.spans[place];
    if (this.everywhere) this.view.go({ picked: span });
    else if (!this.model.typed.includes(place)) this.toggle(place);
  }

  // A place in the text may be hidden that has several tokens: the others of them stay hidden.
  toggle(place) {
    const { hidden } = this.view.at;
    const { spans } = this.model;
    const over = hidden.filter((each) => overlap(each, spans[place]));
    const stay = hidden.filter((each) => !over.includes(each));
    const rest = spans.filter((span, other) => other !== place && over.some((each) => overlap(each, span)));
    const next = over.length ? [...stay, ...rest] : [...hidden, spans[place]];
    this.view.go({ hidden: next.sort((a, b) => a[0] - b[0]), picked: null });
  }

  onKey(event) {
    const last = this.chips.length - 1;
    const at = this.chips.indexOf(event.target.closest?.(".t-fill-chip"));
    const goes = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: last };
    if (at < 0 || !(event.key in goes) || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    this.focusOn(Math.max(0, Math.min(last, goes[event.key])));
  }

  focusOn(place) {
    for (const node of this.chips) node.tabIndex = -1;
    this.chips[place].tabIndex = 0;
    this.chips[place].focus();
  }

  // The token that is looked at closely: the one that was picked, else the most surprising; of masks the first.
  pickedPlace() {
    const { picked } = this.view.at;
    const there = (entry) => picked && overlap(picked, this.model.spans[entry.place]);
    const found = this.model.entries.find(there);
    if (found) return found.place;
    if (!this.everywhere) return this.model.entries[0]?.place;
    return this.mostSurprising()?.place;
  }

  mostSurprising() {
    const known = this.model.entries.filter((entry) => entry.probability !== null);
    return known.reduce((least, entry) => (least && least.probability <= entry.probability ? least : entry), undefined);
  }

  // ---- under the text

  paintBelow() {
    const parts = this.everywhere ? this.everyToken() : this.masks();
    this.below.replaceChildren(...parts);
  }

  masks() {
    const { model, words } = this;
    if (!model.entries.length) return [make("p", "t-fill-quiet", words.nothing_hidden)];
    const panels = make("div", "t-fill-panels");
    model.entries.forEach((entry, mask) => panels.append(expectation(entry, this.titleOf(entry, mask), words)));
    if (model.entries.length === 1) {
      panels.classList.add("t-fill-single");
      panels.append(this.attention());
      return [panels];
    }
    const wide = make("div", "t-fill-panels t-fill-wide");
    if (model.fillings) wide.append(wholeFillings(model.fillings, words));
    wide.append(this.attention());
    return [panels, wide];
  }

  titleOf(entry, mask) {
    const { words } = this;
    return entry.given === null ? fill(words.at_typed, { number: mask + 1 }) : fill(words.instead, { token: visible(entry.given) });
  }

  everyToken() {
    const { model, words } = this;
    const facts = make("dl", "t-facts");
    const most = this.mostSurprising();
    if (model.score) {
      facts.append(
        fact(words.perplexity, number(model.score.perplexity), words.perplexity_meaning),
        fact(words.score, number(model.score.sum), words.score_meaning),
      );
    }
    if (most) facts.append(fact(words.most_surprising, visible(most.given)));
    const parts = [this.legend(), facts];
    if (!model.score) parts.push(make("p", "t-fill-quiet", words.no_perplexity));
    const entry = this.entries.get(this.pickedPlace());
    if (entry) parts.push(expectation(entry, fill(words.expected_at, { token: visible(model.tokens[entry.place]) }), words));
    return parts;
  }

  legend() {
    const { words } = this;
    const scale = make("span", "t-fill-scale");
    for (let n = 0; n <= 10; n++) {
      const step = make("i");
      step.style.setProperty("--p", n / 10);
      scale.append(step);
    }
    const line = make("p", "t-fill-legend t-fill-quiet");
    line.append(say(words.unlikely), scale, say(words.certain), say(fill(words.surprising, { share: percent(SURPRISING) }), "t-fill-surprise"));
    return line;
  }

  // How much of its attention one mask gives to each token: of a layer, or of all layers together.
  attention() {
    const { model, words, view } = this;
    const place = this.pickedPlace();
    const mask = Math.max(0, model.entries.findIndex((entry) => entry.place === place));
    const layers = model.looks[mask];
    const layer = view.at.layer !== null && view.at.layer < layers.length ? view.at.layer : null;
    const shares = layer === null ? model.columns.map((_, at) => layers.reduce((sum, row) => sum + row[at], 0) / layers.length) : layers[layer];
    const panel = make("section", "t-fill-panel t-fill-looks", null, { "aria-label": words.looks });
    panel.append(make("h4", "t-fill-title", words.looks));
    if (model.entries.length > 1) {
      const masks = model.entries.map((entry, index) => [entry.place, entry.given === null ? fill(words.mask, { number: index + 1 }) : visible(entry.given)]);
      panel.append(choices(masks, model.entries[mask].place, (chosen) => view.go({ picked: model.spans[chosen] })));
    }
    const named = layers.map((_, index) => [index, fill(words.layer, { layer: index })]);
    panel.append(choices([[null, words.all_layers], ...named], layer, (chosen) => view.go({ layer: chosen })));
    const text = make("div", "t-fill-attention");
    const most = Math.max(...shares, 1e-9);
    model.columns.forEach((token, at) => {
      const node = chip(token, "given");
      node.classList.add("t-fill-shaded");
      node.classList.toggle("t-fill-hidden", at - model.begin === model.entries[mask].place);
      node.style.setProperty("--p", Math.sqrt(shares[at] / most).toFixed(4));
      node.title = fill(words.looks_at, { token: visible(token), share: percent(shares[at]) });
      text.append(node);
    });
    const query = new URLSearchParams({ run: model.run, step: model.step, text: model.masked_text, lang: view.data.language });
    const link = make("a", "t-link", words.single_heads, { href: `./attention?${query}`, target: "_self" });
    const strongest = shares.indexOf(Math.max(...shares));
    const sentence = fill(words.looks_at, { token: visible(model.columns[strongest]), share: percent(shares[strongest]) });
    const foot = make("p", "t-fill-quiet", `${words.looks_meaning} ${sentence} `);
    foot.append(link);
    panel.append(text, foot);
    return panel;
  }
}
