// What the model writes at some steps.
function written({ prompt, text }) {
  return [make("span", "t-prompt", prompt), make("span", "", text)];
}

class Samples {
  constructor(root, component) {
    this.root = root;
    const { labels } = component.data;
    root.replaceChildren();
    root.className = "t-samples";
    const head = make("div", "t-row");
    this.title = make("h3", "t-title", labels.samples);
    this.when = make("span", "t-when");
    head.append(this.title, this.when);
    this.text = make("div", "t-sample");
    this.text.tabIndex = 0;
    this.slider = make("input", "t-slider", null, { type: "range", min: 0, max: 0, step: 1, "aria-label": labels.sample_step });
    this.slider.oninput = () => {
      const steps = this.steps;
      const index = Number(this.slider.value);
      this.feed.pinned = index >= steps.length - 1 ? null : steps[index];
      this.feed.draw();
    };
    root.append(head, this.text, this.slider);
    this.update(component);
  }

  update({ data }) {
    this.data = data;
    this.title.textContent = data.labels.samples;
    const feed = Feed.of(data.run, data.language);
    if (this.feed === feed) return this.draw();
    this.feed?.leave(this);
    this.feed = feed;
    feed.join(this);
  }

  close() {
    this.feed.leave(this);
  }

  // Steps that have samples: one text, or several translations.
  get steps() {
    return [...new Set(this.feed.shownSamples.map((sample) => sample.step))];
  }

  draw() {
    const { feed, data } = this;
    const steps = this.steps;
    this.slider.hidden = steps.length < 2;
    this.slider.max = String(Math.max(0, steps.length - 1));
    if (!steps.length) {
      this.text.replaceChildren(make("span", "t-quiet", data.labels.no_samples));
      this.when.textContent = "";
      this.shownText = null;
      return;
    }
    const wanted = feed.pointed ?? feed.pinned ?? Infinity;
    const index = Math.max(0, steps.findLastIndex((step) => step <= wanted));
    const step = steps[index];
    const samples = feed.shownSamples.filter((sample) => sample.step === step);
    if (document.activeElement !== this.slider || feed.pinned === null) this.slider.value = String(index);
    this.slider.setAttribute("aria-valuetext", fill(data.labels.at_step, { step: number(step) }));
    this.when.textContent = fill(data.labels.at_step, { step: number(step) });
    const key = JSON.stringify([samples, data.labels.reference]);
    if (key === this.shownText) return;
    this.shownText = key;
    this.text.replaceChildren(...(samples.length > 1 ? samples.map((sample) => this.translation(sample)) : written(samples[0])));
    this.text.scrollTop = 0;
  }

  // A sentence, under it what the model makes of it, and whether that is what the reference has.
  translation(sample) {
    const line = make("p");
    line.append(make("span", "t-prompt", sample.prompt), make("br"), make("span", "", sample.text));
    if (sample.reference === sample.text) line.append(make("span", "t-quiet", " ✓", { title: this.data.labels.as_reference }));
    else if (sample.reference) line.append(make("br"), make("span", "t-quiet", fill(this.data.labels.reference, { text: sample.reference })));
    return line;
  }
}

PARTS.samples = Samples;
