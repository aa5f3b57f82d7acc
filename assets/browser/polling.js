// A question that is asked of the server again and again, so that what moves costs no script run; looked at once more
// when a command was sent, until it shows an effect. What extends this says where to ask (`address`), what a reply brings
// (`take`), what a command changes (`standing`), and who is told of a reply (`told`).
class Polling {
  turn = 0; // only the newest question's answer counts
  head = null; // the last reply, without what `take` has put elsewhere
  trouble = "";
  pending = 0; // until when a command may take to show an effect

  get wanted() {
    return true;
  }

  ask() {
    clearTimeout(this.timer);
    this.poll();
  }

  command(send) {
    this.before = this.standing;
    this.pending = performance.now() + 15_000;
    send();
    this.told();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.poll(), 150);
  }

  async poll() {
    this.turn += 1;
    const { turn } = this;
    let wait = 3000;
    try {
      const reply = await fetch(this.address);
      const head = await reply.json();
      if (turn !== this.turn) return;
      if (reply.ok) {
        this.trouble = "";
        this.take(head);
        wait = head.poll_milliseconds;
      } else {
        this.trouble = head.error;
        wait = null;
      }
    } catch {
      if (turn !== this.turn) return;
      this.trouble = "offline";
    }
    if (this.pending) {
      if (this.standing !== this.before || performance.now() > this.pending) this.pending = 0;
      else wait = 200;
    }
    this.told();
    if (this.wanted && wait !== null) this.timer = setTimeout(() => this.poll(), document.hidden ? wait * 4 : wait);
  }
}
