// The desk below a transcript: take over, write as a human, hand back. What was typed stays in the
// field until the gateway has it; the same words keep their id, so that they are said once.
(() => {
  "use strict";

  const desk = document.querySelector("[data-desk]");
  if (!desk) return;
  const said = desk.querySelector("[data-said]");
  const text = desk.querySelector("[data-text]");
  let id = "", words = "";

  function newId() {
    if (crypto.randomUUID) return crypto.randomUUID();
    return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  async function act(wish) {
    const given = await fetch(desk.dataset.ticket, {
      method: "POST",
      headers: { Accept: "application/json", "Konstruct-Form-Token": desk.dataset.token },
    });
    if (!given.ok) throw new Error(`ticket: ${given.status}`);
    const { ticket } = await given.json();
    const answer = await fetch(desk.dataset.desk, {
      method: "POST",
      headers: { Authorization: `Bearer ${ticket}`, "Content-Type": "application/json" },
      body: JSON.stringify(wish),
    });
    if (!answer.ok) throw new Error(`desk: ${answer.status}`);
  }

  async function trying(wish, done) {
    for (const one of desk.querySelectorAll("button")) one.disabled = true;
    said.hidden = true;
    try {
      await act(wish);
      await done();
    } catch {
      said.textContent = desk.dataset.failed;
      said.hidden = false;
    }
    for (const one of desk.querySelectorAll("button")) one.disabled = false;
  }

  // Whose turn it is may have changed elsewhere; what is being typed is never thrown away.
  document.addEventListener("konstruct-live", ({ detail: page }) => {
    if (page.querySelector("[data-desk]")?.dataset.mode !== desk.dataset.mode && !text?.value) location.reload();
  });

  for (const button of desk.querySelectorAll("[data-act]")) {
    button.addEventListener("click", () => trying({ action: button.dataset.act }, () => location.reload()));
  }
  desk.querySelector("[data-write]")?.addEventListener("submit", (event) => {
    event.preventDefault();
    const now = text.value.trim();
    if (!now) return;
    if (now !== words) [id, words] = [newId(), now];
    trying({ action: "write", id, text: now }, async () => {
      words = text.value = "";
      await window.konstructRefresh();
      text.focus();
    });
  });
  if (text) {
    text.focus();
    document.scrollingElement.scrollTop = document.scrollingElement.scrollHeight;
  }
})();
