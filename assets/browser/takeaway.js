// The row at the foot of a page: what can be taken away. Stands behind format.js; `files` are links and buttons.
function takeAwayRow(title, files, code, labels) {
  const row = make("div", "t-takeaway");
  const shown = make("pre", "t-code", code);
  shown.hidden = true;
  const python = make("button", "t-link", "Python", { type: "button", "aria-expanded": "false" });
  python.onclick = () => {
    shown.hidden = !shown.hidden;
    python.setAttribute("aria-expanded", String(!shown.hidden));
  };
  const link = make("button", "t-link", labels.link, { type: "button" });
  link.onclick = async () => {
    link.textContent = (await copied(location.href)) ? labels.copied : labels.not_copied;
    setTimeout(() => (link.textContent = labels.link), 2000);
  };
  row.append(make("span", "t-quiet", title), ...files, python, link);
  return [row, shown];
}

// A browser has no clipboard for a page without https that is not on this computer, and may refuse one.
async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
