// On every page of a class: what the teacher shows to all, as a small bar that asks nothing of anybody; and, for the
// teacher, the button that shows this view. No script runs for it. Stands behind format.js and polling.js.
const PUT_AWAY = "terrarium-shown"; // what the reader has opened or put away, in all tabs

class Shown extends Polling {
  constructor(root) {
    super();
    this.root = root;
    root.className = "t-shown";
    root.setAttribute("role", "status");
    root.hidden = true;
  }

  update({ data }) {
    this.data = data;
    this.key = "";
    if (this.head) this.told();
    else this.ask();
  }

  get address() {
    return `./class/shown?lang=${this.data.language}`;
  }

  get wanted() {
    return !this.closed;
  }

  take(head) {
    this.head = head;
  }

  told() {
    const { head } = this;
    if (!head || this.trouble) return;
    const { labels } = this.data;
    const key = JSON.stringify([head.link, head.times, head.teacher, this.said, isPutAway(head)]);
    if (key === this.key) return;
    this.key = key;
    const parts = head.teacher ? this.teacher(head, labels) : this.student(head, labels);
    this.root.hidden = !parts.length;
    this.root.replaceChildren(...parts);
  }

  student(head, labels) {
    const { link } = head;
    if (!link || isPutAway(head)) return [];
    const open = make("a", "t-button t-primary", labels.open, { href: here(link) });
    open.onclick = () => putAway(head);
    const close = make("button", "t-link", "×", { type: "button", "aria-label": labels.put_away, title: labels.put_away });
    close.onclick = () => {
      putAway(head);
      this.told();
    };
    return [make("span", "", labels.shows), open, close];
  }

  teacher({ link }, labels) {
    const said = make("span", "", this.said ?? (link ? labels.shown : ""));
    const show = make("button", "t-button", labels.show, { type: "button" });
    show.onclick = () => this.send(location.href);
    const stop = make("button", "t-link", labels.stop, { type: "button" });
    stop.onclick = () => this.send(null);
    return [...(said.textContent ? [said] : []), show, ...(link ? [stop] : [])];
  }

  async send(link) {
    try {
      const body = JSON.stringify({ language: this.data.language, link });
      const reply = await fetch("./class/show", { method: "POST", headers: { "Content-Type": "application/json" }, body });
      const told = await reply.json();
      this.said = reply.ok ? null : told.error;
      if (reply.ok) this.head = { ...this.head, ...told };
    } catch {
      this.said = this.data.labels.offline;
    }
    this.told();
  }

  close() {
    this.closed = true;
    clearTimeout(this.timer);
  }
}

// Everybody keeps their own language.
function here(link) {
  if (!/^\/(?![/\\])/.test(link)) return "/";
  const language = new URLSearchParams(location.search).get("lang");
  return language ? `${link}${link.includes("?") ? "&" : "?"}lang=${encodeURIComponent(language)}` : link;
}

const named = ({ link, times }) => `${times} ${link}`;

function isPutAway(head) {
  try {
    return localStorage.getItem(PUT_AWAY) === named(head);
  } catch {
    return false;
  }
}

function putAway(head) {
  try {
    localStorage.setItem(PUT_AWAY, named(head));
  } catch {
    // A browser that keeps nothing shows the bar again.
  }
}

export default (component) => mounted(component, (host) => new Shown(host.appendChild(make("div"))));
