// What Streamlit calls: once when a part appears, and again after every script run and change of theme.
export default function (component) {
  const { parentElement, data } = component;
  document.documentElement.lang = data.language;
  let host = parentElement.querySelector(":scope > .t-host");
  if (!host) {
    host = make("div", "t-host");
    host.append(make("div"));
    parentElement.append(host);
  }
  if (host.panel) host.panel.update(component);
  else host.panel = new PARTS[data.part](host.firstChild, component);
  return () => {
    host.panel?.close();
    host.panel = null;
    host.remove();
  };
}
