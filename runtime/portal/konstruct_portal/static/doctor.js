// Whether a connection is in order: the page asks the gateway, with a ticket of the portal, and shows
// one line for each check. A form asks the same about what is entered, before anything is kept.
(() => {
  "use strict";

  for (const place of document.querySelectorAll("[data-doctor]")) {
    if ("attempt" in place.dataset) attempt(place);
    else examine(place);
  }

  function examine(place) {
    const button = place.querySelector("[data-look]");
    const look = async (action) => {
      button.disabled = true;
      place.setAttribute("aria-busy", "true");
      try {
        const found = await ask(place, { action, connection: place.dataset.connection });
        show(place, found.findings);
        say(place, found.findings.length ? "" : place.dataset.nothing);
        stamp(place, found.checkedAt);
      } catch {
        say(place, place.dataset.failed);
      }
      place.removeAttribute("aria-busy");
      button.disabled = false;
    };
    place.hidden = false;
    button.addEventListener("click", () => look("examine"));
    look("show");
  }

  function attempt(place) {
    const form = place.closest("form");
    const button = form.querySelector("[data-try]");
    const said = place.querySelector("[data-said]");
    button.hidden = false;
    button.addEventListener("click", async () => {
      button.disabled = true;
      place.hidden = false;
      show(place, []);
      say(place, said.dataset.asking);
      try {
        const trial = await entered(form);
        if (trial) {
          const found = await ask(place, { action: "try", trial });
          show(place, found.findings);
          say(place, found.findings.length ? "" : place.dataset.nothing);
        } else {
          say(place, said.dataset.wrong);
        }
      } catch {
        say(place, place.dataset.failed);
      }
      button.disabled = false;
      place.scrollIntoView({ block: "nearest" });
    });
  }

  // What the form stands for, as the portal reads it; nothing while something is wrong with it.
  async function entered(form) {
    const answer = await form.konstructCheck();
    if (!answer) throw new Error("the portal does not answer");
    return answer.trial;
  }

  async function ask(place, wish) {
    const given = await fetch(place.dataset.ticket, {
      method: "POST",
      headers: { Accept: "application/json", "Konstruct-Form-Token": place.dataset.token },
    });
    if (!given.ok) throw new Error(`ticket: ${given.status}`);
    const { ticket } = await given.json();
    const answer = await fetch(place.dataset.doctor, {
      method: "POST",
      headers: { Authorization: `Bearer ${ticket}`, "Content-Type": "application/json" },
      body: JSON.stringify(wish),
    });
    if (!answer.ok) throw new Error(`doctor: ${answer.status}`);
    return answer.json();
  }

  function show(place, findings) {
    place.querySelector("[data-findings]").replaceChildren(...findings.map((one) => row(place, one)));
  }

  function row(place, finding) {
    const kind = finding.informs ? "informs" : finding.verdict;
    const made = place.querySelector(`[data-row=${kind}]`).content.cloneNode(true);
    made.querySelector("[data-title]").textContent = finding.title;
    made.querySelector("[data-message]").textContent = finding.message;
    const step = made.querySelector("[data-step]");
    if (finding.nextStep) step.querySelector("span").textContent = finding.nextStep;
    else step.remove();
    return made;
  }

  function say(place, text) {
    place.querySelector("[data-said]").textContent = text;
  }

  function stamp(place, moment) {
    const at = place.querySelector("[data-at]");
    const when = new Date(moment);
    at.dateTime = when.toISOString();
    at.textContent = when.toLocaleTimeString(document.documentElement.lang, { timeStyle: "short" });
  }
})();
