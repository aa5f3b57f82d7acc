// The axes of the loss curve: what they span, and how a person wants them, which stands in the address.
const SMOOTHING = { none: 0, some: 1, more: 5 }; // how many times the usual window
const axesWanted = {
  steps: linked("steps") === "log",
  loss: linked("loss") === "log",
  smoothing: Object.hasOwn(SMOOTHING, linked("smooth") ?? "") ? linked("smooth") : "some",
};

function axisOfSteps(feed) {
  const planned = feed.head?.steps;
  if (planned) return [0, planned];
  const powers = [50, 100, 200, 500].map((round) => round * 10 ** Math.max(0, Math.floor(Math.log10(feed.last || 1)) - 2));
  return [0, powers.find((round) => round >= feed.last) ?? feed.last];
}

// The whole numbers around everything that is drawn: they change seldom, so the picture stands still.
function axisOfLoss(feed) {
  const top = Math.max(feed.baselines.uniform ?? 0, ...feed.steps.smooth.slice(0, 1), 1) * 1.04;
  const low = Math.min(feed.baselines.ngram ?? top, feed.baselines.floor ?? top, ...feed.evaluations.loss, ...feed.steps.smooth.slice(-1), top - 1);
  return [Math.max(0, Math.floor(low - 0.15)), top];
}

function ranges(feed) {
  const whole = { x: axisOfSteps(feed), y: axisOfLoss(feed) };
  if (feed.view === "start") return { ...whole, x: [0, Math.max(10, whole.x[1] * 0.08)] };
  const loss = feed.evaluations.loss.at(-1);
  if (feed.view === "end" && loss) return { x: [whole.x[1] * 0.6, whole.x[1]], y: [Math.max(0, loss - 0.4), loss + 0.6] };
  const ngram = feed.baselines.ngram;
  if (feed.view === "ngram" && ngram) {
    const { step, smooth } = feed.steps;
    const crossing = step[smooth.findIndex((value) => value < ngram)] ?? feed.last;
    return { x: [0, Math.min(whole.x[1], crossing * 2.2)], y: [Math.max(0, ngram - 0.9), ngram + 1.2] };
  }
  const { floor } = feed.baselines;
  if (feed.view === "floor" && floor !== undefined) {
    const above = Math.max(0.2, (ngram ?? floor + 1) - floor);
    return { x: whole.x, y: [Math.max(0, floor - 0.35 * above), floor + 1.35 * above] };
  }
  return whole;
}

// The same range on a logarithmic axis, which has no nought.
const logarithmic = ([low, high], least) => [Math.log10(Math.max(low, least)), Math.log10(Math.max(high, 2 * least))];

// Step 0 has no place on a logarithmic axis.
const placed = (steps) => (axesWanted.steps ? steps.map((step) => step || null) : steps);

const LOSS_TICKS = [0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 4, 5, 6, 7, 8, 10, 15, 20];

// The training loss under a window that grows with the step: the steep beginning is not dragged behind.
function smoothed({ step, loss, smooth }, times) {
  if (times === 1) return smooth;
  if (times === 0) return loss;
  const line = [];
  loss.forEach((value, index) => {
    const before = line.at(-1);
    line.push(index ? before + shareOfNew(step[index], step[index - 1], index, times) * (value - before) : value);
  });
  return line;
}

function shareOfNew(step, last, count, times = 1) {
  const span = times * Math.min(100, Math.max(1, step / 12));
  return Math.max(1 - Math.exp(-(step - last) / span), 1 / (count + 1));
}

// Folded under the picture: both axes and the smoothing, each at once for all who draw.
class AxesSwitch {
  constructor(changed) {
    this.changed = changed;
    this.root = make("details", "t-axes");
    this.summary = make("summary");
    this.steps = this.box("steps");
    this.loss = this.box("loss");
    this.select = make("select", "t-select");
    this.options = Object.keys(SMOOTHING).map((value) => make("option", "", null, { value }));
    this.select.append(...this.options);
    this.select.value = axesWanted.smoothing;
    this.select.onchange = () => this.set("smoothing", this.select.value, this.select.value === "some" ? null : this.select.value);
    this.word = make("span");
    const smoothing = make("label", "t-check");
    smoothing.append(this.word, this.select);
    const row = make("div", "t-axes-row");
    row.append(this.steps.root, this.loss.root, smoothing);
    this.root.append(this.summary, row);
    this.root.open = axesWanted.steps || axesWanted.loss || axesWanted.smoothing !== "some";
  }

  box(name) {
    const root = make("label", "t-check");
    const input = make("input", "", null, { type: "checkbox" });
    const word = make("span");
    input.checked = axesWanted[name];
    input.onchange = () => this.set(name, input.checked, input.checked ? "log" : null);
    root.append(input, word);
    return { root, word };
  }

  set(name, value, said) {
    axesWanted[name] = value;
    link(name === "smoothing" ? "smooth" : name, said);
    this.changed();
  }

  update(labels) {
    this.summary.textContent = labels.axes;
    this.steps.word.textContent = labels.log_steps;
    this.loss.word.textContent = labels.log_loss;
    this.word.textContent = labels.smoothing;
    this.options.forEach((option) => (option.textContent = labels.smoothings[option.value]));
  }
}
