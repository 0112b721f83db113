// Changes a tree of elements into another one, keeping elements that stay, and with them focus and scroll position.

const keyOf = (node) => (node.nodeType === Node.ELEMENT_NODE ? node.getAttribute("data-key") : null);
const alike = (old, fresh) => old.nodeName === fresh.nodeName && keyOf(old) === keyOf(fresh);
const touched = new Set(); // folds that the viewer opened or closed, as paths of keys
let incoming = new Set(); // ids in the fresh tree: such an element, a tile for one, may move to another parent
let leftovers = []; // elements to remove once what moves out of them has moved

// Changes `old` into `fresh`. Elements with `data-still` belong to the viewer and do not change.
export function morph(old, fresh) {
  incoming = new Set([...fresh.querySelectorAll("[id]")].map((node) => node.id));
  leftovers = [];
  const active = document.activeElement;
  change(old, fresh);
  for (const node of leftovers) node.remove();
  if (active && active !== document.activeElement && active.isConnected) active.focus({ preventScroll: true });
}

function change(old, fresh) {
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  if (old.hasAttribute("data-still")) return;
  const kept = (name) => name === "open" && old.nodeName === "DETAILS" && isViewers(old);
  for (const { name } of [...old.attributes])
    if (!fresh.hasAttribute(name) && !kept(name)) old.removeAttribute(name);
  for (const { name, value } of fresh.attributes)
    if (old.getAttribute(name) !== value && !kept(name)) old.setAttribute(name, value);
  changeChildren(old, fresh);
}

function changeChildren(old, fresh) {
  const wanted = new Set([...fresh.children].map(keyOf));
  for (const child of [...old.children]) if (keyOf(child) !== null && !wanted.has(keyOf(child))) discard(child);
  const keyed = new Map([...old.children].map((child) => [keyOf(child), child]));
  let at = old.firstChild;
  for (const child of fresh.childNodes) {
    const same = keyOf(child) !== null ? (keyed.get(keyOf(child)) ?? elsewhere(child)) : at;
    if (same && alike(same, child)) {
      // A node that is moved loses the focus: nodes without a key that are in its way are removed instead.
      while (at !== null && at !== same && keyOf(at) === null && same.parentNode === old) at = discard(at);
      if (same === at) at = at.nextSibling;
      else place(old, same, at);
      change(same, child);
    } else {
      const added = document.importNode(child, false);
      old.insertBefore(added, at);
      if (child.nodeType === Node.ELEMENT_NODE) changeChildren(added, child); // what moves into it stays the same element
    }
  }
  while (at) at = discard(at);
}

// Removes a node, at once or when what it contains has moved elsewhere; returns the one after it.
function discard(node) {
  const next = node.nextSibling;
  if (moves(node) || [...(node.querySelectorAll?.("[id]") ?? [])].some(moves)) leftovers.push(node);
  else node.remove();
  return next;
}

const moves = (node) => Boolean(node.id) && incoming.has(node.id);
const elsewhere = (child) => (child.id ? (document.getElementById(child.id) ?? undefined) : undefined);

function place(parent, node, before) {
  leftovers = leftovers.filter((each) => each !== node);
  if (parent.moveBefore && node.isConnected) parent.moveBefore(node, before); // keeps the focus
  else parent.insertBefore(node, before);
}

// Whether the viewer decides if a fold is open: one that was clicked, or that has the focus.
const isViewers = (fold) => touched.has(pathOf(fold)) || fold.contains(document.activeElement);

function pathOf(node) {
  const keys = [];
  for (let each = node; each; each = each.parentElement) if (keyOf(each) !== null) keys.push(keyOf(each));
  return keys.join("/");
}

document.addEventListener("click", (event) => {
  const summary = event.target.closest("summary");
  if (summary) touched.add(pathOf(summary.parentElement));
});
