// What Streamlit calls for the parts of a page that are about heads: once when one appears, and again after every
// script run and change of theme.
const HEAD_PARTS = { table: HeadTable, steps: HeadSteps };

export default function (component) {
  const { parentElement, data } = component;
  let host = parentElement.querySelector(":scope > .t-host");
  if (!host) {
    host = make("div", "t-host");
    host.append(make("div"));
    parentElement.append(host);
    host.view = new HEAD_PARTS[data.part](host.firstChild);
  }
  host.view.update(component);
  return () => {
    host.view.close();
    host.remove();
  };
}
