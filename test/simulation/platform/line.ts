// The line between one device and its squad: frames in order both ways, each in its own time. It can be cut, noticed or not.

import { PING, PONG } from '../../../core/wire/device.ts';
import type { Socket, SocketEvents } from '../../../edge-node/src/link/socket.ts';
import type { ObjectHost } from './object-host.ts';
import type { SocketEnd } from './socket-pair.ts';
import type { Actor, Timeline } from './virtual-time.ts';

export interface LineDeps {
  readonly timeline: Timeline;
  delayMs(): number;
  /** A frame arrived that was sent on a line which its device has given up since. */
  lateFrame(): void;
  /** The squad has sent this. */
  sent(text: string): void;
}

type Methods = Record<string, (...args: unknown[]) => unknown>;

/** A broken line, as close codes say it. */
const BROKEN = 1006;

export class Line {
  readonly #host: ObjectHost;
  readonly #end: SocketEnd;
  readonly #deps: LineDeps;
  #device: { readonly actor: Actor; readonly events: SocketEvents } | null = null;
  #early: (() => void)[] = [];
  #isCut = false;
  #isEnded = false;
  #isLeft = false;
  #downAt = 0;
  #upAt = 0;

  constructor(host: ObjectHost, end: SocketEnd, deps: LineDeps) {
    this.#host = host;
    this.#end = end;
    this.#deps = deps;
    end.outgoing = {
      text: (text) => {
        deps.sent(text);
        host.gate(() => this.#down(() => this.#device?.events.received(text)));
      },
      close: (code, reason) =>
        host.gate(() => {
          this.#down(() => this.#endDevice(code, reason));
          this.#up(() => this.#leave());
        }),
    };
  }

  /** The device's end of it, from the moment that the answer is there. */
  open(actor: Actor, events: SocketEvents): void {
    this.#device = { actor, events };
    events.opened();
    for (const frame of this.#early.splice(0)) this.#down(frame);
  }

  /** What a device does with it. */
  readonly socket: Socket = {
    send: (text) => {
      if (this.#isEnded) return;
      this.#up(() => this.#arrive(text));
    },
    close: (code, reason) => {
      this.#up(() => this.#leave());
      this.#down(() => this.#endDevice(code, reason));
    },
    terminate: (why) => {
      this.#endDevice(null, why);
      this.#up(() => this.#leave());
    },
  };

  /** Cuts it: what is under way is lost. Each side may hear of it, in so many milliseconds; null: it does not. */
  cut(deviceMs: number | null, squadMs: number | null): void {
    this.#isCut = true;
    const { timeline } = this.#deps;
    if (deviceMs !== null && this.#device !== null)
      timeline.after(deviceMs, this.#device.actor, () => this.#endDevice(BROKEN, ''));
    if (squadMs !== null) timeline.after(squadMs, this.#host.actor, () => this.#leave());
  }

  /** The object has crashed, and its sockets with it. */
  lostBySquad(): void {
    this.#isLeft = true;
    this.#end.lost();
    this.cut(this.#deps.delayMs(), null);
  }

  #arrive(text: string): void {
    if (this.#isLeft) return;
    if (this.#isEnded) this.#deps.lateFrame();
    if (text === PING) {
      this.#end.pingedAt = this.#deps.timeline.now();
      this.#down(() => this.#device?.events.received(PONG));
      return;
    }
    this.#host.run(
      (object: Methods) => object.webSocketMessage?.(this.#end, text),
      () => {},
    );
  }

  #leave(): void {
    if (this.#isLeft) return;
    this.#isLeft = true;
    this.#end.lost();
    this.#host.sockets.delete(this.#end);
    this.#host.run(
      (object: Methods) => object.webSocketClose?.(this.#end),
      () => {},
    );
  }

  #endDevice(code: number | null, reason: string): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#device?.events.ended({ code, status: null, reason });
  }

  #down(deliver: () => void): void {
    if (this.#isCut) return;
    if (this.#device === null) {
      this.#early.push(deliver);
      return;
    }
    const { timeline, delayMs } = this.#deps;
    this.#downAt = Math.max(this.#downAt, timeline.now() + delayMs());
    timeline.after(this.#downAt - timeline.now(), this.#device.actor, () => {
      if (!this.#isCut && !this.#isEnded) deliver();
    });
  }

  #up(deliver: () => void): void {
    if (this.#isCut) return;
    const { timeline, delayMs } = this.#deps;
    this.#upAt = Math.max(this.#upAt, timeline.now() + delayMs());
    timeline.after(this.#upAt - timeline.now(), this.#host.actor, () => {
      if (!this.#isCut) deliver();
    });
  }
}
