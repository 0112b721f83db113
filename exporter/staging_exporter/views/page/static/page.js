// Keeps the page up to date without a reload: fetches it again and changes only the elements that differ.

import { morph } from "./morph.js";
import { localise, notifyOfChange, prepareFilter, prepareNotifications, prepareTheme } from "./viewer.js";

const INTERVAL = 3000; // ms from one response to the next request
const HIDDEN = 15000; // ms, in a hidden tab: its title and icon show the state
const TIMEOUT = 10000; // ms that a response may take
const LIVE = ["top", "main"]; // ids of the elements that are kept up to date

async function update() {
  const url = location.href;
  const response = await fetch(url, { cache: "no-store", signal: AbortSignal.timeout(TIMEOUT) });
  if (!response.ok) throw new Error(`status ${response.status}`);
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
  if (url !== location.href) return; // the selection has changed meanwhile: its own update is under way
  localise(fresh);
  if (document.title !== fresh.title) document.title = fresh.title;
  const [icon, wanted] = [document, fresh].map((each) => each.getElementById("icon"));
  if (icon.getAttribute("href") !== wanted.getAttribute("href")) icon.setAttribute("href", wanted.getAttribute("href"));
  for (const id of LIVE) morph(document.getElementById(id), fresh.getElementById(id));
  notifyOfChange();
}

let lastResponse = new Date();
let timer = 0;

async function keepUpToDate() {
  clearTimeout(timer);
  const contact = document.getElementById("contact");
  try {
    await update();
    lastResponse = new Date();
    contact.hidden = true;
  } catch {
    document.getElementById("contact-since").textContent = lastResponse.toLocaleTimeString();
    contact.hidden = false;
  }
  clearTimeout(timer);
  timer = setTimeout(keepUpToDate, document.hidden ? HIDDEN : INTERVAL);
}

localise(document);
prepareTheme();
prepareNotifications();
prepareFilter(keepUpToDate);
timer = setTimeout(keepUpToDate, INTERVAL);
document.addEventListener("visibilitychange", () => document.hidden || keepUpToDate());
