// What Streamlit calls for the parts of a page that are about heads: once when one appears, and again after every
// script run and change of theme.
const HEAD_PARTS = { table: HeadTable, steps: HeadSteps };

export default (component) =>
  mounted(component, (host) => {
    host.append(make("div"));
    return new HEAD_PARTS[component.data.part](host.firstChild);
  });
