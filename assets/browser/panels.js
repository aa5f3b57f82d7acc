// The foot of a page that is drawn by the server: what to look for, whose buttons ask the page for a view; and what can
// be taken away. Stands behind format.js and takeaway.js.
export default function ({ data, parentElement, setTriggerValue }) {
  let root = parentElement.querySelector(".t-host");
  if (!root) {
    root = make("div", data.lines ? "t-host t-guide" : "t-host");
    parentElement.append(root);
  }
  // Nothing but words, so that it can be drawn anew; but not under the pointer when nothing has changed.
  const identity = JSON.stringify(data);
  if (root.dataset.identity === identity) return;
  root.dataset.identity = identity;
  root.replaceChildren(...(data.lines ? guide(data.lines, setTriggerValue) : takeAway(data)));
}

function guide(lines, ask) {
  return lines.map(({ text, buttons }) => {
    const line = make("p", "", `${text} `);
    for (const { view, label } of buttons) {
      const button = make("button", "t-link", label, { type: "button" });
      button.onclick = () => ask("view", view);
      line.append(button, " ");
    }
    return line;
  });
}

function takeAway({ title, files, code, labels }) {
  const links = files.map(({ label, href, name }) => make("a", "t-link", label, { href, download: name }));
  return takeAwayRow(title, links, code, labels);
}
