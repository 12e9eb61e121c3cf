// The chat on a customer's page. It makes elements and text nodes only; nothing that was written
// by a person or a model is ever read as HTML. All of it lives in one shadow root.
const script = document.currentScript ?? document.querySelector('script[src*="/widget.js"]');
const base = new URL(script.src, location.href).href.replace(/\/widget\.js.*$/, "");
const wish = script.dataset;

const language = (wish.language || document.documentElement.lang || navigator.language || "en").slice(0, 35);
const words = WORDS[language.slice(0, 2).toLowerCase()] ?? WORDS.en;

const memory = {
  key: `konstruct ${base}`,
  kept: {},
  get() { try { return JSON.parse(localStorage.getItem(this.key)) ?? {}; } catch { return this.kept; } },
  set(change) {
    this.kept = { ...this.get(), ...change };
    try { localStorage.setItem(this.key, JSON.stringify(this.kept)); } catch { /* a page without storage */ }
  },
};

const ICONS = {
  chat: "M21 11.5a8.4 8.4 0 0 1-12.2 7.5L3 21l2-5.8A8.4 8.4 0 1 1 21 11.5z",
  close: "M6 6l12 12M18 6L6 18",
  fresh: "M12 5v14M5 12h14",
  fold: "M5.5 9l6.5 6.5L18.5 9",
  send: "M12 19V5M5.5 11.5L12 5l6.5 6.5",
  clip: "M20 11.5l-8.2 8.2a5.2 5.2 0 0 1-7.4-7.4l8.6-8.6a3.5 3.5 0 0 1 5 5l-8.6 8.5a1.7 1.7 0 0 1-2.5-2.4l7.8-7.8",
  stop: "M7 7h10v10H7z",
  down: "M12 5v14M5.5 12.5L12 19l6.5-6.5",
  up: "M7 11v9H4v-9zM7 11l4-7.5a2 2 0 0 1 2.7 2.5L12.6 9H18a2 2 0 0 1 2 2.4l-1.3 6.8A2.2 2.2 0 0 1 16.5 20H7",
  bad: "M17 13V4h3v9zM17 13l-4 7.5a2 2 0 0 1-2.7-2.5l1.1-3H6a2 2 0 0 1-2-2.4l1.3-6.8A2.2 2.2 0 0 1 7.5 4H17",
};

function make(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "class") made.className = value;
    else if (key === "hidden") made.hidden = value;
    else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

function icon(name) {
  const drawn = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  drawn.setAttribute("viewBox", "0 0 24 24");
  drawn.setAttribute("aria-hidden", "true");
  path.setAttribute("d", ICONS[name]);
  drawn.append(path);
  return drawn;
}

function button(kind, label, sign, act) {
  const made = make("button", { class: kind, type: "button", "aria-label": label, title: label }, icon(sign));
  made.addEventListener("click", act);
  return made;
}

// What the page sees: the launcher and the panel.
const host = make("div", { lang: language });
const root = host.attachShadow({ mode: "open" });
const title = make("h2", { id: "title" }, wish.title || words.title);
const face = make("div", { class: "face", "aria-hidden": "true" }, "…");
const state = make("p", { class: "state", role: "status" });
const hello = make("div", { class: "hello", hidden: true });
const log = make("div", { class: "log", role: "log", "aria-live": "polite", "aria-label": words.log });
const drafts = make("div", { class: "drafts", "aria-live": "off" });
const scroll = make("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": words.log }, hello, log, drafts);
const spoken = make("div", { class: "hide", role: "status" });
const text = make("textarea", { rows: "1", "aria-label": words.write, placeholder: words.placeholder, maxlength: "16000" });
const sendButton = make("button", { class: "go", type: "submit", "aria-label": words.send, title: words.send }, icon("send"));
const stopButton = button("go halt", words.stop, "stop", stop);
const downButton = button("down", words.down, "down", toEnd);
const picker = make("input", { type: "file", multiple: "", class: "hide", tabindex: "-1", "aria-hidden": "true" });
const clipButton = button("clip", words.attach, "clip", () => picker.click());
const tray = make("ul", { class: "tray", "aria-label": words.attached });
const form = make("form", {}, tray, picker, clipButton, text, stopButton, sendButton);
const panel = make(
  "section",
  { class: "panel", role: "dialog", "aria-modal": "true", "aria-labelledby": "title", hidden: true },
  make("header", {}, face, make("div", { class: "who" }, title, state), button("tool", words.again, "fresh", startAnew), button("tool", words.close, "close", close)),
  scroll, downButton, spoken, form,
);
const count = make("span", { class: "count", hidden: true });
const launch = make("button", { class: "launch", type: "button", "aria-label": words.open, "aria-expanded": "false" }, icon("chat"), count);
root.append(panel, launch);
stopButton.hidden = downButton.hidden = clipButton.hidden = true;

const kept = new Map();     // my messages by id: { element, text, accepted, foot, at }
const turns = new Map();    // answers in the making by turn: { element, attempt, letters }
const settled = new Set();  // turns that have their reply
const shown = new Set();    // seqs already here
let conversation = memory.get().conversation ?? "", after = 0, unread = 0, agent = "", begun = false, asked = 0;

const asks = new Map();     // questions by id: { element, timer }
const files = new KonstructFiles({
  tray, input: picker, language, address: `${base}/files`,
  credential: () => link.credential(),
  words: words.files,
  changed: () => { clipButton.hidden = !files.limits; sendButton.setAttribute("aria-busy", String(files.busy)); },
  say: (said) => { spoken.textContent = said; },
});

const link = new ChatLink({
  base, memory, language, heard, changed,
  resume: () => (conversation ? { conversation, after } : {}),
});

function style() {
  try {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
    root.adoptedStyleSheets = [sheet];
  } catch {
    root.prepend(make("style", {}, STYLE));
  }
  if (wish.position === "left") host.dataset.side = "left";
  if (wish.accent && CSS.supports("color", wish.accent)) {
    host.style.setProperty("--accent", wish.accent);
    host.style.setProperty("--on-accent", wish.accentText && CSS.supports("color", wish.accentText) ? wish.accentText : legible(wish.accent));
  }
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const shade = () => { host.dataset.shade = ["light", "dark"].includes(wish.theme) ? wish.theme : dark.matches ? "dark" : "light"; };
  dark.addEventListener("change", shade);
  shade();
}

// Black or white, whichever is easier to read on a colour.
function legible(colour) {
  const brush = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  if (!brush) return "#fff";
  brush.fillStyle = colour;
  brush.fillRect(0, 0, 1, 1);
  const [red, green, blue] = [...brush.getImageData(0, 0, 1, 1).data].map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 ? "#111" : "#fff";
}

const answers = {
  ready(frame) {
    if (conversation !== frame.conversation) memory.set({ conversation: (conversation = frame.conversation) });
    agent = frame.agent || agent;
    title.textContent = wish.title || frame.title || agent || words.title;
    face.textContent = [...(agent || title.textContent)][0]?.toUpperCase() ?? "";
    if (!hello.firstChild) hello.append(face.cloneNode(true), make("strong", {}, title.textContent), make("span", {}, frame.greeting || ""));
    hello.hidden = Boolean(log.firstChild);
    files.allow(frame.files);
    // What was in the making before the break is told again, or is replaced by its reply.
    for (const turn of [...turns.keys()]) drop(turn);
    for (const [id, message] of kept) if (!message.accepted) transmit(id);
  },
  accepted(frame) {
    const message = kept.get(frame.id);
    if (message) accept(message, frame.seq);
  },
  said(frame) {
    const message = kept.get(frame.id);
    if (message) accept(message, frame.seq);
    else if (!shown.has(frame.seq)) write(frame.id || newId(), frame.text, frame.at, true, frame.attachments);
    if (frame.ask) answered(frame.ask, frame.choice);
  },
  typing(frame) { if (frame.turn) draftOf(frame.turn); },
  step(frame) { draftOf(frame.turn)?.steps.append(make("li", {}, frame.text)); },
  delta(frame) {
    const draft = draftOf(frame.turn, frame.attempt);
    if (!draft || frame.attempt < draft.attempt || frame.offset > draft.letters.length) return;
    draft.letters = [...draft.letters.slice(0, frame.offset), ...frame.text];
    if (!draft.drawing) draft.drawing = requestAnimationFrame(() => draw(draft));
  },
  reply(frame) {
    settle(frame.turn);
    if (frame.human) settleAll();
    if (shown.has(frame.seq)) return;
    const name = frame.agent || agent;
    const body = make("div", { class: "bubble" });
    drawMarkdown(body, frame.text);
    if (frame.attachments) body.append(files.list(frame.attachments, base));
    const foot = make("div", { class: "foot" }, [frame.human ? `${name} · ${words.human}` : name, clock(frame.at)].filter(Boolean).join(" · "));
    if (frame.turn && !frame.human) foot.append(...votes(frame.turn));
    add(make("article", { class: "row" }, make("span", { class: "hide" }, `${name}: `), body, foot));
    missed();
  },
  ask(frame) {
    settle(frame.turn);
    if (shown.has(frame.seq)) return;
    const name = frame.agent || agent, body = make("div", { class: "bubble" });
    drawMarkdown(body, frame.text);
    const group = make("div", { class: "choices", role: "group", "aria-label": words.choose });
    for (const one of frame.choices ?? []) {
      const choice = make("button", { type: "button", "data-key": one.key }, one.label);
      choice.addEventListener("click", () => {
        if (link.send({ type: "choose", ask: frame.id, choice: one.key })) answered(frame.id, one.key);
      });
      group.append(choice);
    }
    const left = Date.parse(frame.expiresAt) - Date.now();
    asks.set(frame.id, { group, timer: left > 0 && left < 2 ** 31 ? setTimeout(() => answered(frame.id, ""), left) : 0 });
    if (left <= 0) answered(frame.id, "");
    add(make("article", { class: "row" }, make("span", { class: "hide" }, `${name}: `), body, group, make("div", { class: "foot" }, `${name} · ${clock(frame.at)}`)));
    missed();
  },
  notice(frame) {
    if (frame.seq && shown.has(frame.seq)) return;
    if (frame.code !== "Later") settle(frame.turn);
    if (frame.code === "Human") settleAll();
    if (frame.text) note(frame.text);
    missed();
  },
  error(frame) {
    const message = frame.id && kept.get(frame.id);
    if (!message) { note(frame.text, true); return; }
    kept.delete(frame.id);
    message.element.classList.add("refused");
    message.foot.textContent = frame.text;
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
  stopButton.hidden = !turns.size;
  if (atEnd) toEnd();
  else downButton.hidden = false;
}

function changed(now) {
  host.dataset.link = now;
  if (now === "elsewhere") { startAnew(); return; }
  state.textContent = now === "online" ? words.machine : words[now];
  text.disabled = sendButton.disabled = now === "ended";
  if (now !== "online") for (const message of kept.values()) if (!message.accepted) message.foot.textContent = words.waiting;
}

// A question takes one answer: its other buttons are over with the first.
function answered(id, key) {
  const ask = asks.get(id);
  if (!ask) return;
  clearTimeout(ask.timer);
  for (const one of ask.group.children) {
    one.disabled = true;
    if (key) one.setAttribute("aria-pressed", String(one.dataset.key === key));
  }
}

function write(id, said, at, accepted = false, attachments = []) {
  const foot = make("div", { class: "foot" }, accepted ? clock(at) : words.sending);
  const bubble = make("div", { class: "bubble" }, said);
  if (attachments.length) bubble.append(files.list(attachments, base));
  const element = make("article", { class: accepted ? "row mine" : "row mine sending" }, make("span", { class: "hide" }, `${words.you}: `), bubble, foot);
  kept.set(id, { element, text: said, accepted, foot, at, attachments });
  add(element);
}

function accept(message, seq) {
  message.accepted = true;
  message.element.classList.remove("sending");
  message.foot.textContent = clock(message.at);
  if (Number.isInteger(seq)) shown.add(seq);
}

function transmit(id) {
  const message = kept.get(id);
  message.foot.textContent = link.send(frameOf(id, message)) ? words.sending : words.waiting;
}

function frameOf(id, message) {
  const keys = message.attachments.map(({ key }) => ({ key }));
  return { type: "message", id, text: message.text, ...(keys.length ? { attachments: keys } : {}) };
}

function draftOf(turn, attempt = 0) {
  if (settled.has(turn)) return null;
  let draft = turns.get(turn);
  if (!draft) {
    const steps = make("ul", { class: "steps" }), body = make("div", { class: "bubble" }, dots());
    draft = { element: make("div", { class: "row" }, steps, body), steps, body, attempt: 0, letters: [] };
    turns.set(turn, draft);
    drafts.append(draft.element);
    spoken.textContent = words.writing.replace("{agent}", agent);
  }
  if (attempt > draft.attempt) Object.assign(draft, { attempt, letters: [] });
  return draft;
}

function dots() { return make("div", { class: "dots" }, make("i"), make("i"), make("i")); }

function draw(draft) {
  draft.drawing = 0;
  const atEnd = nearEnd();
  if (draft.letters.length) drawMarkdown(draft.body, draft.letters.join(""));
  else draft.body.replaceChildren(dots());
  if (atEnd) toEnd();
}

function settle(turn) {
  if (!turn) return;
  settled.add(turn);
  drop(turn);
}

// A human has the conversation: what the agent was writing does not come any more.
function settleAll() { for (const turn of [...turns.keys()]) settle(turn); }

function drop(turn) {
  const draft = turns.get(turn);
  if (!draft) return;
  cancelAnimationFrame(draft.drawing || 0);
  draft.element.remove();
  turns.delete(turn);
  spoken.textContent = "";
}

function votes(turn) {
  const both = [["up", words.good, "up"], ["down", words.bad, "bad"]].map(([value, label, sign]) => {
    const made = button("vote", label, sign, () => {
      if (!link.send({ type: "feedback", turn, value })) return;
      for (const other of both) other.setAttribute("aria-pressed", String(other === made));
      spoken.textContent = words.thanks;
    });
    made.setAttribute("aria-pressed", "false");
    return made;
  });
  return both;
}

function note(said, wrong = false) {
  const kind = said.includes("\n") ? "note long" : "note";
  add(make("p", { class: wrong ? `${kind} bad` : kind }, said));
}

function add(element) {
  hello.hidden = true;
  log.append(element);
}

function missed() {
  if (!panel.hidden) return;
  unread += 1;
  count.textContent = unread > 9 ? "9+" : String(unread);
  count.hidden = false;
  launch.setAttribute("aria-label", `${words.open} (${words.new})`);
}

function clock(at) {
  const moment = at ? new Date(at) : new Date();
  return Number.isNaN(moment.getTime()) ? "" : moment.toLocaleTimeString(language, { hour: "2-digit", minute: "2-digit" });
}

function newId() {
  if (crypto.randomUUID) return crypto.randomUUID();
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function nearEnd() { return scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 120; }

function toEnd() {
  scroll.scrollTop = scroll.scrollHeight;
  downButton.hidden = true;
}

function submit() {
  const said = text.value.trim();
  if (files.busy) { spoken.textContent = words.files.wait; return; }
  const attachments = files.take();
  if (!said && !attachments.length) return;
  const id = newId();
  write(id, said, undefined, false, attachments);
  transmit(id);
  text.value = "";
  grow();
  toEnd();
  text.focus();
}

function grow() {
  text.rows = Math.min(5, text.value.split("\n").length);
  if (text.value && Date.now() - asked > 4000) { asked = Date.now(); link.send({ type: "typing" }); }
}

function stop() {
  for (const turn of turns.keys()) link.send({ type: "stop", turn });
  stopButton.hidden = true;
  text.focus();
}

function startAnew() {
  memory.set({ conversation: (conversation = "") });
  after = 0;
  for (const one of [kept, turns, settled, shown, asks, files]) one.clear();
  log.replaceChildren();
  drafts.replaceChildren();
  stopButton.hidden = downButton.hidden = true;
  link.restart();
  if (!panel.hidden) text.focus();
}

function open() {
  panel.hidden = false;
  host.dataset.open = "yes";
  unread = 0;
  count.hidden = true;
  launch.replaceChildren(icon("fold"), count);
  launch.setAttribute("aria-label", words.close);
  launch.setAttribute("aria-expanded", "true");
  if (!begun) { begun = true; link.open(); }
  toEnd();
  text.focus();
}

function close() {
  panel.hidden = true;
  delete host.dataset.open;
  launch.replaceChildren(icon("chat"), count);
  launch.setAttribute("aria-label", words.open);
  launch.setAttribute("aria-expanded", "false");
  launch.focus();
}

// While the panel is open, Tab goes round in it; Escape closes it.
function keys(event) {
  if (panel.hidden) return;
  if (event.key === "Escape") { event.stopPropagation(); close(); return; }
  if (event.key !== "Tab") return;
  const stops = [...panel.querySelectorAll("button, textarea, a[href], [tabindex='0']")].filter((one) => !one.disabled && one.offsetParent !== null);
  const at = stops.indexOf(root.activeElement);
  const edge = event.shiftKey ? at <= 0 : at === stops.length - 1 || at < 0;
  if (!edge) return;
  event.preventDefault();
  stops[event.shiftKey ? stops.length - 1 : 0].focus();
}

style();
launch.addEventListener("click", () => (panel.hidden ? open() : close()));
root.addEventListener("keydown", keys);
files.watch(panel, text);
form.addEventListener("submit", (event) => { event.preventDefault(); submit(); });
text.addEventListener("input", grow);
text.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing || matchMedia("(pointer: coarse)").matches) return;
  event.preventDefault();
  submit();
});
scroll.addEventListener("scroll", () => { if (nearEnd()) downButton.hidden = true; }, { passive: true });

if (!window.konstructChats?.has(base)) {
  (window.konstructChats ??= new Set()).add(base);
  const place = () => { document.body.append(host); if (wish.open === "true") open(); };
  if (document.body) place();
  else document.addEventListener("DOMContentLoaded", place);
}
