// What the curve says about its settings: one sentence, and the button that starts the better run.
class DiagnosisPart {
  constructor(root, component) {
    this.root = root;
    root.className = "t-diagnosis";
    root.hidden = true;
    this.text = make("p", "t-diagnosis-text", null, { role: "status" });
    this.button = make("button", "t-button", "", { type: "button" });
    this.button.onclick = () => {
      this.button.disabled = true; // a double click is one run
      this.trigger("command", { run: this.data.run, command: "better", at: Date.now() });
    };
    root.append(this.text, this.button);
    this.update(component);
  }

  update({ data, setTriggerValue }) {
    this.data = data;
    this.trigger = setTriggerValue;
    this.button.disabled = false;
    const feed = Feed.of(data.run, data.language);
    if (feed === this.feed) return this.draw();
    this.feed?.leave(this);
    this.feed = feed;
    feed.join(this);
    this.draw();
  }

  draw() {
    const found = this.feed.head?.diagnosis;
    // What is advised of the whole run would come too early in a replay.
    this.root.hidden = !found || this.feed.limit !== Infinity;
    if (!found) return;
    this.root.dataset.verdict = found.verdict;
    if (this.text.textContent !== found.text) this.text.textContent = found.text;
    this.button.hidden = !found.advice;
    if (found.advice && this.button.textContent !== found.advice.label) this.button.textContent = found.advice.label;
  }

  close() {
    this.feed.leave(this);
  }
}

PARTS.diagnosis = DiagnosisPart;
