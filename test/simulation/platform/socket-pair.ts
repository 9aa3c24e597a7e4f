// A WebSocket between a device and its squad: two ends, each with what is on its way to it. Frames keep their order; a line
// that is cut loses what was under way, and each side hears of it in its own time, or never.

const OPEN = 1;
const CLOSED = 3;

/** One end, as the objects see theirs. What it sends goes through `send`, which whoever owns the line has set. */
export class SocketEnd {
  readyState = OPEN;
  /** Set by the owner of the line. */
  outgoing: { text(text: string): void; close(code: number, reason: string): void } = { text() {}, close() {} };
  /** The other end, of the end that stays. */
  peer: SocketEnd | null = null;
  /** When the platform last answered a ping for it. */
  pingedAt: number | null = null;
  #attachment: unknown = null;

  send(text: string): void {
    if (this.readyState === OPEN) this.outgoing.text(text);
  }
  close(code: number, reason: string): void {
    if (this.readyState === CLOSED) return;
    this.readyState = CLOSED;
    this.outgoing.close(code, reason);
  }
  /** The line is gone under it. */
  lost(): void {
    this.readyState = CLOSED;
  }
  serializeAttachment(value: unknown): void {
    this.#attachment = structuredClone(value);
  }
  deserializeAttachment(): unknown {
    return this.#attachment;
  }
}

/** `new WebSocketPair()`: the first end goes out with the answer, the second stays with the object. */
export class SocketPair {
  readonly 0 = new SocketEnd();
  readonly 1 = new SocketEnd();
  constructor() {
    this[1].peer = this[0];
  }
}
