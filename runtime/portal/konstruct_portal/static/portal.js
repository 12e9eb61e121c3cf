// What every page has: copy buttons, growing text fields, a word before unsaved changes are lost.
(() => {
  "use strict";

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    await copy(button.dataset.copy);
    toast(button.dataset.copied);
  });

  async function copy(text) {
    if (navigator.clipboard && window.isSecureContext) {
      await navigator.clipboard.writeText(text);
      return;
    }
    const field = document.createElement("textarea");
    field.value = text;
    field.className = "visually-hidden";
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
  }

  function toast(text) {
    const note = document.createElement("div");
    note.className = "toast-note";
    note.textContent = text;
    document.querySelector("[data-toasts]").append(note);
    setTimeout(() => note.remove(), 3000);
  }

  for (const note of document.querySelectorAll("[data-toast]")) {
    setTimeout(() => note.classList.add("is-leaving"), 5000);
    setTimeout(() => note.remove(), 5600);
  }

  for (const field of document.querySelectorAll("textarea[data-grow]")) {
    const grow = () => {
      field.rows = Math.min(24, Math.max(field.defaultRows ??= field.rows, field.value.split("\n").length + 1));
    };
    field.addEventListener("input", grow);
    grow();
  }

  for (const form of document.querySelectorAll("form[data-guard-changes]")) {
    let changed = Boolean(form.parentElement.parentElement.querySelector(".note[role=alert]"));
    form.addEventListener("input", () => { changed = true; form.classList.add("is-changed"); });
    form.addEventListener("submit", () => { changed = false; });
    window.addEventListener("beforeunload", (event) => { if (changed) event.preventDefault(); });
  }

  const wrong = document.querySelector("[aria-invalid=true]");
  if (wrong) wrong.focus();
})();
