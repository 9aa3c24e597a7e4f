// One connection, from the challenge to its end: `starling.v1` as the device speaks it. It proves who it is, sends facts,
// takes orders, and notices when nobody is there any more.

import { Fault } from '../../../core/assert.ts';
import { cutText } from '../../../core/cut-text.ts';
import { canonical } from '../../../core/json.ts';
import { checkpointMs, factsPerBatchMax, ordersInFlightMax } from '../../../core/limits.ts';
import {
  type ChallengeText,
  CLOSE_CODES,
  type Order,
  PING,
  PONG,
  type SquadFrame,
  SUBPROTOCOL,
  squadFrame,
} from '../../../core/wire/device.ts';
import type { Cancel, Clock } from '../clock.ts';
import type { History } from '../history.ts';
import type { Log } from '../log.ts';
import type { Outbox } from '../outbox/outbox.ts';
import { createFactSender, type FactSender } from './fact-sender.ts';
import type { Socket } from './socket.ts';

/** The challenge and the welcome must come within this time each; a sleeping swarm wakes faster. */
export const handshakeStepMsMax = 15_000;
/** Pings without an answer before the other side is taken for gone. */
const pingsMissedMax = 2;
const pingMsBounds = { least: 20, most: 120_000 };
/** Problems of one connection that are logged, and that are borne: a log must not fill the disk. */
const problemsLoggedMax = 20;
const problemsMax = 1_000;
/** No time, seq or epoch of a swarm is larger: sums of two are still exact, here and in the database. */
const numberMax = 2 ** 50;
const nonceChars = { least: 16, most: 300 };

export interface SessionIdentity {
  readonly device: string;
  readonly did: string;
  /** The host that this device calls. A challenge for another one is not signed. */
  readonly audience: string;
  /** Ed25519 over UTF-8 text, base64url. */
  sign(text: string): string;
}

export interface SessionDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly identity: SessionIdentity;
  readonly outbox: Outbox;
  /** Stores orders and answers with the ids of those that are stored; they are carried out by the caller, after. */
  takeOrders(orders: readonly Order[]): readonly string[];
  /** Facts were committed or refused; called for the caller's books, in one transaction with the outbox. */
  commit(epoch: number, seq: number, refused: Extract<SquadFrame, { type: 'committed' }>['refused']): 'ahead' | 'fine';
  /** The device is in. `now` is the swarm's clock; `renumbered` means a new epoch. */
  welcomed(now: number, renumbered: boolean): void;
  problem(code: string, detail: string): void;
  /** What this device holds of the swarm's history; null when the squad does not speak of it. */
  readonly history: History | null;
}

export interface Session {
  received(text: string | null): void;
  /** There are new facts in the outbox. */
  pump(): void;
  telemetry(batch: unknown): boolean;
  isLive(): boolean;
  ended(): void;
}

type Frame<T extends SquadFrame['type']> = Extract<SquadFrame, { type: T }>;

/** The state of one connection. */
interface Conversation {
  readonly socket: Socket;
  readonly deps: SessionDeps;
  phase: 'challenge' | 'welcome' | 'live' | 'over';
  epoch: number;
  sender: FactSender | null;
  pingsMissed: number;
  problems: number;
  cancelTimer: Cancel;
  cancelHistory: Cancel;
}

/** Speaks the protocol over a socket that has just opened. */
export function createSession(socket: Socket, deps: SessionDeps): Session {
  const talk: Conversation = {
    ...{ socket, deps, phase: 'challenge', epoch: 0, sender: null, pingsMissed: 0, problems: 0 },
    cancelTimer: () => {},
    cancelHistory: () => {},
  };
  expectWithin(talk, handshakeStepMsMax, 'the challenge');
  return {
    received: (text) => received(talk, text),
    pump: () => talk.sender?.pump(),
    telemetry(batch) {
      if (talk.phase !== 'live') return false;
      socket.send(JSON.stringify({ type: 'telemetry', batch }));
      return true;
    },
    isLive: () => talk.phase === 'live',
    ended: () => {
      end(talk);
    },
  };
}

function received(talk: Conversation, text: string | null): void {
  if (talk.phase === 'over') return;
  talk.pingsMissed = 0;
  if (text === PONG) return;
  const verdict = judgeFrame(talk, text);
  if (verdict === null) return;
  if (verdict.is === 'useless') giveUp(talk, verdict.why);
  else refuse(talk, verdict.why);
}

/** What a frame means for the connection: null goes on. `useless`: come back later. `wrong`: not the protocol. */
type Verdict = { readonly is: 'useless' | 'wrong'; readonly why: string } | null;
const wrong = (why: string): Verdict => ({ is: 'wrong', why });
const useless = (why: string): Verdict => ({ is: 'useless', why });

function judgeFrame(talk: Conversation, text: string | null): Verdict {
  const frame = parseFrame(text);
  if (frame === null) return wrong('the frame is not of starling.v1');
  try {
    return act(talk, frame);
  } catch (error) {
    // The database did not take it (a full disk): nothing was acknowledged, and the same comes again later.
    if (!(error instanceof Fault) || !error.retryable) throw error;
    return useless(error.message);
  }
}

function act(talk: Conversation, frame: SquadFrame): Verdict {
  if (frame.type === 'challenge') return challenged(talk, frame);
  if (frame.type === 'welcome') return welcomed(talk, frame);
  if (frame.type === 'problem') return problem(talk, frame);
  if (talk.phase !== 'live') return wrong(`a frame of type ${frame.type} came before the welcome`);
  if (frame.type === 'committed') return committed(talk, frame);
  if (frame.type === 'expected') return expected(talk, frame);
  if (frame.type === 'history') return history(talk, frame);
  return ordered(talk, frame);
}

function challenged(talk: Conversation, { nonce, audience }: Frame<'challenge'>): Verdict {
  const { deps, socket } = talk;
  if (talk.phase !== 'challenge') return wrong('a challenge came twice');
  if (nonce.length < nonceChars.least || nonce.length > nonceChars.most)
    return wrong('the nonce is too short or too long');
  const { device, did, sign } = deps.identity;
  // Whoever passes the challenge of another host on, to use the answer there, gets none.
  if (audience !== deps.identity.audience)
    return wrong('the challenge is for another host than the one that was called');
  const text: ChallengeText = { protocol: SUBPROTOCOL, audience, device, nonce };
  socket.send(JSON.stringify({ type: 'prove', did, signature: sign(canonical(text)), ...deps.outbox.claim() }));
  talk.phase = 'welcome';
  expectWithin(talk, handshakeStepMsMax, 'the welcome');
  return null;
}

function welcomed(talk: Conversation, { device, epoch, seq, now, pingMs }: Frame<'welcome'>): Verdict {
  const { deps, socket } = talk;
  if (talk.phase !== 'welcome') return wrong('a welcome came out of turn');
  if (device !== deps.identity.device) return wrong('the welcome is for another device');
  const outcome = deps.outbox.welcome(epoch, seq);
  if (outcome.kind === 'forgotten') {
    const { why, lost } = outcome;
    deps.log('error', 'this device and its swarm remember different histories: a new epoch begins', { why, lost });
    return useless('a new epoch is needed');
  }
  const isNewEpoch = outcome.kind === 'renumbered';
  if (isNewEpoch) deps.log('info', 'a new epoch begins', { epoch, facts: outcome.facts });
  talk.epoch = epoch;
  talk.phase = 'live';
  talk.sender = createFactSender(seq + 1, {
    clock: deps.clock,
    batch: deps.outbox.batch,
    send: (batch) => socket.send(`{"type":"facts","epoch":${epoch},"facts":${batch.text}}`),
    stalled: (why) => giveUp(talk, why),
  });
  beat(talk, Math.min(Math.max(pingMs, pingMsBounds.least), pingMsBounds.most));
  deps.welcomed(now, isNewEpoch);
  talk.sender.pump();
  askHistory(talk);
  return null;
}

/** Shows the swarm what is held of its history, now and then again: only what goes on from there is kept. */
function askHistory(talk: Conversation): void {
  const { history, clock } = talk.deps;
  if (history === null) return;
  talk.socket.send(JSON.stringify({ type: 'held', checkpoint: history.held() }));
  talk.cancelHistory = clock.after(checkpointMs, () => askHistory(talk));
}

function history(talk: Conversation, { checkpoint, path }: Frame<'history'>): Verdict {
  talk.deps.history?.shown(checkpoint, path);
  return null;
}

function problem(talk: Conversation, frame: Frame<'problem'>): Verdict {
  const code = cutText(frame.code, 100);
  talk.problems += 1;
  if (talk.problems > problemsMax) return useless('the squad reports problems without end');
  if (talk.problems <= problemsLoggedMax) talk.deps.log('warn', 'the squad reports a problem', { code });
  talk.deps.problem(code, cutText(frame.detail, 300));
  if (code === 'history_conflict') talk.deps.history?.refused();
  // Facts of another epoch are never taken: only a new welcome says which one is in force.
  return code === 'epoch_stale' ? useless('the swarm is in another epoch') : null;
}

function committed(talk: Conversation, { epoch, seq, refused }: Frame<'committed'>): Verdict {
  if (epoch !== talk.epoch) return null;
  if (talk.deps.commit(epoch, seq, refused) === 'ahead') {
    talk.deps.log('error', 'the swarm committed facts that this device never made', { seq });
    return useless('the histories differ');
  }
  talk.sender?.committed(seq);
  return null;
}

function expected(talk: Conversation, { epoch, seq }: Frame<'expected'>): Verdict {
  if (epoch !== talk.epoch) return useless('the swarm is in another epoch');
  const held = talk.deps.outbox.pending().facts;
  const used = talk.deps.outbox.claim().seq;
  // What was committed is deleted here: only the swarm can say, at the next welcome, what that means.
  if (seq <= used - held || seq > used + 1) {
    talk.deps.log('error', 'the swarm expects a fact that is not in the outbox', { expected: seq, used, held });
    return useless('the histories differ');
  }
  talk.sender?.expected(seq);
  return null;
}

function ordered(talk: Conversation, { orders }: Frame<'orders'>): Verdict {
  const taken = talk.deps.takeOrders(orders);
  for (let i = 0; i < taken.length; i += ordersInFlightMax) {
    talk.socket.send(JSON.stringify({ type: 'taken', orders: taken.slice(i, i + ordersInFlightMax) }));
  }
  return null;
}

/** Pings for as long as the connection is live. Anything that comes counts as an answer. */
function beat(talk: Conversation, pingMs: number): void {
  talk.cancelTimer();
  talk.cancelTimer = talk.deps.clock.after(pingMs, () => {
    if (talk.pingsMissed >= pingsMissedMax) {
      giveUp(talk, `${talk.pingsMissed} pings were not answered`);
      return;
    }
    talk.pingsMissed += 1;
    talk.socket.send(PING);
    beat(talk, pingMs);
  });
}

function expectWithin(talk: Conversation, ms: number, what: string): void {
  talk.cancelTimer();
  talk.cancelTimer = talk.deps.clock.after(ms, () => giveUp(talk, `${what} did not come in time`));
}

/** False when it was over before. */
function end(talk: Conversation): boolean {
  if (talk.phase === 'over') return false;
  talk.phase = 'over';
  talk.cancelTimer();
  talk.cancelHistory();
  talk.sender?.stop();
  return true;
}

/** Ends a connection that is of no use. */
function giveUp(talk: Conversation, why: string): void {
  if (!end(talk)) return;
  talk.deps.log('warn', 'the connection is given up', { why });
  talk.socket.terminate(why);
}

/** Ends a connection to something that does not speak the protocol. */
function refuse(talk: Conversation, why: string): void {
  if (!end(talk)) return;
  talk.deps.log('warn', 'the squad sent a frame that cannot be', { why });
  talk.socket.close(CLOSE_CODES.bad_frame, why);
}

function parseFrame(text: string | null): SquadFrame | null {
  if (text === null) return null;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null; // Not JSON is not a frame; the caller says so and closes.
  }
  const parsed = squadFrame.safeParse(value);
  if (!parsed.success) return null;
  // A batch has at most so many facts, two batches are on their way: no honest answer refuses more.
  if (parsed.data.type === 'committed' && parsed.data.refused.length > 2 * factsPerBatchMax) return null;
  return numbersOf(parsed.data).every((number) => Math.abs(number) <= numberMax) ? parsed.data : null;
}

/** The numbers that the device calculates with, or keeps. */
function numbersOf(frame: SquadFrame): readonly number[] {
  if (frame.type === 'welcome') return [frame.epoch, frame.seq, frame.now, frame.pingMs];
  if (frame.type !== 'orders') return [];
  return frame.orders.flatMap(({ body, deliverBy }) => {
    if (body.type === 'desire') return [body.version, deliverBy ?? 0];
    return body.type === 'cancel' ? [body.fence] : [body.fence, body.leaseMs, body.deadline, body.priceMicro];
  });
}
