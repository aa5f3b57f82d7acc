// Home: the bundled model writing, at one step of its training after the other. Typed out, unless motion is unwanted.
const RESTS = { letter: 16, sample: 2000 }; // milliseconds
const STROKES = 240; // a text is typed in about so many, however long it is

class Writer {
  constructor(root) {
    this.root = root;
    root.className = "t-writer";
    this.when = make("p", "t-writer-step");
    this.text = make("div", "t-writer-text");
    this.timeline = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    this.timeline.setAttribute("class", "t-writer-curve");
    this.timeline.setAttribute("aria-hidden", "true");
    this.slider = make("input", "t-slider", null, { type: "range", min: 0, step: 1 });
    this.slider.oninput = () => this.show(Number(this.slider.value));
    this.button = make("button", "t-button", null, { type: "button" });
    this.button.onclick = () => (this.playing ? this.pause() : this.play());
    const row = make("div", "t-row t-writer-row");
    row.append(this.when, this.button);
    root.append(row, this.text, this.timeline, this.slider);
  }

  update({ data }) {
    const first = !this.data;
    const key = JSON.stringify([data.samples, data.labels]);
    this.data = data;
    if (key === this.key) return;
    this.key = key;
    this.slider.max = String(data.samples.length - 1);
    this.slider.setAttribute("aria-label", data.labels.step_slider);
    this.drawCurve();
    if (first && calm()) this.show(data.samples.length - 1);
    else if (first) this.play();
    else this.show(this.index);
  }

  // Where a step stands under the curve, 0 to 1000: samples are evenly spaced, as they are on the slider.
  place(step) {
    const steps = this.data.samples.map((sample) => sample.step);
    const after = steps.findIndex((other) => other >= step);
    if (after <= 0) return after < 0 ? 1000 : 0;
    const share = (step - steps[after - 1]) / (steps[after] - steps[after - 1]);
    return (1000 * (after - 1 + share)) / (steps.length - 1);
  }

  // The held-out loss, small.
  drawCurve() {
    const points = this.data.losses;
    this.timeline.replaceChildren();
    if (points.length < 2) return;
    const losses = points.map(([, loss]) => loss);
    const [low, high] = [Math.min(...losses), Math.max(...losses)];
    const path = points.map(([step, loss]) => `${this.place(step).toFixed(1)},${(6 + 68 * (1 - (loss - low) / (high - low || 1))).toFixed(1)}`);
    this.timeline.setAttribute("viewBox", "0 0 1000 80");
    this.timeline.setAttribute("preserveAspectRatio", "none");
    const shape = (name, attributes) => {
      const element = document.createElementNS("http://www.w3.org/2000/svg", name);
      for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
      this.timeline.append(element);
      return element;
    };
    shape("polyline", { points: path.join(" "), class: "t-curve-all" });
    const clip = shape("clipPath", { id: "t-grown" });
    this.grown = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    for (const [key, value] of Object.entries({ x: 0, y: 0, width: 0, height: 80 })) this.grown.setAttribute(key, value);
    clip.append(this.grown);
    shape("polyline", { points: path.join(" "), class: "t-curve-grown", "clip-path": "url(#t-grown)" });
  }

  head(index) {
    const { samples, labels } = this.data;
    const { step, loss } = samples[index];
    this.index = index;
    this.slider.value = String(index);
    const words = fill(loss === null ? labels.at_step : labels.at_step_loss, { step: number(step), loss: number(loss) });
    this.when.textContent = words;
    this.slider.setAttribute("aria-valuetext", words);
    this.grown?.setAttribute("width", this.place(step));
  }

  // Show one sample whole.
  show(index) {
    this.pause();
    this.head(index);
    const { prompt, text } = this.data.samples[index];
    this.text.replaceChildren(make("span", "t-prompt", prompt), make("span", "", text));
  }

  pause() {
    clearTimeout(this.timer);
    this.playing = false;
    this.button.textContent = this.data.labels.play;
  }

  play() {
    this.playing = true;
    this.button.textContent = this.data.labels.pause;
    const ended = this.index === undefined || this.index >= this.data.samples.length - 1;
    this.type(ended ? 0 : this.index + 1);
  }

  type(index) {
    this.head(index);
    const { prompt, text } = this.data.samples[index];
    const letters = [...text];
    const written = make("span");
    this.text.replaceChildren(make("span", "t-prompt", prompt), written, make("span", "t-caret"));
    const stride = Math.ceil(letters.length / STROKES);
    let count = 0;
    const next = () => {
      if (count < letters.length) {
        count += stride;
        written.textContent = letters.slice(0, count).join("");
        this.timer = setTimeout(next, RESTS.letter);
      } else if (index < this.data.samples.length - 1) this.timer = setTimeout(() => this.type(index + 1), RESTS.sample);
      else this.pause();
    };
    next();
  }

  close() {
    clearTimeout(this.timer);
  }
}

export default (component) =>
  mounted(component, (host) => {
    host.append(make("div"));
    return new Writer(host.firstChild);
  });
