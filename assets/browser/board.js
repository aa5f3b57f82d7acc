// The page Class: where the class is found (`door`), everybody's runs as small live curves (`runs`), and the way out
// (`leave`). Stands behind format.js, polling.js and takeaway.js.
const WIDTH = 220;
const HEIGHT = 70;

class Board extends Polling {
  constructor(root) {
    super();
    this.root = root;
    root.className = "t-board";
    this.cards = new Map();
    this.note = make("p", "t-quiet", null, { role: "status" });
    this.grid = make("div", "t-board-grid");
    root.append(this.note, this.grid);
  }

  update({ data, setTriggerValue }) {
    this.data = data;
    this.trigger = setTriggerValue;
    for (const card of this.cards.values()) card.key = "";
    if (this.head) this.told();
    else this.ask();
  }

  get address() {
    return `./class/runs?lang=${this.data.language}`;
  }

  get wanted() {
    return !this.closed;
  }

  get standing() {
    return JSON.stringify(this.head?.runs.map(({ run, state }) => [run, state]));
  }

  take(head) {
    this.head = head;
  }

  told() {
    const { labels } = this.data;
    const { runs = [] } = this.head ?? {};
    const said = this.trouble === "offline" ? labels.offline : this.trouble || (this.head && !runs.length ? labels.none : "");
    if (this.note.textContent !== said) this.note.textContent = said;
    this.note.hidden = !said;
    const losses = runs.flatMap(({ curve }) => curve.map(([, loss]) => loss));
    const range = [Math.min(...losses), Math.max(...losses)];
    const stay = new Set(runs.map(({ run }) => run));
    for (const [run, card] of this.cards) {
      if (stay.has(run)) continue;
      card.element.remove();
      this.cards.delete(run);
    }
    runs.forEach((run, place) => {
      let card = this.cards.get(run.run);
      if (!card) {
        card = new Card(this, run.run);
        this.cards.set(run.run, card);
      }
      card.draw(run, range, labels);
      // Only a card that stands elsewhere is moved: none may go from under the pointer.
      if (this.grid.children[place] !== card.element) this.grid.insertBefore(card.element, this.grid.children[place] ?? null);
    });
  }

  close() {
    this.closed = true;
    clearTimeout(this.timer);
  }
}

class Card {
  constructor(board, run) {
    this.key = "";
    this.element = make("article", "t-board-card");
    this.name = make("a", "t-board-name");
    this.name.onclick = (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      board.trigger("command", { command: "open", run, at: Date.now() });
    };
    this.person = make("span", "t-board-person t-quiet");
    this.picture = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    this.picture.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
    this.picture.setAttribute("preserveAspectRatio", "none");
    this.picture.setAttribute("role", "img");
    this.line = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
    this.picture.append(this.line);
    this.state = make("span");
    this.loss = make("span", "t-board-loss");
    this.stop = make("button", "t-link", null, { type: "button" });
    this.stop.onclick = () => board.command(() => board.trigger("command", { command: "stop", run, at: Date.now() }));
    const foot = make("div", "t-board-foot");
    foot.append(this.state, this.loss, this.stop);
    this.element.append(this.name, this.person, this.picture, foot);
  }

  draw(run, [low, high], labels) {
    const key = JSON.stringify([run, low, high]);
    if (key === this.key) return;
    this.key = key;
    this.name.textContent = run.name;
    this.name.setAttribute("href", run.href);
    this.element.classList.toggle("t-board-mine", run.mine);
    const kind = labels.kinds[run.kind];
    this.person.textContent = kind ? `${whose(run, labels)} · ${kind}` : whose(run, labels);
    this.picture.classList.toggle("t-board-none", run.curve.length < 2);
    const reach = Math.max(run.steps ?? 0, run.step, 1);
    const height = (loss) => (high > low ? HEIGHT - 3 - ((loss - low) / (high - low)) * (HEIGHT - 6) : HEIGHT / 2);
    const points = run.curve.map(([step, loss]) => `${((step / reach) * WIDTH).toFixed(1)},${height(loss).toFixed(1)}`);
    this.line.setAttribute("points", points.join(" "));
    const state = run.place ? fill(labels.place, { place: run.place }) : labels.states[run.state];
    const steps = run.steps ? fill(labels.of, { a: number(run.step), b: number(run.steps) }) : number(run.step);
    this.state.textContent = run.step ? `${state} · ${steps}` : state;
    this.loss.textContent = run.loss === null ? "" : fill(labels.loss, { loss: number(run.loss) });
    this.picture.setAttribute("aria-label", `${run.name}: ${this.state.textContent} ${this.loss.textContent}`);
    this.stop.textContent = labels.stop;
    this.stop.hidden = !(run.controls && (run.lively || run.state === "paused"));
  }
}

function whose({ mine, person, teacher, tag }, labels) {
  const role = fill(teacher ? labels.teacher : labels.student, { tag });
  const name = person ? `${person} · ${role}` : role;
  return mine ? fill(labels.mine, { name }) : name;
}

class Door {
  constructor(root) {
    this.root = root;
    root.className = "t-door";
  }

  update({ data: { addresses, code, labels } }) {
    const row = (label, texts) => {
      const line = make("div", "t-door-row");
      line.append(make("span", "t-quiet", label));
      for (const text of texts) {
        const copy = make("button", "t-link", labels.copy, { type: "button" });
        const shown = make("span", "t-door-text", text);
        copy.onclick = async () => {
          if (!(await copied(text))) getSelection().selectAllChildren(shown);
          else copy.textContent = labels.copied;
          setTimeout(() => (copy.textContent = labels.copy), 2000);
        };
        line.append(shown, copy);
      }
      return line;
    };
    this.root.replaceChildren(row(labels.address, addresses), row(labels.code, [code]));
  }

  close() {}
}

class Leave {
  constructor(root) {
    this.button = make("button", "t-button", null, { type: "button" });
    this.button.onclick = async () => {
      await fetch("./leave", { method: "POST" });
      location.assign("./");
    };
    root.append(this.button);
  }

  update({ data: { labels } }) {
    this.button.textContent = labels.leave;
  }

  close() {}
}

export default (component) =>
  mounted(component, (host) => new { door: Door, runs: Board, leave: Leave }[component.data.part](host.appendChild(make("div"))));
