// A part of a page that keeps itself true: asked for anew every few seconds while it is looked at,
// and drawn anew only when its version is another one.
(() => {
  "use strict";

  const every = 4000;

  // Replace the live part if it changed; the whole page as it is now goes to whoever listens.
  async function refresh() {
    const shown = document.querySelector("[data-live]");
    if (!shown || document.querySelector("dialog[open]")) return;
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (!answer.ok || answer.redirected) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    document.dispatchEvent(new CustomEvent("konstruct-live", { detail: page }));
    const fresh = page.querySelector("[data-live]");
    if (!fresh || fresh.dataset.live === shown.dataset.live) return;
    const below = document.scrollingElement.scrollHeight - document.scrollingElement.scrollTop - innerHeight < 80;
    shown.replaceChildren(...fresh.childNodes);
    shown.dataset.live = fresh.dataset.live;
    for (const one of shown.querySelectorAll("[data-markdown]")) window.konstructMarkdown(one, one.textContent);
    if (below && shown.hasAttribute("data-transcript")) document.scrollingElement.scrollTop = document.scrollingElement.scrollHeight;
  }

  window.konstructRefresh = refresh;
  setInterval(() => { if (!document.hidden) refresh().catch(() => {}); }, every);
})();
