// How a run stands that has no curve of its own: a bar, what remains, and a button that stops it. Asks the route
// ./live/<run> until it is over; then the script runs once, to show what came out. Stands behind format.js.
const UNDER_WAY = ["waiting", "preparing", "running", "stalled"];

class Work {
  constructor(root) {
    this.root = root;
    this.said = make("p", "t-work-said", null, { role: "status" });
    this.bar = make("span", "t-bar");
    this.bar.append(make("span", "t-bar-done"));
    this.stop = make("button", "t-button", "", { type: "button" });
    root.append(this.said, this.bar, this.stop);
    this.stop.onclick = () => {
      this.stop.disabled = true;
      this.trigger("stop", Date.now());
    };
  }

  update({ data, setTriggerValue }) {
    this.trigger = setTriggerValue;
    const other = this.data?.run !== data.run;
    this.data = data;
    this.stop.textContent = data.labels.stop;
    if (other) this.stop.disabled = false;
    // After a script run that still finds it under way it is asked again.
    if (!other && !this.over) return;
    this.over = false;
    clearTimeout(this.timer);
    this.poll();
  }

  async poll() {
    const { run, language, labels } = this.data;
    let wait = 3000;
    try {
      const reply = await fetch(`./live/${encodeURIComponent(run)}?lang=${language}`);
      const head = await reply.json();
      if (this.closed || run !== this.data.run) return;
      if (!reply.ok || !UNDER_WAY.includes(head.state)) {
        this.over = true;
        return this.trigger("over", Date.now());
      }
      const share = `${Math.round(100 * (head.progress ?? 0))} %`;
      const running = head.state === "running" && head.remaining !== null;
      this.say(running ? fill(labels.running, { share, time: duration(head.remaining, labels) }) : labels.waiting);
      this.bar.firstChild.style.width = `${100 * Math.min(1, (running && head.progress) || 0)}%`;
      wait = head.poll_milliseconds;
    } catch {
      this.say(labels.offline);
    }
    if (!this.closed) this.timer = setTimeout(() => this.poll(), document.hidden ? wait * 4 : wait);
  }

  say(words) {
    if (this.said.textContent !== words) this.said.textContent = words;
  }

  close() {
    this.closed = true;
    clearTimeout(this.timer);
  }
}

export default (component) => mounted(component, (host) => new Work(host), "t-host t-work");
