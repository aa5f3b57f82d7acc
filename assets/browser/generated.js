// What the views of the Generate page share: parts that come from routes and can be stopped, a line that says how far it
// is, a drawing, and the row at the foot. Stands behind format.js, chips.js, drawn_sheet.js, takeaway.js and streaming.js.
function drawn(tag, attributes = {}, text = null) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text !== null) node.textContent = text;
  return node;
}

// A view has: work(follow), what it asks the routes for; draw(), of what has come; tell(), the line that says how far.
class Generated {
  constructor(root) {
    this.root = root;
    root.classList.add("t-gen");
    this.status = make("span", "t-gen-status", null, { role: "status" });
    this.stopButton = make("button", "t-button t-gen-stop", null, { type: "button" });
    this.stopButton.onclick = () => this.stop(true);
    this.legend = make("span", "t-gen-legend");
    const head = make("div", "t-gen-head");
    head.append(this.status, this.stopButton, this.legend);
    this.stage = make("div", "t-gen-stage");
    this.foot = make("div");
    root.append(head, this.stage, this.foot);
    this.observer = new ResizeObserver(() => this.soon());
    this.observer.observe(this.stage);
  }

  update({ data, setTriggerValue }) {
    this.trigger = setTriggerValue;
    this.data = data;
    this.words = data.words;
    this.root.dataset.look = themeOf(this.root, { light: "light", dark: "dark" });
    this.stopButton.textContent = this.words.stop;
    this.stage.setAttribute("aria-label", data.label);
    if (data.identity !== this.identity) {
      this.identity = data.identity;
      this.stop();
      this.reset();
      this.begin();
    } else this.refresh();
    this.drawFoot();
    this.soon();
  }

  reset() {}

  // The script has run again, and what is asked for is the same.
  refresh() {}

  async begin() {
    const reading = new AbortController();
    this.reading = reading;
    this.fault = null;
    this.stopped = false;
    this.over = false;
    this.busy(true);
    this.status.textContent = this.words.starting;
    try {
      await this.work((url, request, take) => this.follow(reading, url, request, take));
      this.over = true;
    } catch (fault) {
      if (this.reading === reading) this.fault = fault.said ?? this.words.lost;
    }
    if (this.reading !== reading) return;
    this.reading = null;
    this.busy(false);
    this.paint();
    if (this.over) this.root.dataset.shown = this.identity;
  }

  async follow(reading, url, request, take) {
    let whole = false;
    for await (const part of posted(url, request, reading.signal)) {
      if (this.reading !== reading) throw new Error("another text is asked for");
      if (part.waiting) this.status.textContent = this.words.waiting;
      else if (part.error) throw Object.assign(new Error(part.error), { said: part.error });
      else {
        take(part);
        whole ||= Boolean(part.done);
        this.soon();
      }
    }
    if (!whole) throw new Error("the text broke off");
  }

  // Closing the connection ends the server's work at its next token.
  stop(asked = false) {
    if (!this.reading) return;
    this.reading.abort();
    this.reading = null;
    this.busy(false);
    this.stopped = asked;
    if (asked) this.paint();
  }

  busy(busy) {
    this.root.classList.toggle("t-gen-busy", busy);
    this.stage.setAttribute("aria-busy", String(busy));
    if (busy) delete this.root.dataset.shown;
  }

  // However many parts come, the picture is drawn once a frame.
  soon() {
    this.drawing ??= requestAnimationFrame(() => {
      this.drawing = null;
      if (this.words) this.paint();
    });
  }

  paint() {
    this.root.classList.toggle("t-gen-faulty", Boolean(this.fault));
    if (this.fault) {
      this.status.textContent = "";
      const again = make("button", "t-link", this.words.again, { type: "button" });
      again.onclick = () => this.begin();
      const said = make("p", "t-gen-fault", `${this.fault} `, { role: "alert" });
      said.append(again);
      this.shown = null;
      this.stage.replaceChildren(said);
      return;
    }
    this.draw();
    const told = this.tell();
    if (told !== null) this.status.textContent = told;
  }

  width() {
    return Math.max(260, Math.floor(this.stage.clientWidth));
  }

  drawFoot() {
    const { code, labels } = this.data;
    const key = JSON.stringify([code, labels, this.identity]);
    if (key === this.footShown) return;
    this.footShown = key;
    this.foot.replaceChildren(...takeAwayRow(labels.take_away, this.files(), code, labels));
  }

  close() {
    this.stop();
    this.observer.disconnect();
    cancelAnimationFrame(this.drawing);
  }
}

const bitsOf = (logprobabilities) => -logprobabilities.reduce((sum, value) => sum + value, 0) / Math.LN2;

// What is kept beside bundled models has the probability alone.
const surenessOf = (token) => token.logprobability ?? Math.log(token.probability);
