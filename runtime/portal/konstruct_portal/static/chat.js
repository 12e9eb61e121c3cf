// The chat page. Nothing a person typed is lost: a message stays on the page, marked, until the
// gateway says that it is kept; it is sent again after a break, under the same id.
(() => {
  "use strict";

  const place = document.querySelector("[data-chat]");
  if (!place) return;
  const find = (name) => place.querySelector(`[data-${name}]`);
  const say = (name) => place.dataset[`say${name[0].toUpperCase()}${name.slice(1)}`];
  const log = find("log"), drafts = find("drafts"), scroll = find("scroll"), text = find("text");
  const stopButton = find("stop"), downButton = find("down");
  const kept = new Map();     // messages by id: { element, text, accepted }
  const turns = new Map();    // answers in the making by turn: { element, attempt, text }
  const settled = new Set();  // turns that have their reply
  const shown = new Set();    // seqs already on the page
  const asks = new Map();     // questions by id: their buttons
  let conversation = recall(), after = 0, waiting = null, asked = 0;

  const link = new window.KonstructChatLink({
    ticketAddress: place.dataset.ticket,
    socketAddress: place.dataset.socket,
    token: place.dataset.token,
    resume: () => (conversation ? { conversation, after } : {}),
    heard,
    changed,
  });

  const words = JSON.parse(place.dataset.files);
  const files = new KonstructFiles({
    tray: find("tray"),
    input: find("picker"),
    language: place.dataset.language,
    address: place.dataset.upload,
    credential: () => link.ticket(),
    words,
    changed: () => { find("clip").hidden = !files.limits; find("send").setAttribute("aria-busy", String(files.busy)); },
    say: (said) => { find("spoken").textContent = said; },
  });

  function recall() {
    const wanted = new URLSearchParams(location.search).get("conversation");
    return wanted || sessionStorage.getItem(place.dataset.store) || "";
  }

  function remember(id) {
    conversation = id;
    if (id) sessionStorage.setItem(place.dataset.store, id);
    else sessionStorage.removeItem(place.dataset.store);
    const address = new URL(location.href);
    if (id) address.searchParams.set("conversation", id);
    else address.searchParams.delete("conversation");
    history.replaceState(null, "", address);
  }

  const answers = {
    ready(frame) {
      if (frame.conversation) remember(frame.conversation);
      files.allow(frame.files);
      // What was in the making before the break is told again, or is replaced by its reply.
      for (const [turn, draft] of turns) if (!draft.text) drop(turn);
      for (const [id, message] of kept) if (!message.accepted) transmit(id);
    },
    accepted(frame) {
      const message = kept.get(frame.id);
      if (message) accept(message, frame.seq);
      busy(true);
    },
    said(frame) {
      const message = kept.get(frame.id);
      if (message) accept(message, frame.seq);
      else if (!shown.has(frame.seq)) write(frame.id || newId(), frame.text, frame.at, true, frame.attachments);
      if (frame.ask) answered(frame.ask, frame.choice);
    },
    typing() { busy(true); },
    step(frame) {
      const draft = draftOf(frame.turn);
      if (!draft) return;
      const line = document.createElement("li");
      line.append(find("step-icon").content.cloneNode(true), frame.text);
      draft.element.querySelector("[data-steps]").append(line);
    },
    delta(frame) {
      const draft = draftOf(frame.turn, frame.attempt);
      if (!draft || frame.attempt < draft.attempt || frame.offset > draft.letters.length) return;
      draft.letters = [...draft.letters.slice(0, frame.offset), ...frame.text];
      draft.text = draft.letters.join("");
      if (!draft.drawing) draft.drawing = requestAnimationFrame(() => draw(draft));
    },
    reply(frame) {
      settled.add(frame.turn);
      drop(frame.turn);
      if (frame.human) for (const turn of [...turns.keys()]) drop(turn);
      busy(false);
      if (shown.has(frame.seq)) return;
      const element = copyOf("agent-message");
      label(element, frame.agent || place.dataset.agent, frame.at);
      window.konstructMarkdown(element.querySelector("[data-body]"), frame.text);
      if (frame.attachments) element.querySelector("[data-body]").append(files.list(frame.attachments, place.dataset.upload));
      add(element);
    },
    ask(frame) {
      settled.add(frame.turn);
      drop(frame.turn);
      if (shown.has(frame.seq)) { busy(false); return; }
      const element = copyOf("ask");
      window.konstructMarkdown(element.querySelector("[data-body]"), frame.text);
      label(element, frame.agent || place.dataset.agent, frame.at);
      const group = element.querySelector("[data-choices]");
      for (const choice of frame.choices || []) {
        const button = document.createElement("button");
        button.type = "button";
        button.className = "btn";
        button.dataset.key = choice.key;
        button.textContent = choice.label;
        button.addEventListener("click", () => {
          if (!link.send({ type: "choose", ask: frame.id, choice: choice.key })) return;
          answered(frame.id, choice.key);
          busy(true);
        });
        group.append(button);
      }
      asks.set(frame.id, group);
      if (Date.parse(frame.expiresAt) <= Date.now()) answered(frame.id, "");
      busy(false);
      add(element);
    },
    notice(frame) {
      if (frame.seq && shown.has(frame.seq)) return;
      if (frame.turn) { settled.add(frame.turn); drop(frame.turn); }
      if (frame.code === "Human") for (const turn of [...turns.keys()]) drop(turn);
      if (frame.code !== "Later") busy(false);
      note(frame.text);
    },
    error(frame) {
      const message = frame.id && kept.get(frame.id);
      if (message) { kept.delete(frame.id); message.element.classList.add("is-refused"); message.foot.textContent = frame.text; }
      else note(frame.text, true);
      busy(false);
    },
  };

  function heard(frame) {
    const answer = Object.hasOwn(answers, frame.type) ? answers[frame.type] : null;
    if (!answer) return;
    const atEnd = nearEnd();
    answer(frame);
    if (Number.isInteger(frame.seq)) {
      shown.add(frame.seq);
      // Only the log comes in order: `accepted` may overtake an entry that is still on its way.
      if (frame.type !== "accepted") after = Math.max(after, frame.seq);
    }
    settle(atEnd);
  }

  function changed(state) {
    const words = { connecting: "connecting", online: "online", offline: "offline", down: "down", fast: "fast", elsewhere: "elsewhere", ended: "ended" };
    place.dataset.link = state;
    find("state-text").textContent = say(words[state]);
    if (state !== "online") for (const message of kept.values()) if (!message.accepted) message.foot.textContent = say("waiting");
    if (state === "ended") {
      const again = document.createElement("a");
      again.href = `${place.dataset.login}?after=${encodeURIComponent(location.pathname + location.search)}`;
      again.textContent = say("ended");
      find("state-text").replaceChildren(again);
    }
  }

  // A question takes one answer: its other buttons are over with the first.
  function answered(id, key) {
    for (const one of asks.get(id)?.children ?? []) {
      one.disabled = true;
      if (!key) continue;
      one.setAttribute("aria-pressed", String(one.dataset.key === key));
      one.classList.toggle("btn-primary", one.dataset.key === key);
    }
  }

  function write(id, words, at, accepted = false, attachments = []) {
    const element = copyOf("person");
    label(element, say("you"), at);
    element.querySelector("[data-body]").textContent = words;
    if (attachments.length) element.querySelector("[data-body]").append(files.list(attachments, place.dataset.upload));
    const message = { element, text: words, attachments, accepted, foot: element.querySelector("[data-foot]"), at };
    kept.set(id, message);
    if (!accepted) { element.classList.add("is-sending"); message.foot.textContent = say("sending"); }
    add(element);
    return message;
  }

  function accept(message, seq) {
    message.accepted = true;
    message.element.classList.remove("is-sending");
    message.foot.textContent = clock(message.at);
    if (Number.isInteger(seq)) shown.add(seq);
  }

  function transmit(id) {
    const message = kept.get(id);
    message.foot.textContent = link.send(frameOf(id, message)) ? say("sending") : say("waiting");
  }

  function frameOf(id, message) {
    const keys = message.attachments.map(({ key }) => ({ key }));
    return { type: "message", id, text: message.text, ...(keys.length ? { attachments: keys } : {}) };
  }

  function draftOf(turn, attempt = 0) {
    if (settled.has(turn)) return null;
    let draft = turns.get(turn);
    if (!draft) {
      draft = { element: copyOf("draft"), attempt: 0, letters: [], text: "" };
      turns.set(turn, draft);
      drafts.querySelector("[data-nameless]")?.remove();
      drafts.append(draft.element);
      busy(true);
    }
    if (attempt > draft.attempt) Object.assign(draft, { attempt, letters: [], text: "" });
    return draft;
  }

  function draw(draft) {
    draft.drawing = 0;
    const atEnd = nearEnd();
    draft.element.querySelector("[data-bubble]").hidden = !draft.text;
    draft.element.querySelector("[data-typing]").hidden = Boolean(draft.text);
    window.konstructMarkdown(draft.element.querySelector("[data-body]"), draft.text);
    settle(atEnd);
  }

  function drop(turn) {
    const draft = turns.get(turn);
    if (!draft) return;
    cancelAnimationFrame(draft.drawing || 0);
    draft.element.remove();
    turns.delete(turn);
  }

  function busy(on) {
    clearTimeout(waiting);
    if (on && !turns.size && !drafts.querySelector("[data-nameless]")) {
      const element = copyOf("draft");
      element.dataset.nameless = "yes";
      drafts.append(element);
    }
    if (!on) drafts.querySelector("[data-nameless]")?.remove();
    stopButton.hidden = !(on && turns.size);
    if (on) waiting = setTimeout(() => note(say("slow")), 60000);
  }

  function note(words, wrong = false) {
    const element = copyOf("notice");
    element.textContent = words;
    element.classList.toggle("marker-bad", wrong);
    add(element);
  }

  function add(element) {
    find("hello").hidden = true;
    log.append(element);
  }

  function copyOf(name) { return find(name).content.firstElementChild.cloneNode(true); }

  function label(element, name, at) {
    element.querySelector("[data-name]").textContent = `${name}: `;
    element.querySelector("[data-foot]").textContent = clock(at);
  }

  function clock(at) {
    const moment = at ? new Date(at) : new Date();
    return Number.isNaN(moment.getTime()) ? "" : moment.toLocaleTimeString(place.dataset.language, { hour: "2-digit", minute: "2-digit" });
  }

  function nearEnd() { return scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 120; }

  function settle(atEnd) {
    if (atEnd) scroll.scrollTop = scroll.scrollHeight;
    else downButton.hidden = false;
  }

  function newId() {
    if (crypto.randomUUID) return crypto.randomUUID();
    return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  function submit() {
    const said = text.value.trim();
    if (files.busy) { find("spoken").textContent = words.wait; return; }
    const attachments = files.take();
    if (!said && !attachments.length) return;
    const id = newId();
    write(id, said, undefined, false, attachments);
    transmit(id);
    text.value = "";
    grow();
    scroll.scrollTop = scroll.scrollHeight;
    text.focus();
  }

  function grow() {
    text.rows = Math.min(8, text.value.split("\n").length);
    const now = Date.now();
    if (text.value && now - asked > 4000) { asked = now; link.send({ type: "typing" }); }
  }

  find("clip").addEventListener("click", () => find("picker").click());
  files.watch(place, text);
  find("write").addEventListener("submit", (event) => { event.preventDefault(); submit(); });
  text.addEventListener("input", grow);
  text.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    if (window.matchMedia("(pointer: coarse)").matches) return;
    event.preventDefault();
    submit();
  });
  stopButton.addEventListener("click", () => {
    for (const turn of turns.keys()) link.send({ type: "stop", turn });
    stopButton.hidden = true;
    text.focus();
  });
  scroll.addEventListener("scroll", () => { if (nearEnd()) downButton.hidden = true; }, { passive: true });
  downButton.addEventListener("click", () => { scroll.scrollTop = scroll.scrollHeight; });
  find("new").addEventListener("click", () => {
    remember("");
    after = 0;
    for (const one of [kept, turns, settled, shown, asks, files]) one.clear();
    log.replaceChildren();
    drafts.replaceChildren();
    busy(false);
    find("hello").hidden = false;
    link.restart();
    text.focus();
  });

  link.open();
  if (!window.matchMedia("(pointer: coarse)").matches) text.focus();
})();
