// Numbers, times and sentences as pages/ui/text.py writes them; words come translated from the server.
const fill = (template, values) =>
  template.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));

function number(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  if (Number.isInteger(value)) return value.toLocaleString("en-US").replace("-", "−");
  const [mantissa, exponent] = value.toExponential(2).split("e");
  const power = Number(exponent);
  if (power >= -4 && power < 9) {
    const digits = Math.max(0, 2 - power);
    const rounded = power > 2 ? Math.round(value / 10 ** (power - 2)) * 10 ** (power - 2) : value;
    return rounded
      .toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits })
      .replace("-", "−");
  }
  const raised = [...String(power)].map((sign) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(sign)]).join("");
  return `${mantissa} × 10${raised}`.replace("-", "−");
}

function duration(seconds, labels) {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return "–";
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 100) return fill(labels.seconds, { s: whole });
  if (whole < 6000) return fill(labels.minutes, { m: Math.floor(whole / 60), s: whole % 60 });
  return fill(labels.hours, { h: Math.floor(whole / 3600), m: Math.floor((whole % 3600) / 60) });
}

// An element with a class, text and attributes. Text from people and models enters the page only through here.
function make(tag, className = "", text = null, attributes = {}) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== null) element.textContent = text;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

// What Streamlit calls for a part of a page: once when it appears, and again after every script run and change of theme;
// what is returned is called when it goes. `begin` makes, in the element that is given to it, what is brought up to date.
function mounted(component, begin, className = "t-host") {
  const { parentElement } = component;
  let host = parentElement.querySelector(":scope > .t-host");
  if (!host) {
    host = make("div", className);
    parentElement.append(host);
    host.mounted = begin(host);
  }
  host.mounted.update(component);
  return () => {
    host.mounted.close();
    host.remove();
  };
}

const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
