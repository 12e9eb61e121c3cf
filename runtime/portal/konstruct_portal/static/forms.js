// Forms that say at once what is wrong: the server checks, at the fields a person has left.
(() => {
  "use strict";

  for (const form of document.querySelectorAll("form[data-check]")) watch(form);

  function watch(form) {
    const left = new Set();
    for (const field of form.querySelectorAll("[data-field]")) {
      if (field.querySelector(".invalid-feedback")) left.add(field.dataset.field);
    }
    let latest = 0;
    form.addEventListener("change", async (event) => {
      left.add(event.target.name);
      relate(form);
      const number = ++latest;
      const answer = await check(form);
      if (answer && number === latest) show(form, answer.problems, left);
    });
    // Every field at once, for whoever wants to use what is entered; nothing where nobody answers.
    form.konstructCheck = async () => {
      for (const field of form.querySelectorAll("[data-field]")) left.add(field.dataset.field);
      const number = ++latest;
      const answer = await check(form);
      if (answer && number === latest) show(form, answer.problems, left);
      return answer;
    };
    relate(form);
  }

  // Fields that belong only to certain values of others are shown only with these.
  function relate(form) {
    for (const field of form.querySelectorAll("[data-only-with]")) {
      const wanted = Object.entries(JSON.parse(field.dataset.onlyWith));
      field.hidden = !wanted.every(([name, value]) => {
        const other = form.elements[name];
        return !other || other.value === value;
      });
    }
  }

  async function check(form) {
    try {
      const answer = await fetch(form.dataset.check, {
        method: "POST",
        headers: { Accept: "application/json" },
        body: new URLSearchParams(new FormData(form)),
      });
      return answer.ok ? await answer.json() : null;
    } catch {
      return null; // the form itself is checked again when it is sent
    }
  }

  function show(form, problems, left) {
    for (const field of form.querySelectorAll("[data-field]")) {
      const said = (left.has(field.dataset.field) && problems[field.dataset.field]) || [];
      const control = form.elements[field.dataset.field];
      const place = field.querySelector(".field-problems");
      if (!control || !place) continue;
      control.classList.toggle("is-invalid", said.length > 0);
      if (said.length) control.setAttribute("aria-invalid", "true");
      else control.removeAttribute("aria-invalid");
      place.replaceChildren(...said.map((text) => {
        const line = document.createElement("div");
        line.className = "invalid-feedback";
        line.textContent = text;
        return line;
      }));
    }
  }
})();
