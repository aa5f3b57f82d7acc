// Figures of a live run. A figure keeps its element and is only ever updated, so that zoom and hover stay.
const plotly = () =>
  (window.terrariumPlotly ??= new Promise((loaded, failed) => {
    if (window.Plotly) return loaded(window.Plotly);
    const script = make("script", "", null, { src: "./vendor/plotly.min.js" });
    script.onload = () => loaded(window.Plotly);
    script.onerror = failed;
    document.head.append(script);
  }));

// Light or dark, by the background that Streamlit paints; the colours come from pages/ui/charts.py.
function themeOf(element, themes) {
  const background = getComputedStyle(element).getPropertyValue("--st-background-color").trim();
  const parts = background.match(/[0-9a-f]{2}/gi) ?? ["ff", "ff", "ff"];
  const [red, green, blue] = parts.map((part) => parseInt(part, 16));
  return 0.3 * red + 0.6 * green + 0.1 * blue < 128 ? themes.dark : themes.light;
}

// What people and models write, in Plotly's own markup: no tag in it is taken for one, and no place to be filled in.
const asPlotlyText = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll("%", "&#37;");

let drawings = 0; // columns grow in place, which Plotly would not see without another revision each time

const CONFIG = { displaylogo: false, responsive: true, modeBarButtonsToRemove: ["lasso2d", "select2d", "autoScale2d"] };

// Labels stand at the right end of their lines, pushed apart where they would touch.
function directLabels(lines, range, height, size) {
  const gap = size * 1.35;
  const placed = lines
    .map((line) => ({ ...line, wanted: (1 - (line.y - range[0]) / (range[1] - range[0])) * height }))
    .filter((line) => Number.isFinite(line.wanted) && line.wanted > -gap && line.wanted < height + gap)
    .sort((a, b) => a.wanted - b.wanted);
  placed.forEach((line, index) => {
    line.at = Math.max(line.wanted, index ? placed[index - 1].at + gap : 0);
  });
  for (let index = placed.length - 1; index >= 0; index--) {
    const ceiling = index === placed.length - 1 ? height : placed[index + 1].at - gap;
    placed[index].at = Math.min(placed[index].at, ceiling);
  }
  return placed.map((line) => ({
    xref: "paper", x: 1, xanchor: "left", xshift: 8, yref: "paper", y: 1 - line.at / height, yanchor: "middle",
    text: line.text, showarrow: false, align: "left", font: { color: line.color, size },
  }));
}

const titled = (axis, extra, text, standoff) => ({ ...axis, ...extra, title: { ...axis.title, text, standoff } });
