// Under the picture: what to look for, with buttons that set the view; and what can be taken away.
class Guide {
  constructor(root, component) {
    this.root = root;
    this.update(component);
  }

  update({ data }) {
    const feed = Feed.of(data.run, data.language);
    if (feed !== this.feed) this.feed?.leave(this);
    this.feed = feed;
    this.root.className = "t-guide";
    this.root.replaceChildren(
      ...data.views.map(({ text, button, view, look }) => {
        const line = make("p", "", `${text} `);
        if (look) {
          const element = make("button", "t-link", button, { type: "button" });
          element.onclick = () => feed.parts.forEach((part) => part.lookAt?.(look));
          line.append(element);
          return line;
        }
        const element = make("button", "t-link", button, { type: "button", "data-view": view });
        element.onclick = () => {
          feed.view = feed.view === view ? "whole" : view;
          feed.revision += 1;
          feed.draw();
        };
        line.append(element);
        return line;
      }),
    );
    feed.join(this);
  }

  close() {
    this.feed.leave(this);
  }

  draw() {
    for (const button of this.root.querySelectorAll("[data-view]")) {
      button.setAttribute("aria-pressed", String(this.feed.view === button.dataset.view));
    }
  }
}

class TakeAway {
  constructor(root, component) {
    this.root = root;
    this.update(component);
  }

  update({ data }) {
    const { run, labels, language } = data;
    const picture = (format) => {
      const button = make("button", "t-link", format.toUpperCase(), { type: "button" });
      button.onclick = async () => {
        const plot = document.querySelector(".t-live .t-plot");
        const background = getComputedStyle(this.root).getPropertyValue("--st-background-color");
        const library = await plotly();
        await library.relayout(plot, { paper_bgcolor: background });
        await library.downloadImage(plot, { format, filename: `terrarium-${run}`, width: 1200, height: 640, scale: 2 });
        await library.relayout(plot, { paper_bgcolor: "rgba(0,0,0,0)" });
      };
      return button;
    };
    const file = (suffix) =>
      make("a", "t-link", suffix.toUpperCase(), {
        href: `./history/${encodeURIComponent(run)}.${suffix}?lang=${language}`,
        download: `terrarium-${run}.${suffix}`,
      });
    const files = [picture("svg"), picture("png"), file("csv"), file("html")];
    this.root.className = "";
    this.root.replaceChildren(...takeAwayRow(labels.take_away, files, data.python, labels));
  }

  close() {}
}

PARTS.guide = Guide;
PARTS.takeaway = TakeAway;
