// Keeps one connection to the squad: connects at once, comes back with growing pauses, and stops when the swarm says that
// coming back cannot help.

import { CLOSE_CODES, FINAL_CLOSE_CODES } from '../../../core/wire/device.ts';
import type { Cancel } from '../clock.ts';
import { createBackoff, healthyMs } from './backoff.ts';
import { createSession, type Session, type SessionDeps } from './session.ts';
import type { OpenSocket, Socket, SocketEnd } from './socket.ts';

/** A socket that has not opened by then will not. */
const openMsMax = 10_000;

/** What a person may see of the link. */
export interface LinkStatus {
  readonly state: 'connecting' | 'live' | 'waiting' | 'stopped';
  readonly since: number;
  readonly lastProblem: string | null;
}

export interface LinkOptions {
  readonly url: string;
  readonly credential: string;
}

export interface LinkDeps extends Omit<SessionDeps, 'problem'> {
  readonly openSocket: OpenSocket;
  readonly random: () => number;
  changed(status: LinkStatus): void;
  /** The swarm ended this device for good. */
  final(reason: string): void;
}

export interface Link {
  pump(): void;
  telemetry(batch: unknown): boolean;
  isLive(): boolean;
  stop(): void;
}

/** Connects and stays connected until `stop`, or until a final close code. */
export function startLink(options: LinkOptions, deps: LinkDeps): Link {
  const { clock, log } = deps;
  const backoff = createBackoff(deps.random);
  let socket: Socket | null = null;
  let session: Session | null = null;
  let liveSince: number | null = null;
  let cancelWait: Cancel = () => {};
  let stopped = false;
  let lastProblem: string | null = null;

  const tell = (state: LinkStatus['state']) => deps.changed({ state, since: clock.now(), lastProblem });

  const connect = () => {
    tell('connecting');
    liveSince = null;
    const mine: { session: Session | null } = { session: null };
    const opened = deps.openSocket(options.url, options.credential, {
      opened() {
        cancelWait();
        if (socket !== opened || stopped) return;
        mine.session = createSession(opened, {
          ...deps,
          welcomed(now, renumbered) {
            liveSince = clock.monotonic();
            lastProblem = null;
            log('info', 'connected');
            tell('live');
            deps.welcomed(now, renumbered);
          },
          problem(code, detail) {
            lastProblem = `${code}: ${detail}`;
          },
        });
        session = mine.session;
      },
      received: (text) => mine.session?.received(text),
      ended(end) {
        mine.session?.ended();
        if (socket !== opened || stopped) return;
        cancelWait();
        ended(end);
      },
    });
    socket = opened;
    cancelWait = clock.after(openMsMax, () => opened.terminate('the socket did not open in time'));
  };

  const ended = (end: SocketEnd) => {
    socket = null;
    session = null;
    deps.outbox.disconnected();
    if (liveSince !== null && clock.monotonic() - liveSince >= healthyMs) backoff.reset();
    const why = describeEnd(end);
    if (end.code !== null && FINAL_CLOSE_CODES.includes(end.code)) {
      stopped = true;
      lastProblem = why;
      tell('stopped');
      return deps.final(why);
    }
    lastProblem = why;
    // Two runtimes with one key would push each other out for ever, twice a second.
    const waitMs = end.code === CLOSE_CODES.replaced ? backoff.longest() : backoff.next();
    log('warn', 'not connected', { why, againInMs: Math.round(waitMs) });
    tell('waiting');
    cancelWait = clock.after(waitMs, connect);
  };

  connect();
  return {
    pump: () => session?.pump(),
    telemetry: (batch) => session?.telemetry(batch) ?? false,
    isLive: () => session?.isLive() ?? false,
    stop() {
      if (stopped) return;
      stopped = true;
      cancelWait();
      session?.ended();
      socket?.close(1000, 'the device stops');
      tell('stopped');
    },
  };
}

const CLOSE_WORDS: ReadonlyMap<number, string> = new Map([
  [CLOSE_CODES.bad_frame, 'the squad could not read what this device sent'],
  [CLOSE_CODES.unauthenticated, 'the squad did not accept the proof of this device'],
  [CLOSE_CODES.revoked, 'this device was revoked by its swarm'],
  [CLOSE_CODES.challenge_late, 'the proof of this device came too late'],
  [CLOSE_CODES.replaced, 'another connection of this device took its place'],
  [CLOSE_CODES.frame_too_large, 'a frame of this device was too large'],
  [CLOSE_CODES.too_many_frames, 'this device sent too many frames'],
  [CLOSE_CODES.busy, 'the squad is busy'],
]);

function describeEnd(end: SocketEnd): string {
  if (end.status === 401 || end.status === 403) return `the credential of this device was refused (${end.status})`;
  if (end.status !== null) return `the server answered ${end.status}`;
  const words = end.code === null ? undefined : CLOSE_WORDS.get(end.code);
  return (
    words ?? (end.reason.length > 0 ? end.reason.slice(0, 200) : `the connection closed (${end.code ?? 'no code'})`)
  );
}
