// Keeps one connection to the squad: connects at once, comes back with growing pauses, and stops when the swarm says that
// coming back cannot help.

import { CLOSE_CODES, FINAL_CLOSE_CODES, HISTORY_SUBPROTOCOL } from '../../../core/wire/device.ts';
import type { Cancel } from '../clock.ts';
import type { History } from '../history.ts';
import { type Backoff, createBackoff, healthyMs } from './backoff.ts';
import { createSession, type Session, type SessionDeps, type SessionIdentity } from './session.ts';
import type { OpenSocket, Socket, SocketEnd } from './socket.ts';

/** A socket that has not opened by then will not. */
const openMsMax = 10_000;

/** What a person may see of the link. */
export interface LinkStatus {
  readonly state: 'connecting' | 'live' | 'waiting' | 'stopped';
  readonly since: number;
  readonly lastProblem: string | null;
}

/** What enrolment gave the device. */
export interface LinkOptions {
  readonly connectUrl: string;
  readonly credential: string;
  readonly device: string;
}

export interface LinkDeps extends Omit<SessionDeps, 'problem' | 'identity' | 'history'> {
  /** Absent: nothing is held of the swarm's history. */
  readonly history?: History;
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

/** What is held between connections, and of the present one. */
interface Line {
  readonly options: LinkOptions;
  readonly identity: SessionIdentity;
  readonly deps: LinkDeps;
  readonly backoff: Backoff;
  socket: Socket | null;
  session: Session | null;
  /** By the monotonic clock; null while it is not live. */
  liveSince: number | null;
  /** What the squad said was wrong, on the present connection. */
  problem: string | null;
  lastProblem: string | null;
  cancelWait: Cancel;
  isStopped: boolean;
}

/** Connects and stays connected until `stop`, or until a final close code. */
export function startLink(options: LinkOptions, key: Pick<SessionIdentity, 'did' | 'sign'>, deps: LinkDeps): Link {
  const identity = { ...key, device: options.device, audience: new URL(options.connectUrl).host };
  const line: Line = {
    ...{ options, identity, deps, backoff: createBackoff(deps.random), socket: null, session: null, liveSince: null },
    ...{ problem: null, lastProblem: null, cancelWait: () => {}, isStopped: false },
  };
  connect(line);
  return {
    pump: () => line.session?.pump(),
    telemetry: (batch) => line.session?.telemetry(batch) ?? false,
    isLive: () => line.session?.isLive() ?? false,
    stop() {
      if (line.isStopped) return;
      line.isStopped = true;
      line.cancelWait();
      line.session?.ended();
      line.socket?.close(1000, 'the device stops');
      tell(line, 'stopped');
    },
  };
}

function tell({ deps, lastProblem }: Line, state: LinkStatus['state']): void {
  deps.changed({ state, since: deps.clock.now(), lastProblem });
}

function connect(line: Line): void {
  const { options, deps } = line;
  tell(line, 'connecting');
  line.liveSince = null;
  line.problem = null;
  const isMine = () => line.socket === socket && !line.isStopped;
  const socket = deps.openSocket(options.connectUrl, options.credential, {
    opened(subprotocol) {
      if (!isMine()) return;
      line.cancelWait();
      line.session = converse(line, socket, subprotocol === HISTORY_SUBPROTOCOL);
    },
    received: (text) => {
      if (isMine()) line.session?.received(text);
    },
    ended: (end) => {
      if (isMine()) ended(line, end);
    },
  });
  line.socket = socket;
  line.cancelWait = deps.clock.after(openMsMax, () => socket.terminate('the socket did not open in time'));
}

function converse(line: Line, socket: Socket, knowsHistory: boolean): Session {
  const { deps } = line;
  return createSession(socket, {
    ...deps,
    identity: line.identity,
    history: knowsHistory ? (deps.history ?? null) : null,
    welcomed(now, isNewEpoch) {
      line.liveSince = deps.clock.monotonic();
      line.lastProblem = null;
      deps.log('info', 'connected');
      tell(line, 'live');
      deps.welcomed(now, isNewEpoch);
    },
    problem(code, detail) {
      line.problem = `${code}: ${detail}`;
    },
  });
}

function ended(line: Line, end: SocketEnd): void {
  const { deps, backoff } = line;
  line.cancelWait();
  line.session?.ended();
  line.socket = null;
  line.session = null;
  deps.outbox.disconnected();
  if (line.liveSince !== null && deps.clock.monotonic() - line.liveSince >= healthyMs) backoff.reset();
  const why = describeEnd(end);
  line.lastProblem = line.problem === null ? why : `${why} (${line.problem})`;
  if (end.code !== null && FINAL_CLOSE_CODES.includes(end.code)) {
    line.isStopped = true;
    tell(line, 'stopped');
    deps.final(why);
    return;
  }
  // Two runtimes with one key would push each other out for ever, twice a second. Told to be slower, it is slower.
  const waitMs = end.code !== null && STAY_AWAY.has(end.code) ? backoff.longest() : backoff.next();
  deps.log('warn', 'not connected', { why, againInMs: Math.round(waitMs) });
  tell(line, 'waiting');
  line.cancelWait = deps.clock.after(waitMs, () => connect(line));
}

const STAY_AWAY: ReadonlySet<number> = new Set([CLOSE_CODES.replaced, CLOSE_CODES.too_many_frames]);

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
