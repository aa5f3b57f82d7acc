// Above the table of heads: that nothing has been measured yet, and the button for it; how a measuring goes, how long
// still, and how to stop it; that there are new snapshots. Draws from the feed, without a script run.
class Measuring {
  constructor(send) {
    this.send = send;
    this.root = make("div", "t-measuring");
    this.said = make("p", "t-measuring-said", null, { role: "status" });
    this.bar = make("span", "t-bar");
    this.bar.append(make("span", "t-bar-done"));
    this.actions = make("div", "t-actions");
    const row = make("div", "t-row");
    row.append(this.said, this.actions);
    this.root.append(row, this.bar);
  }

  draw(feed, labels) {
    const { head } = feed;
    this.root.hidden = !head;
    if (!head) return;
    const { measuring, snapshots, measured } = head;
    const lively = Boolean(measuring?.lively);
    const nothing = !feed.version;
    this.root.dataset.state = lively ? "measuring" : nothing ? "empty" : measured < snapshots ? "more" : "done";
    this.root.hidden = this.root.dataset.state === "done" && !measuring?.message && !feed.trouble;
    this.bar.hidden = !lively;
    this.bar.firstChild.style.width = `${100 * Math.min(1, measuring?.progress ?? 0)}%`;
    const words = this.words(feed, labels);
    if (this.said.textContent !== words) this.said.textContent = words;
    this.drawButtons(feed, labels, lively, nothing);
  }

  words({ trouble, head, version, pending, under }, labels) {
    const { measuring, snapshots, measured } = head;
    if (trouble) return trouble === "offline" ? labels.offline : trouble;
    if (under) {
      if (measuring.state !== "running") return measuring.state === "waiting" ? labels.waiting : labels.preparing;
      const values = { share: `${Math.round(100 * (measuring.progress ?? 0))} %`, time: duration(measuring.remaining, labels) };
      return fill(measuring.remaining === null ? labels.measuring : labels.measuring_remaining, values);
    }
    if (pending) return labels.starting;
    const message = measuring?.message ? `${measuring.message} ` : "";
    if (!version) return message + labels.empty;
    return measured < snapshots ? message + fill(labels.more, { done: number(measured), all: number(snapshots) }) : message;
  }

  // Only when another button is due: it must not be replaced under the pointer.
  drawButtons(feed, labels, lively, nothing) {
    const more = feed.head.measured < feed.head.snapshots;
    const [command, label] = lively ? ["stop", labels.stop] : nothing ? ["measure", labels.measure] : ["measure", labels.measure_more];
    const wanted = lively ? feed.head.measuring.controls : nothing || more;
    const key = `${wanted} ${label} ${Boolean(feed.pending)}`;
    if (key === this.shown) return;
    this.shown = key;
    const button = make("button", nothing && !lively ? "t-button t-primary" : "t-button", label, { type: "button" });
    button.disabled = Boolean(feed.pending);
    button.onclick = () => feed.command(() => this.send({ command, at: Date.now() }));
    this.actions.replaceChildren(...(wanted ? [button] : []));
  }
}
