// The merges of a sentence one by one: a slider through its states, and a button that plays them. Stands behind
// format.js. Everything is there at once, so that sliding asks the server nothing.
const MERGE_REST = 420; // milliseconds

class Merging {
  constructor(root) {
    this.root = root;
    this.said = make("p", "t-merges-said", null, { role: "status" });
    this.button = make("button", "t-button", null, { type: "button" });
    this.button.onclick = () => (this.timer ? this.pause() : this.play());
    const row = make("div", "t-row");
    row.append(this.said, this.button);
    this.slider = make("input", "t-slider", null, { type: "range", min: 0, step: 1 });
    this.slider.oninput = () => {
      this.pause();
      this.show(Number(this.slider.value));
    };
    this.pieces = make("div", "t-merges");
    root.append(row, this.slider, this.pieces);
  }

  update({ data }) {
    const identity = JSON.stringify(data);
    if (identity === this.identity) return;
    this.identity = identity;
    this.data = data;
    this.pause();
    this.slider.max = String(data.states.length - 1);
    this.slider.setAttribute("aria-label", data.labels.slider);
    this.show(data.states.length - 1);
  }

  show(number) {
    const { states, labels } = this.data;
    const { words, said } = states[number];
    this.at = number;
    this.slider.value = String(number);
    this.slider.setAttribute("aria-valuetext", said);
    this.said.textContent = said;
    this.pieces.replaceChildren(
      ...words.map((word) => {
        const group = make("span", "t-merges-word");
        group.append(...word.map(([text, fresh]) => make("span", fresh ? "t-chip t-merged" : "t-chip", text)));
        return group;
      }),
    );
    this.button.textContent = this.timer ? labels.pause : labels.play;
  }

  play() {
    if (this.at >= this.data.states.length - 1) this.at = -1;
    const next = () => {
      if (this.at >= this.data.states.length - 1) return this.pause();
      this.timer = setTimeout(next, MERGE_REST);
      this.show(this.at + 1);
    };
    next();
  }

  pause() {
    clearTimeout(this.timer);
    this.timer = null;
    this.button.textContent = this.data.labels.play;
  }

  close() {
    clearTimeout(this.timer);
  }
}

export default (component) => mounted(component, (host) => new Merging(host));
