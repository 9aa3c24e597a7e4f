// Facts on their way up: a batch from one device is one call to the swarm, or a few when it is more than its share allows at once;
// how much of a call goes into one transaction is the swarm's to say [TURN-3]. Only the swarm's committed answer is passed on as
// an acknowledgement [P1].

import { assert } from '../../core/assert.ts';
import { cutText } from '../../core/cut-text.ts';
import { factCost } from '../../core/devices/fact-cost.ts';
import type { FactBatch, FactsAnswer, PoisonFact, SwarmPort } from '../../core/devices/port.ts';
import { pointerOf, type Unfit } from '../../core/json-text.ts';
import {
  type CloseReason,
  type DeviceFrame,
  type Fact,
  fact as factSchema,
  type RefusedFact,
} from '../../core/wire/device.ts';
import type { Turns } from '../turns.ts';
import { NO_ANSWER, type Problem, REFUSALS } from './problems.ts';
import { paced, type ShareDeps } from './share.ts';
import { type Attachment, type Socket, sendFrame } from './socket.ts';
import { factBytesMax, factsCallCostMax, poisonCharsMax, swarmCallMs } from './squad-limits.ts';
import { within } from './within.ts';

export interface FactsDeps extends ShareDeps {
  /** How others get in between, by tenant. */
  readonly turns: Pick<Turns, 'spent' | 'next'>;
  readonly swarm: Pick<SwarmPort, 'reportFacts'>;
  dismiss(socket: Socket, reason: CloseReason, problem?: Problem): void;
  fault(call: string, cause: unknown): void;
}

/** By their place in a frame, the facts that hold something that may not enter the journal. */
export type UnfitFacts = ReadonlyMap<number, Unfit>;

/** The `facts` frame. `bytes` is its size, which no fact in it can exceed. */
export async function reportFacts(
  frame: Extract<DeviceFrame, { type: 'facts' }>,
  { bytes, unfit }: { readonly bytes: number; readonly unfit: UnfitFacts },
  held: Attachment,
  socket: Socket,
  deps: FactsDeps,
): Promise<void> {
  const facts: (Fact | PoisonFact)[] = [];
  for (const [index, candidate] of frame.facts.entries()) {
    const turn = deps.turns.next(held.tenant);
    if (turn) await turn;
    const body: unknown = typeof candidate === 'object' && candidate !== null && 'body' in candidate && candidate.body;
    deps.turns.spent(held.tenant, factCost(body) / factsParsedInOne, bytes / frame.facts.length);
    const parsed = parseFact(candidate, unfit.get(index) ?? null, bytes > factBytesMax);
    if (parsed === null) {
      return deps.dismiss(socket, 'bad_frame', { code: 'bad_frame', detail: 'A fact has no seq that can be read.' });
    }
    facts.push(parsed);
  }
  const refused: RefusedFact[] = [];
  let answer: FactsAnswer | null = null;
  for (const piece of callsOf(facts)) {
    if (!(await paced(socket, held.device, { facts: weightOf(piece) }, deps))) return;
    const batch: FactBatch = { device: held.device, epoch: frame.epoch, facts: piece };
    try {
      answer = await within(deps.swarm.reportFacts(batch), swarmCallMs);
    } catch (cause) {
      deps.fault('reportFacts', cause);
      return deps.dismiss(socket, 'busy', NO_ANSWER);
    }
    // What was committed before it is told by the next welcome.
    if (answer.kind !== 'committed') break;
    refused.push(...answer.refused);
  }
  assert(answer !== null, 'a batch has at least one fact');
  switch (answer.kind) {
    case 'committed':
      return sendFrame(socket, { type: 'committed', epoch: answer.epoch, seq: answer.seq, refused });
    case 'expected':
      return sendFrame(socket, { type: 'expected', epoch: answer.epoch, seq: answer.seq });
    case 'refused': {
      const { reason, detail } = REFUSALS[answer.code];
      return deps.dismiss(socket, reason, { code: answer.code, detail });
    }
  }
}

/** What is only parsed weighs a part of what is decided. */
const factsParsedInOne = 8;

/** The facts in order, in calls that a device's share has room for. A batch as devices send it is one. */
export function callsOf(facts: readonly (Fact | PoisonFact)[]): (Fact | PoisonFact)[][] {
  const calls: (Fact | PoisonFact)[][] = [];
  let cost = 0;
  for (const one of facts) {
    cost += weightOf([one]);
    const last = calls.at(-1);
    if (last !== undefined && cost <= factsCallCostMax) last.push(one);
    else {
      calls.push([one]);
      cost = weightOf([one]);
    }
  }
  return calls;
}

function weightOf(facts: readonly (Fact | PoisonFact)[]): number {
  return facts.reduce((sum, one) => sum + ('body' in one ? factCost(one.body) : 1), 0);
}

/** The fact; or what is wrong with it, if its place in the order can be read; or null. */
export function parseFact(candidate: unknown, unfit: Unfit | null, mayBeTooLarge: boolean): Fact | PoisonFact | null {
  const seq = seqOf(candidate);
  if (seq === null) return null;
  // Before the schema: it descends into the value, and a value nested past all limits would exhaust the stack.
  if (unfit !== null) {
    if (unfit.what === 'depth') return { seq, poison: 'nested too deeply' };
    // Behind `facts` and its place in there.
    return { seq, poison: cutText(`${unfit.message}: ${pointerOf(unfit.path.slice(2))}`, poisonCharsMax) };
  }
  if (mayBeTooLarge && Buffer.byteLength(JSON.stringify(candidate)) > factBytesMax) {
    return { seq, poison: `larger than ${factBytesMax} bytes` };
  }
  const parsed = factSchema.safeParse(candidate);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const where = issue === undefined ? '' : `${issue.path.map(String).join('.')}: ${issue.message}`;
  return { seq, poison: cutText(where.toWellFormed(), poisonCharsMax) };
}

function seqOf(candidate: unknown): number | null {
  if (typeof candidate !== 'object' || candidate === null || !('seq' in candidate)) return null;
  const { seq } = candidate;
  return typeof seq === 'number' && Number.isSafeInteger(seq) && seq >= 1 ? seq : null;
}
