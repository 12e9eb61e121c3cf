// Files of a message: picked, dropped or pasted, sent up at once, and shown beside what was said.
// The chat on a customer's page and the portal's have the same copy of this file. Thumbnails are
// drawn on a canvas: a strict page lets no picture of another origin in.
class KonstructFiles {
  static most = 10;

  // `tray` gets the chips, `input` is the file picker, `address` where files go, `credential`
  // returns a bearer token, `words` the sentences, `changed` is called when something moved, and
  // `say` with what a screen reader should hear.
  constructor({ tray, input, address, credential, language, words, changed, say }) {
    Object.assign(this, { tray, input, address, credential, language, words, changed, say });
    this.limits = null;
    this.waiting = new Map();
    input.addEventListener("change", () => { this.add(input.files); input.value = ""; });
  }

  get busy() { return [...this.waiting.values()].some((one) => one.state === "sending"); }

  get ready() { return [...this.waiting.values()].filter((one) => one.state === "ready"); }

  // What `ready` says of files; nothing means that none are taken.
  allow(limits) {
    this.limits = limits ?? null;
    this.input.accept = (limits?.mediaTypes ?? []).filter((type) => !type.includes(".*")).join(",");
    this.changed();
  }

  // Catch what is dropped on `place` and pasted into `text`.
  watch(place, text) {
    const holds = (event) => this.limits && [...(event.dataTransfer?.types ?? [])].includes("Files");
    place.addEventListener("dragover", (event) => {
      if (!holds(event)) return;
      event.preventDefault();
      place.dataset.dropping = "yes";
    });
    place.addEventListener("dragleave", (event) => {
      if (!place.contains(event.relatedTarget)) delete place.dataset.dropping;
    });
    place.addEventListener("drop", (event) => {
      delete place.dataset.dropping;
      if (!holds(event)) return;
      event.preventDefault();
      this.add(event.dataTransfer.files);
    });
    text.addEventListener("paste", (event) => {
      if (!this.limits || !event.clipboardData?.files.length) return;
      event.preventDefault();
      this.add(event.clipboardData.files);
    });
  }

  add(list) {
    for (const file of list) {
      if (this.waiting.size >= KonstructFiles.most) { this.say(this.words.many); break; }
      const one = { file, state: "sending", chip: null, given: null };
      this.waiting.set(one, one);
      this.draw(one);
      const wrong = this.refusal(file);
      if (wrong) this.fail(one, wrong, false);
      else this.send(one);
    }
  }

  refusal(file) {
    if (!this.limits) return this.words.none;
    if (file.size > this.limits.largestBytes) return this.words.large.replace("{size}", this.size(this.limits.largestBytes));
    if (!file.size) return this.words.empty;
    return "";
  }

  async send(one, again = true) {
    one.state = "sending";
    this.show(one, 0);
    this.changed();
    let bearer;
    try { bearer = await this.credential(); } catch { this.fail(one, this.words.failed); return; }
    if (!this.waiting.has(one)) return;
    const request = (one.request = new XMLHttpRequest());
    request.open("POST", this.address);
    request.setRequestHeader("Authorization", `Bearer ${bearer}`);
    request.setRequestHeader("Content-Type", one.file.type || "application/octet-stream");
    request.setRequestHeader("Konstruct-File-Name", encodeURIComponent(one.file.name || this.words.pasted));
    request.upload.addEventListener("progress", (event) => { if (event.lengthComputable) this.show(one, event.loaded / event.total); });
    request.addEventListener("error", () => this.fail(one, this.words.failed));
    request.addEventListener("load", () => {
      if (request.status === 201) { this.succeed(one, JSON.parse(request.responseText)); return; }
      if (request.status === 401 && again) { this.send(one, false); return; }
      const why = { 403: this.words.none, 413: this.refusal(one.file) || this.words.failed, 415: this.words.type, 429: this.words.fast }[request.status];
      this.fail(one, why ?? this.words.failed, ![403, 413, 415].includes(request.status));
    });
    request.send(one.file);
  }

  succeed(one, given) {
    Object.assign(one, { state: "ready", given });
    one.chip.dataset.state = "ready";
    one.note.textContent = this.size(given.sizeBytes);
    one.bar.hidden = true;
    this.say(this.words.added.replace("{name}", given.name));
    this.changed();
  }

  fail(one, why, again = true) {
    if (!this.waiting.has(one)) return;
    one.state = "bad";
    one.chip.dataset.state = "bad";
    one.note.textContent = why;
    one.bar.hidden = true;
    one.retry.hidden = !again;
    this.say(`${one.file.name}: ${why}`);
    this.changed();
  }

  remove(one) {
    this.waiting.delete(one);
    one.request?.abort();
    one.chip.remove();
    this.say(this.words.removed.replace("{name}", one.file.name));
    this.changed();
  }

  // What may go with a message; the tray is empty afterwards, but for what failed.
  take() {
    const taken = this.ready;
    for (const one of taken) {
      this.waiting.delete(one);
      one.chip.remove();
    }
    this.changed();
    return taken.map((one) => one.given);
  }

  clear() { for (const one of [...this.waiting.keys()]) { one.request?.abort(); one.chip.remove(); this.waiting.delete(one); } }

  draw(one) {
    const chip = (one.chip = KonstructFiles.make("li", "file"));
    const side = KonstructFiles.make("span", "file-side");
    one.note = KonstructFiles.make("span", "file-note");
    one.bar = KonstructFiles.make("progress", "file-bar");
    one.bar.max = 1;
    one.bar.setAttribute("aria-label", one.file.name);
    side.append(KonstructFiles.make("span", "file-name", one.file.name || this.words.pasted), one.note, one.bar);
    one.retry = this.button("file-act", "↻", this.words.again, one.file.name, () => { one.retry.hidden = true; this.send(one); });
    one.retry.hidden = true;
    const remove = this.button("file-act", "×", this.words.remove, one.file.name, () => { this.remove(one); this.input.focus(); });
    chip.append(KonstructFiles.picture(one.file.type, one.file, one.file.name), side, one.retry, remove);
    this.tray.append(chip);
  }

  show(one, share) {
    one.chip.dataset.state = "sending";
    one.bar.hidden = false;
    one.bar.value = share;
    one.note.textContent = this.words.sending.replace("{share}", Math.round(share * 100));
  }

  button(kind, sign, label, name, act) {
    const made = KonstructFiles.make("button", kind, sign);
    made.type = "button";
    made.setAttribute("aria-label", label.replace("{name}", name));
    made.title = made.getAttribute("aria-label");
    made.addEventListener("click", act);
    return made;
  }

  size(bytes) {
    const [unit, amount] = bytes >= 1048576 ? ["megabyte", bytes / 1048576] : ["kilobyte", Math.max(1, bytes / 1024)];
    return new Intl.NumberFormat(this.language, { style: "unit", unit, maximumFractionDigits: amount < 10 ? 1 : 0 }).format(amount);
  }

  // A list of files that were said, each a link that expires; `origin` is the gateway's.
  list(files, origin) {
    const made = KonstructFiles.make("ul", "files");
    for (const file of files) {
      const row = KonstructFiles.make("li");
      const link = KonstructFiles.make(file.url ? "a" : "span", "file");
      if (file.url) {
        link.href = new URL(file.url, origin).href;
        link.download = file.name;
        link.target = "_blank";
        link.rel = "noopener noreferrer";
      }
      const side = KonstructFiles.make("span", "file-side");
      side.append(KonstructFiles.make("span", "file-name", file.name || this.words.pasted));
      if (Number.isInteger(file.sizeBytes)) side.append(KonstructFiles.make("span", "file-note", this.size(file.sizeBytes)));
      link.append(KonstructFiles.picture(file.mediaType, link.href, file.name), side);
      row.append(link);
      made.append(row);
    }
    return made;
  }

  // A thumbnail for pictures, a sheet of paper for all else.
  static picture(type, source, name) {
    const frame = KonstructFiles.make("span", "file-face");
    frame.setAttribute("aria-hidden", "true");
    frame.textContent = (name || "").split(".").slice(1).pop()?.slice(0, 4).toUpperCase() || "•";
    if (!/^image\/(png|jpeg|webp|gif)$/.test(type || "") || !source) return frame;
    const read = async () => {
      const bytes = typeof source === "string" ? await (await fetch(source, { credentials: "omit" })).blob() : source;
      const bitmap = await createImageBitmap(bytes, { resizeWidth: 96, resizeQuality: "medium" });
      const canvas = document.createElement("canvas");
      Object.assign(canvas, { width: bitmap.width, height: bitmap.height });
      canvas.getContext("2d").drawImage(bitmap, 0, 0);
      bitmap.close();
      frame.replaceChildren(canvas);
    };
    read().catch(() => {});
    return frame;
  }

  static make(name, kind = "", said = "") {
    const made = document.createElement(name);
    if (kind) made.className = kind;
    if (said) made.textContent = said;
    return made;
  }
}
