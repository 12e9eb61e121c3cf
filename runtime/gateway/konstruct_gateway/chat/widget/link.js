// The line to the gateway: a visitor's ticket, a socket, and again whenever it breaks.
// It hands every frame to `heard` and every change of its state to `changed`.
class ChatLink {
  constructor({ base, memory, language, resume, heard, changed }) {
    Object.assign(this, { base, memory, language, resume, heard, changed });
    this.failures = 0;
    this.round = 0;
    this.ready = false;
    window.addEventListener("online", () => this.hurry());
    document.addEventListener("visibilitychange", () => { if (!document.hidden) this.hurry(); });
  }

  async open() {
    clearTimeout(this.timer);
    this.timer = null;
    const mine = (this.round += 1);
    this.changed("connecting");
    let ticket;
    try {
      ticket = await this.ticket();
    } catch {
      if (mine === this.round) this.later();
      return;
    }
    if (!ticket || mine !== this.round) return;
    const socket = (this.socket = new WebSocket(`${this.base.replace(/^http/, "ws")}/ws`));
    const slow = setTimeout(() => socket.close(), 15000);
    socket.addEventListener("open", () => socket.send(JSON.stringify({ type: "auth", ticket, ...this.resume() })));
    socket.addEventListener("message", (event) => {
      if (mine !== this.round) return;
      let frame;
      try { frame = JSON.parse(event.data); } catch { return; }
      if (frame.type === "ready") {
        clearTimeout(slow);
        this.failures = 0;
        this.ready = true;
        this.changed("online");
      }
      this.heard(frame);
    });
    socket.addEventListener("close", (event) => {
      clearTimeout(slow);
      if (mine === this.round) this.closed(event.code);
    });
  }

  async ticket() {
    const known = this.memory.get();
    const answer = await fetch(`${this.base}/ticket`, {
      method: "POST",
      credentials: "omit",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ language: this.language, ...(known.resume ? { resume: known.resume } : {}) }),
    });
    if ([403, 404].includes(answer.status)) {
      this.changed("ended");
      return null;
    }
    if (!answer.ok) throw new Error(`ticket: ${answer.status}`);
    const given = await answer.json();
    this.memory.set({ resume: given.resume });
    return given.ticket;
  }

  // What vouches for this visitor where no socket does: for a file's upload.
  async credential() {
    if (!this.memory.get().resume) await this.ticket();
    return this.memory.get().resume ?? "";
  }

  closed(code) {
    this.ready = false;
    if (code === 4403) {
      this.changed("elsewhere");
      return;
    }
    if (code === 4429) this.later(5000, "fast");
    else this.later(code === 4401 && this.failures === 0 ? 50 : undefined);
  }

  later(milliseconds, why) {
    this.failures += 1;
    this.changed(why ?? "offline");
    const wait = milliseconds ?? Math.min(20000, 400 * 2 ** this.failures) * (0.5 + Math.random() / 2);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.open(), wait);
  }

  hurry() {
    if (this.timer) this.open();
  }

  send(frame) {
    if (!this.ready || this.socket.readyState !== WebSocket.OPEN) return false;
    this.socket.send(JSON.stringify(frame));
    return true;
  }

  restart() {
    this.round += 1;
    this.ready = false;
    if (this.socket) this.socket.close();
    this.open();
  }
}
