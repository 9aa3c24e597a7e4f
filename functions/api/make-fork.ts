// Makes a fork for a request: a place in the directory under ids that follow from the request, then the object. Cut off in
// between, the same request goes on with what it began [P6].

import { actorName } from '../../core/envelope.ts';
import type { At } from '../../core/history/port.ts';
import type { SwarmId } from '../../core/ids.ts';
import { originName } from '../../core/journal/event.ts';
import { canonical, type JsonObject } from '../../core/json.ts';
import { allows, SCOPES } from '../../core/keys/scopes.ts';
import { mintToken } from '../../core/keys/token.ts';
import { err, ok, type Result } from '../../core/result.ts';
import { timeText } from '../../core/work/view.ts';
import { type ForkRow, findFork, markReady, reserveFork } from '../directory/forks.ts';
import { answer, type Call, callFork, callPast, read, refuse } from './call.ts';
import { edgeMade } from './edge-made.ts';
import type { Refusal } from './problems.ts';
import { originSeen, seenForks } from './seen-forks.ts';

/** What is asked for. */
export interface Asked {
  readonly name: string;
  readonly at: At | null;
  /** The swarm that is forked. */
  readonly of: SwarmId;
}

/** Makes a fork, or goes on with the one that this request has made before. */
export async function makeFork(asked: Asked, call: Call): Promise<Response> {
  const { caller, command, deps, frame } = call;
  // An import under the same Idempotency-Key is another swarm.
  const edge = edgeMade({ ...command, id: `fork:${command.id}` }, caller.swarm, deps);
  const [swarm, key] = [edge.id('swm'), edge.id('key')];
  const known = command.remember ? await findFork(swarm, caller.tenant, deps.directory) : null;
  const reserved = known ? await goOn(known, asked, call) : await reserve({ swarm, key }, asked, call);
  if (!reserved.ok) return refuse(reserved.error, call);
  frame.replayed = known?.status === 'ready';
  const row = reserved.value;
  const filled = row.status === 'ready' ? ok('ready' as const) : await fill(row, call);
  if (!filled.ok) return refuse(filled.error, call);
  const secret = mintToken('sk', { t: row.tenant, s: swarm, k: row.key, p: [...row.scopes] }, deps.tokenKey);
  const shown = forkView({ ...row, status: filled.value });
  return answer(201, { ...shown, apiKey: { id: row.key, secret } }, { location: `/v1/forks/${swarm}` });
}

/** The same request again gets the same fork; its key only who could have made it. */
async function goOn(known: ForkRow, asked: Asked, call: Call): Promise<Result<ForkRow, Refusal>> {
  const inForce = await read({ type: 'status' }, call);
  if (!inForce.ok) return inForce;
  if (known.asked !== canonical(asked)) return err({ code: 'idempotency_key_reused' });
  if (known.status === 'deleted') return err({ code: 'fork_not_found' });
  const own = call.caller.actor.scopes;
  const more = known.scopes.find((scope) => !allows(own, scope));
  return more === undefined ? ok(known) : err({ code: 'scope_exceeds_own', scope: more });
}

async function reserve(
  made: { readonly swarm: SwarmId; readonly key: ForkRow['key'] },
  asked: Asked,
  call: Call,
): Promise<Result<ForkRow, Refusal>> {
  const { caller, deps } = call;
  const seen = await seenForks(call);
  if (!seen.ok) return seen;
  const origin = await originSeen(asked.of, seen.value, call);
  if (origin === null) return err({ code: 'fork_not_found' });
  const found = await callPast(asked.of, (past) => past.stateHash(asked.of, null, asked.at ?? 'now'), deps);
  if (!found.ok) return found;
  const { moment, stateHash } = found.value;
  const parent = { swarm: asked.of, origin, seq: moment.seq, at: moment.at, head: moment.hash, stateHash };
  const scopes = SCOPES.filter((scope) => caller.actor.scopes.includes(scope));
  const wanted = { ...made, tenant: caller.tenant, name: asked.name, scopes, parent };
  return reserveFork(wanted, canonical(asked), deps.directory);
}

async function fill(
  { id: swarm, status: _, asked: __, effects: ___, createdAt: ____, ...fork }: ForkRow,
  { caller, deps }: Call,
) {
  const wanted = { ...fork, swarm, by: actorName(caller.actor) };
  const went = await callFork(swarm, (object) => object.forkFrom(wanted), deps);
  if (went.ok && went.value === 'ready') await markReady(swarm, deps.directory);
  return went;
}

/** A fork as the API shows it. */
export function forkView({ id, tenant, name, status, parent, effects, createdAt }: ForkRow): JsonObject {
  return {
    id,
    name,
    origin: originName({ tenant, swarm: id }),
    state: status === 'ready' ? 'ready' : 'filling',
    parent: { ...parent, at: timeText(parent.at) },
    effects,
    createdAt: timeText(createdAt),
  };
}
