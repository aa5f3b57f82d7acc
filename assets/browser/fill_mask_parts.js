// What is expected at one place of a text: tokens with bars and shares. Stands behind format.js and chips.js.
const SURPRISING = 0.05; // a token that was less likely than this stands out

const overlap = ([from, to], [start, stop]) => from < stop && start < to;

function shareBar(share, className = "") {
  const bar = make("span", `t-fill-bar ${className}`);
  bar.style.setProperty("--share", Math.max(0, Math.min(1, share)).toFixed(4));
  return bar;
}

function shareRow(name, share, words, className = "", note = "") {
  const row = make("li", className);
  const sentence = fill(words.token, { token: visible(name), probability: percent(share) });
  const shown = chip(name, "given");
  shown.title = note ? `${sentence}. ${note}` : sentence;
  row.append(shown, shareBar(share), say(percent(share), "t-fill-share"));
  return row;
}

// The likeliest tokens, then what stands there where it is not among them, then all others together.
function expectation(entry, title, words) {
  const panel = make("section", "t-fill-panel", null, { "aria-label": title });
  const list = make("ol", "t-fill-list");
  let left = 1;
  let among = false;
  for (const [id, name, share] of entry.top) {
    const stands = id === entry.id;
    among ||= stands;
    left -= share;
    list.append(shareRow(name, share, words, stands ? "t-fill-stands" : "", stands ? words.stands_here : ""));
  }
  if (!among && entry.given !== null) {
    left -= entry.probability;
    const row = shareRow(entry.given, entry.probability, words, "t-fill-stands", words.stands_here);
    row.firstChild.after(say(fill(words.rank, { rank: number(entry.rank) }), "t-fill-rank"));
    list.append(row);
  }
  const others = make("li", "t-fill-others", null, { title: words.others_meaning });
  others.append(say(words.others), shareBar(left), say(percent(Math.max(0, left)), "t-fill-share"));
  list.append(others);
  const unsure = make("p", "t-fill-quiet", fill(words.unsure, { choices: number(Math.exp(entry.entropy)) }));
  panel.append(make("h4", "t-fill-title", title), list, unsure);
  return panel;
}

// Whole fillings: the tokens of one, in the order in which they were filled, and how likely they are together.
function wholeFillings(fillings, words) {
  const panel = make("section", "t-fill-panel t-fill-whole", null, { "aria-label": words.fillings });
  const table = make("table");
  const head = make("tr");
  head.append(make("td"), make("th", "", words.one_after_another, { scope: "col" }), make("th", "", words.at_once, { scope: "col" }));
  table.append(head);
  for (const { pieces, order, probability, at_once } of fillings) {
    const row = make("tr");
    const name = make("th", "", null, { scope: "row" });
    pieces.forEach((piece, mask) => {
      const shown = chip(piece, "given");
      shown.append(make("sup", "", String(order.indexOf(mask) + 1)));
      name.append(shown, " ");
    });
    row.title = fill(words.filling, { tokens: pieces.map(visible).join(" "), probability: percent(probability), at_once: percent(at_once) });
    row.append(name, make("td", "", percent(probability)), make("td", "", percent(at_once)));
    table.append(row);
  }
  panel.append(make("h4", "t-fill-title", words.fillings), table, make("p", "t-fill-quiet", words.fillings_meaning));
  return panel;
}

// Small buttons of which one is pressed.
function choices(items, chosen, choose) {
  const row = make("div", "t-fill-choices");
  for (const [value, label] of items) {
    const button = make("button", "t-link", label, { type: "button", "aria-pressed": String(value === chosen) });
    button.onclick = () => choose(value);
    row.append(button);
  }
  return row;
}

function fact(term, value, meaning = "") {
  const node = make("div");
  node.append(make("dt", "", term, { title: meaning }), make("dd", "", value));
  return node;
}
