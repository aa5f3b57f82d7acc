// The frame around one of bertviz's views, as high as what it draws, with its row of things to take away. Stands behind
// format.js, curve.js and takeaway.js. The frame is a world of its own: it cannot reach the page, and what it tells is
// checked.
class Framed {
  constructor(root) {
    this.root = root;
    this.stage = make("div", "t-framed");
    this.stage.style.position = "relative";
    this.foot = make("div");
    root.append(this.stage, this.foot);
    this.begin = 0;
    this.height = "320px";
    this.onMessage = (event) => event.source === this.frame?.contentWindow && this.hear(event.data ?? {});
    window.addEventListener("message", this.onMessage);
    this.observer = new ResizeObserver(() => this.direct());
    this.observer.observe(this.stage);
  }

  update({ data, setTriggerValue }) {
    this.trigger = setTriggerValue;
    this.data = data;
    this.place = data.place;
    const wanted = JSON.stringify([data.asked, data.language]);
    if (wanted !== this.wanted) {
      this.wanted = wanted;
      this.begin = 0;
      this.open();
    } else this.direct();
    this.drawFoot();
  }

  request() {
    return { ...this.data.asked, ...this.data.place, begin: this.begin };
  }

  async open() {
    const { wanted, begin } = this;
    this.stage.setAttribute("aria-busy", "true");
    if (!this.stage.children.length) this.stage.append(make("p", "t-quiet", this.data.labels.looking, { role: "status" }));
    this.frame = null; // what is still to be seen shows another text, and is not listened to
    delete this.root.dataset.drawn;
    const body = JSON.stringify({ ...this.request(), part: this.place.part, layer: 0, head: 0, language: this.data.language });
    let page;
    try {
      const reply = await fetch("./bertviz", { method: "POST", headers: { "Content-Type": "application/json" }, body });
      if (!reply.headers.get("content-type")?.startsWith("text/html")) throw new Error(reply.status);
      page = await reply.text();
    } catch {
      page = null;
    }
    if (wanted !== this.wanted || begin !== this.begin || !this.root.isConnected) return;
    this.stage.removeAttribute("aria-busy");
    if (page === null) {
      this.wanted = null;
      this.stage.replaceChildren(make("p", "t-quiet", this.data.labels.lost, { role: "alert" }));
      return;
    }
    // What was to be seen stays until the new picture is drawn behind it.
    this.stage.querySelector(".t-coming")?.remove();
    const frame = make("iframe", "t-frame t-coming", null, { title: this.data.label, sandbox: "allow-scripts allow-downloads" });
    const { height } = this;
    Object.assign(frame.style, { display: "block", position: "absolute", opacity: 0, width: "100%", height, border: 0 });
    frame.srcdoc = page;
    frame.onload = () => this.direct();
    this.stage.append(frame);
    this.frame = frame;
  }

  // Tells the frame how to look, and at what.
  direct() {
    const look = themeOf(this.root, { light: "light", dark: "dark" });
    const scale = parseFloat(getComputedStyle(document.documentElement).fontSize) / 16;
    this.frame?.contentWindow?.postMessage({ look, scale, ...this.place }, "*");
  }

  hear({ height, begin, chosen }) {
    if (Number.isInteger(height) && height > 0 && height < 20_000) {
      this.height = this.frame.style.height = `${height}px`;
      this.frame.classList.remove("t-coming");
      Object.assign(this.frame.style, { position: "", opacity: "" });
      for (const child of [...this.stage.children]) if (child !== this.frame) child.remove();
      this.root.dataset.drawn = `${this.data.asked.view} ${this.begin}`;
    }
    if (Number.isInteger(begin) && begin >= 0 && begin < 100_000) {
      this.begin = begin;
      this.open();
      this.drawFoot();
    }
    if (chosen) {
      const { part, layer, head } = chosen;
      this.place = { part, layer, head };
      this.trigger("chosen", this.place);
    }
  }

  drawFoot() {
    const { data } = this;
    const wanted = JSON.stringify([this.request(), data.language, data.code, data.labels]);
    if (wanted === this.footShown) return;
    this.footShown = wanted;
    const saved = (format) => {
      const button = make("button", "t-link", format.toUpperCase(), { type: "button" });
      button.onclick = () => this.frame?.contentWindow.postMessage({ save: format }, "*");
      return button;
    };
    const query = new URLSearchParams({ looking: JSON.stringify(this.request()), lang: data.language });
    const file = (format) => make("a", "t-link", format.toUpperCase(), {
      href: `./bertviz.${format}?${query}`, download: `${data.name}.${format}`,
    });
    const files = [saved("svg"), saved("png"), file("html"), file("csv")];
    this.foot.replaceChildren(...takeAwayRow(data.labels.take_away, files, data.code, data.labels));
  }

  close() {
    this.observer.disconnect();
    window.removeEventListener("message", this.onMessage);
  }
}

export default (component) => mounted(component, (host) => new Framed(host));
