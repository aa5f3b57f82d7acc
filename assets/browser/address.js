// What is looked at stands in the address, so that a link opens just that. Language-free names; what comes from an address
// is checked like anything else from outside.
const linked = (name) => new URLSearchParams(location.search).get(name);

function wholeIn(name) {
  const text = linked(name) ?? "";
  return /^\d{1,8}$/.test(text) ? Number(text) : null;
}

// What is as the page begins has no place in the address: null. Browsers let an address change only so often: what comes
// close together is written at once.
const linking = new Map();

function link(name, value) {
  if (!linking.size) setTimeout(writeLinks, 150);
  linking.set(name, value);
}

function writeLinks() {
  const address = new URL(location.href);
  for (const [name, value] of linking) {
    if (value === null) address.searchParams.delete(name);
    else address.searchParams.set(name, value);
  }
  linking.clear();
  if (address.href !== location.href) history.replaceState(history.state, "", address);
}
