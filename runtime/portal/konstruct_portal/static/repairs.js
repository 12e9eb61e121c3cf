// What did not arrive: each button is a wish, handed to the gateway with a ticket of the portal. A
// wish names the attempt that the page showed, so a second click or a second operator does nothing.
(() => {
  "use strict";

  const repairs = document.querySelector("[data-repairs]");
  if (!repairs) return;
  const said = repairs.querySelector("[data-said]");
  const dialog = repairs.querySelector("[data-dialog]");

  async function wish(text) {
    const given = await fetch(repairs.dataset.ticket, {
      method: "POST",
      headers: { Accept: "application/json", "Konstruct-Form-Token": repairs.dataset.token },
    });
    if (!given.ok) throw new Error(`ticket: ${given.status}`);
    const { ticket } = await given.json();
    const answer = await fetch(repairs.dataset.repairs, {
      method: "POST",
      headers: { Authorization: `Bearer ${ticket}`, "Content-Type": "application/json" },
      body: text,
    });
    if (!answer.ok) throw new Error(`wish: ${answer.status}`);
    return (await answer.json()).done.length;
  }

  function say(text) {
    said.textContent = text;
    said.hidden = !text;
  }

  function sure(question) {
    if (!question) return Promise.resolve(true);
    dialog.querySelector("[data-question]").textContent = question;
    dialog.returnValue = "";
    dialog.showModal();
    return new Promise((resolve) => {
      dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
    });
  }

  repairs.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-wish]");
    if (!button || button.disabled || !(await sure(button.dataset.sure))) return;
    button.disabled = true;
    say("");
    try {
      if (!(await wish(button.dataset.wish))) say(repairs.dataset.late);
      await window.konstructRefresh();
    } catch {
      say(repairs.dataset.failed);
    }
    button.disabled = false;
  });
})();
