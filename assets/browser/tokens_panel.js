// What else could have stood in place of the token that is picked. Stands behind format.js and chips.js.
function paintPanel(view) {
  const { labels, panel } = view;
  const token = view.tokens[view.picked];
  const title = make("h3", "", fill(labels.heading, { position: view.picked + 1 }));
  const list = make("ol");
  const shown = token.alternatives.map(([id, text, probability]) => ({ id, text, probability }));
  const rest = Math.max(0, 1 - shown.reduce((sum, other) => sum + other.probability, 0));
  const among = shown.some((other) => other.id === token.id);
  for (const other of shown) list.append(alternative(view, other, other.id === token.id));
  if (!among) list.append(alternative(view, token, true));
  const others = make("li", "others");
  const left = among ? rest : Math.max(0, rest - token.probability);
  others.append(say(labels.others, "name"), bar(left), say(percent(left), "share"));
  list.append(others);
  const note = make("p");
  note.textContent = fill(labels.unsure, { choices: number(Math.exp(token.entropy)) });
  panel.setAttribute("aria-label", title.textContent);
  panel.replaceChildren(title, list, note);
  if (!view.data.settings) return;
  const cut = make("button", "cut", labels.cut, { type: "button" });
  cut.onclick = () => view.say("settings", view.picked);
  panel.append(cut);
}

function alternative(view, other, chosen) {
  const { labels } = view;
  const item = make("li", chosen ? "chosen" : "");
  const name = chip(other.text, "name");
  const sentence = fill(labels.token, { token: visible(other.text), probability: percent(other.probability) });
  name.setAttribute("aria-label", chosen ? `${sentence}, ${labels.chosen}` : `${sentence}. ${labels.go}`);
  name.title = chosen ? labels.chosen : labels.go;
  name.style.setProperty("--p", other.probability.toFixed(4));
  if (chosen) name.disabled = true;
  else name.onclick = () => view.goFrom(other.id);
  item.append(name, bar(other.probability), say(percent(other.probability), "share"));
  return item;
}

function bar(share) {
  const node = make("span", "bar");
  node.style.setProperty("--share", Math.max(0, Math.min(1, share)).toFixed(4));
  return node;
}
