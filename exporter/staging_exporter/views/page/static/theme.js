// Runs before the page is drawn: the theme that was chosen, and a mark that scripts run.
"use strict";
{
  const root = document.documentElement;
  root.dataset.js = "";
  let theme = null;
  try {
    theme = localStorage.getItem("theme");
  } catch {
    // a browser may forbid storage
  }
  if (theme === "light" || theme === "dark") root.dataset.theme = theme;
}
