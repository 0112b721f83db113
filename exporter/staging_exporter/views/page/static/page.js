// Keeps the page up to date without a reload: fetches it again and changes only the elements that differ.
"use strict";

const INTERVAL = 3000; // ms from one response to the next request
const TIMEOUT = 10000; // ms that a response may take
const LIVE = ["top", "main"]; // ids of the elements that are kept up to date

const keyOf = (node) => (node.nodeType === Node.ELEMENT_NODE ? node.getAttribute("data-key") : null);
const alike = (old, fresh) => old.nodeName === fresh.nodeName && keyOf(old) === keyOf(fresh);

// Changes `old` into `fresh`, keeping elements that stay, and with them focus, selection and scroll position.
function morph(old, fresh) {
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  morphChildren(old, fresh);
}

function morphChildren(old, fresh) {
  const wanted = new Set([...fresh.children].map(keyOf));
  for (const child of [...old.children]) if (keyOf(child) !== null && !wanted.has(keyOf(child))) child.remove();
  const keyed = new Map([...old.children].map((child) => [keyOf(child), child]));
  let at = old.firstChild;
  for (const child of fresh.childNodes) {
    const same = keyOf(child) !== null ? keyed.get(keyOf(child)) : at;
    if (same && alike(same, child)) {
      // A node that is moved loses the focus: nodes without a key that are in its way are removed instead.
      while (at !== null && at !== same && keyOf(at) === null) at = removed(at);
      if (same === at) at = at.nextSibling;
      else old.insertBefore(same, at);
      morph(same, child);
    } else {
      old.insertBefore(document.importNode(child, true), at);
    }
  }
  while (at) at = removed(at);
}

function removed(node) {
  const next = node.nextSibling;
  node.remove();
  return next;
}

async function update() {
  const response = await fetch(location.href, { cache: "no-store", signal: AbortSignal.timeout(TIMEOUT) });
  if (!response.ok) throw new Error(`status ${response.status}`);
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
  if (document.title !== fresh.title) document.title = fresh.title;
  for (const id of LIVE) morph(document.getElementById(id), fresh.getElementById(id));
}

let lastResponse = new Date();

async function keepUpToDate() {
  if (!document.hidden) {
    const contact = document.getElementById("contact");
    try {
      await update();
      lastResponse = new Date();
      contact.hidden = true;
    } catch {
      document.getElementById("contact-since").textContent = lastResponse.toLocaleTimeString();
      contact.hidden = false;
    }
  }
  setTimeout(keepUpToDate, INTERVAL);
}

setTimeout(keepUpToDate, INTERVAL);
document.addEventListener("visibilitychange", () => document.hidden || update().catch(() => {}));
