// While a run trains, its picture follows the newest step that it has kept, as often as the route says. No script runs.
class Follower {
  constructor(view) {
    this.view = view;
  }

  start(wait = 0) {
    if (this.timer) return;
    this.timer = setTimeout(() => this.look(), document.hidden ? wait * 4 : wait);
  }

  stop() {
    clearTimeout(this.timer);
    this.timer = null;
  }

  async look() {
    const { view } = this;
    const { run } = view.data.request;
    let wait = 2000;
    try {
      const reply = await askNewest(view.request(), view.at.step);
      if (!view.following) return this.stop();
      if (run === view.data.request.run) {
        wait = reply.poll_milliseconds;
        Object.assign(view, { steps: reply.steps, live: reply.live });
        if (reply.step !== view.at.step) await view.go({ step: reply.step });
        if (!reply.live) {
          this.stop();
          return view.follow(false);
        }
      }
    } catch {
      // The server is away; what is drawn stays.
    }
    this.timer = null;
    if (view.following) this.start(wait);
  }
}
