// Runs before the page is drawn: follow the system's theme unless one was chosen.
(() => {
  "use strict";
  const root = document.documentElement;
  if (root.dataset.themeFixed) return;
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const follow = () => root.setAttribute("data-bs-theme", dark.matches ? "dark" : "light");
  follow();
  dark.addEventListener("change", follow);
})();
