// What belongs to the viewer: local times, theme, filter, notifications.

const SEARCH_DELAY = 200; // ms after the last key
const THEMES = ["system", "light", "dark"];
const store = {
  get: (key) => {
    try {
      return localStorage.getItem(key);
    } catch {
      return null; // a browser may forbid storage
    }
  },
  set: (key, value) => {
    try {
      localStorage.setItem(key, value);
    } catch {
      // then it holds for this page alone
    }
  },
};

const CLOCK = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23", timeZoneName: "short" };
const DAY = { year: "numeric", month: "2-digit", day: "2-digit" };
const clock = new Intl.DateTimeFormat(undefined, CLOCK);
const dated = new Intl.DateTimeFormat(undefined, { ...DAY, ...CLOCK, second: undefined });

// Writes all times below `root` in the viewer's time zone; the text of the server, in UTC, becomes the tooltip.
export function localise(root) {
  const today = new Date().toDateString();
  for (const node of root.querySelectorAll("time[datetime]")) {
    const at = new Date(node.dateTime);
    node.title = at.toISOString().replace("T", " ").replace(".000Z", " UTC");
    node.textContent = (at.toDateString() === today ? clock : dated).format(at);
  }
}

export function prepareTheme() {
  const button = document.getElementById("theme");
  let theme = store.get("theme") ?? "system";
  const show = () => {
    button.textContent = `Theme: ${theme}`;
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
  };
  button.addEventListener("click", () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
    store.set("theme", theme);
    show();
  });
  show();
  button.hidden = false;
}

// The filter without a reload: `changed` is called when the URL has the new selection.
export function prepareFilter(changed) {
  const form = document.getElementById("filter");
  if (!form) return;
  const search = document.getElementById("search");
  let timer = 0;
  const apply = () => {
    const query = new URLSearchParams([...new FormData(form)].filter(([, value]) => value !== ""));
    if (new URLSearchParams(location.search).has("graph")) query.set("graph", "1");
    history.replaceState(null, "", query.size ? `?${query}` : location.pathname);
    changed();
  };
  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(apply, SEARCH_DELAY);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(timer);
    apply();
  });
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, select, textarea");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      search.focus();
      search.select();
    }
  });
}

const verdict = () => document.getElementById("main").dataset.verdict;
let before = null;

// Offers notifications of changes of the state and the root causes, on the status page alone.
export function prepareNotifications() {
  const button = document.getElementById("notify");
  before = verdict();
  if (!before || !("Notification" in window) || !window.isSecureContext) return;
  const wanted = () => store.get("notify") === "on" && Notification.permission === "granted";
  const show = () => button.setAttribute("aria-pressed", String(wanted()));
  button.addEventListener("click", async () => {
    store.set("notify", wanted() ? "off" : "on");
    if (Notification.permission === "default") await Notification.requestPermission();
    show();
  });
  show();
  button.hidden = false;
}

export function notifyOfChange() {
  const now = verdict();
  if (!before || now === before) return;
  before = now;
  if (store.get("notify") !== "on" || !("Notification" in window) || Notification.permission !== "granted") return;
  new Notification(document.title, { tag: "staging-exporter", icon: document.getElementById("icon").href });
}
