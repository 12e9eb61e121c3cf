// The line to the gateway: a ticket, a socket, and again whenever it breaks.
// It hands every frame to `heard` and every change of its state to `changed`.
(() => {
  "use strict";

  const SLOWEST = 20000;

  class ChatLink {
    constructor({ ticketAddress, socketAddress, token, resume, heard, changed }) {
      Object.assign(this, { ticketAddress, socketAddress, token, resume, heard, changed });
      this.failures = 0;
      this.ready = false;
      window.addEventListener("online", () => this.hurry());
      document.addEventListener("visibilitychange", () => { if (!document.hidden) this.hurry(); });
    }

    async open() {
      clearTimeout(this.timer);
      this.timer = null;
      const mine = (this.turn = (this.turn ?? 0) + 1);
      this.changed("connecting");
      let ticket;
      try {
        ticket = await this.ticket();
      } catch {
        if (mine === this.turn) this.later();
        return;
      }
      if (!ticket || mine !== this.turn) return;
      const socket = (this.socket = new WebSocket(this.socketAddress));
      const slow = setTimeout(() => socket.close(), 15000);
      socket.addEventListener("open", () => socket.send(JSON.stringify({ type: "auth", ticket, ...this.resume() })));
      socket.addEventListener("message", (event) => {
        if (mine !== this.turn) return;
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
        if (mine === this.turn) this.closed(event.code);
      });
    }

    async ticket() {
      const answer = await fetch(this.ticketAddress, {
        method: "POST",
        headers: { Accept: "application/json", "Konstruct-Form-Token": this.token },
      });
      if ([401, 403, 404].includes(answer.status)) {
        this.changed("ended");
        return null;
      }
      if (!answer.ok) throw new Error(`ticket: ${answer.status}`);
      return (await answer.json()).ticket;
    }

    closed(code) {
      this.ready = false;
      if (code === 4403) { this.changed("elsewhere"); return; }
      if (code === 4429) { this.later(5000, "fast"); return; }
      this.later(code === 4401 && this.failures === 0 ? 50 : undefined);
    }

    later(milliseconds, why) {
      this.failures += 1;
      this.changed(why ?? (this.failures > 3 ? "down" : "offline"));
      const wait = milliseconds ?? Math.min(SLOWEST, 400 * 2 ** this.failures) * (0.5 + Math.random() / 2);
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
      this.turn = (this.turn ?? 0) + 1;
      this.ready = false;
      if (this.socket) this.socket.close();
      this.open();
    }
  }

  window.KonstructChatLink = ChatLink;
})();
