// What can be taken away of the picture: itself and the grid as SVG and PNG, its numbers, a page, the code, the link.
// Stands behind format.js and takeaway.js.
class AttentionFiles {
  constructor(root, view) {
    this.root = root;
    this.view = view;
  }

  draw(theme) {
    const { view } = this;
    const { words, code, labels } = view.data;
    const [request, other] = [view.request(), view.otherRequest()];
    const stamp = JSON.stringify([code, labels, request, other, theme.colors.background]);
    if (stamp === this.shown) return;
    this.shown = stamp;
    const { run, part, layer, head, step } = request;
    const name = `terrarium-${run}-${step}-${part}.${layer}.${head}`;
    const large = (format) => linkButton(format.toUpperCase(), async () => save(await view.map.image(format, `${run} · ${view.sentence()}`), `${name}.${format}`));
    const small = (format) =>
      linkButton(fill(words.grid_as, { format: format.toUpperCase() }), () => save(this.grid(format, theme), `terrarium-${run}-${step}-${part}.${format}`));
    const query = `lang=${view.data.language}&looking=${asParameter(request)}${other ? `&other=${asParameter(other)}` : ""}`;
    const file = (suffix) => make("a", "t-link", suffix.toUpperCase(), { href: `./attention.${suffix}?${query}`, download: `${name}.${suffix}` });
    const row = [large("svg"), large("png"), small("svg"), small("png"), file("csv"), file("html")];
    this.root.replaceChildren(...takeAwayRow(labels.take_away, row, code, labels));
  }

  grid(format, theme) {
    const { view } = this;
    const title = `${view.data.request.run} · ${fill(view.data.words.at_step, { step: number(view.at.step) })}`;
    if (format === "png") return view.grid.canvas(theme, title).toDataURL("image/png");
    return `data:image/svg+xml;charset=utf-8,${encodeURIComponent(view.grid.svg(theme, title))}`;
  }
}

const asParameter = ({ language, ...request }) => encodeURIComponent(JSON.stringify(request));

function linkButton(text, deed) {
  const button = make("button", "t-link", text, { type: "button" });
  button.onclick = deed;
  return button;
}

function save(address, name) {
  make("a", "", null, { href: address, download: name }).click();
}
