// What a view of the Generate page gives to take away: its drawing, and its rows as a table. Stands behind
// generated.js and saving.js.
const KEPT_STYLES = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "stroke-opacity", "opacity", "font-family", "font-size", "font-weight", "text-anchor", "text-decoration", "dominant-baseline"];

// The drawing as it is seen, with what the style sheet says written into it.
function asSheet(svg) {
  const copy = svg.cloneNode(true);
  const seen = [...svg.querySelectorAll("*")];
  [...copy.querySelectorAll("*")].forEach((node, index) => {
    const style = getComputedStyle(seen[index]);
    for (const name of KEPT_STYLES) node.style.setProperty(name, style.getPropertyValue(name));
  });
  const ground = getComputedStyle(svg).getPropertyValue("--st-background-color");
  copy.prepend(drawn("rect", { width: "100%", height: "100%", fill: ground }));
  copy.setAttribute("xmlns", SVG);
  return { svg: new XMLSerializer().serializeToString(copy), width: Number(svg.getAttribute("width")), height: Number(svg.getAttribute("height")) };
}

const fileButton = (text, deed) => {
  const button = make("button", "t-link", text, { type: "button" });
  button.onclick = deed;
  return button;
};

// `picture()`: {svg, width, height} as it is seen now, or null while there is none.
const pictureButtons = (view, picture = () => (view.svg?.isConnected ? asSheet(view.svg) : null)) =>
  ["svg", "png"].map((format) =>
    fileButton(format.toUpperCase(), () => {
      const sheet = picture();
      return sheet && saveSheet(sheet, view.data.file, format);
    }),
  );
const csvButton = (view) => fileButton("CSV", () => saveAs(`${view.data.file}.csv`, tableFile([view.words.columns.split(","), ...view.table()])));
