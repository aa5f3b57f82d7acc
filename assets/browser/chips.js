// Tokens as people read them, for every component that shows some. Stands behind format.js.
const say = (text, className = "") => make("span", className, text);

// A chip shows spaces, tabs, line ends and other unseen characters as faint signs.
function chip(text, kind) {
  const node = kind === "given" ? make("span", "chip given") : make("button", `chip ${kind}`, null, { type: "button" });
  for (const part of text.split(UNSEEN).filter(Boolean)) {
    node.append(say(visible(part), UNSEEN_START.test(part) ? "sign" : ""));
  }
  return node;
}

const UNSEEN = /([\s\p{C}]+)/u;
const UNSEEN_START = /^[\s\p{C}]/u;
const SIGNS = { " ": "·", "\n": "↵", "\t": "⇥", "\r": "␍", "\u00a0": "⍽", "\u3000": "□" };

function visible(text) {
  return text.replace(/[\s\p{C}]/gu, (sign) => {
    const code = sign.codePointAt(0);
    return SIGNS[sign] ?? (code < 32 ? String.fromCodePoint(0x2400 + code) : `⟨${code.toString(16).toUpperCase()}⟩`);
  });
}

function percent(share) {
  const hundredths = share * 100;
  return `${hundredths >= 99.95 ? "100" : hundredths >= 0.001 ? hundredths.toPrecision(3) : number(hundredths)} %`;
}
