// Time: a slider over the steps that a run has kept, a button that plays them, and a switch that follows a run while it
// trains. Stands behind format.js.
const BEAT = 700; // milliseconds a step is shown while playing

class TimeLine {
  // `to(step)` is called with a step to show and resolves when it is drawn; `settled()` when nothing moves any more;
  // `follow(on)` when the switch is turned.
  constructor(root, { to, settled, follow }) {
    Object.assign(this, { root, to, settled });
    this.button = make("button", "t-button t-time-play", "", { type: "button" });
    this.button.onclick = () => this.press();
    this.slider = make("input", "t-slider", null, { type: "range", min: 0, step: 1 });
    this.slider.oninput = () => {
      this.stop();
      this.to(this.steps[this.slider.value]);
    };
    this.slider.onchange = () => this.settled();
    this.shown = make("output", "t-time-step");
    this.box = make("input", "", null, { type: "checkbox" });
    this.box.onchange = () => follow(this.box.checked);
    this.words = make("span");
    this.label = make("label", "t-time-follow");
    this.label.append(this.box, this.words);
    root.append(this.button, this.slider, this.shown, this.label);
    this.playing = false;
  }

  draw({ steps, step, live, following, words }) {
    Object.assign(this, { steps, step, said: words });
    this.root.hidden = steps.length < 2 && !live;
    this.slider.max = Math.max(0, steps.length - 1);
    this.slider.value = Math.max(0, steps.indexOf(step));
    this.slider.setAttribute("aria-label", words.step);
    this.slider.setAttribute("aria-valuetext", fill(words.at_step, { step: number(step) }));
    this.shown.textContent = fill(words.at_step, { step: number(step) });
    this.button.textContent = this.playing ? words.pause : calm() ? words.next_step : words.play;
    this.button.disabled = steps.length < 2;
    this.label.hidden = !live && !following;
    this.box.checked = following;
    this.words.textContent = words.follow;
  }

  press() {
    if (this.playing) this.stop(true);
    // Whoever wants calm turns the pages alone.
    else if (calm()) this.advance().then(() => this.settled());
    else this.play(this.step === this.steps.at(-1));
  }

  async advance() {
    const place = this.steps.indexOf(this.step) + 1;
    await this.to(this.steps[place % this.steps.length]);
  }

  async play(fromStart) {
    if (calm()) {
      await this.to(this.steps[0]);
      this.settled();
      return;
    }
    this.playing = true;
    const turn = (this.turn = {});
    if (fromStart) await this.to(this.steps[0]);
    while (this.turn === turn && this.step !== this.steps.at(-1)) {
      await new Promise((done) => setTimeout(done, BEAT));
      if (this.turn !== turn || !this.root.isConnected) return;
      const before = this.step;
      await this.advance();
      if (this.step === before) break; // that step cannot be had
    }
    if (this.turn === turn) this.stop(true);
  }

  stop(tell = false) {
    if (!this.playing) return;
    this.playing = false;
    this.turn = null;
    this.button.textContent = this.said.play;
    if (tell) this.settled();
  }
}
