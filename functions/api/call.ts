// One request on its way to a swarm and back: what a route may ask, and how it answers.

import { assert } from '../../core/assert.ts';
import type { ForkPort } from '../../core/forks/port.ts';
import type { At, PastPort } from '../../core/history/port.ts';
import type { SwarmId } from '../../core/ids.ts';
import type { Json, JsonObject } from '../../core/json.ts';
import { ok, type Result } from '../../core/result.ts';
import type { SwarmCommand } from '../../core/swarm/commands.ts';
import type { Answer, Query, SwarmService } from '../../core/swarm/service.ts';
import type { ApiDeps } from './deps.ts';
import type { Caller } from './middleware/authenticate.ts';
import type { Frame } from './middleware/frame.ts';
import type { CommandId } from './middleware/idempotency.ts';
import { isOverloaded, isPassing, problemResponse } from './middleware/problem.ts';
import type { RateLimiter } from './middleware/rate-limit.ts';
import type { Refusal } from './problems.ts';

/** A request to an open route: nobody has said who they are. */
export interface OpenCall {
  readonly request: Request;
  readonly frame: Frame;
  readonly deps: ApiDeps;
  readonly limiters: Readonly<Record<'caller' | 'open' | 'trigger', RateLimiter>>;
}

/** A request whose sender is known. */
export interface Call extends OpenCall {
  /** The moment of the past that is asked for; null for the present. */
  readonly at: At | null;
  readonly caller: Caller;
  readonly command: CommandId;
}

/** A repeated call waits so long at least, and at most twice that. */
const retryMs = 40;

/** Executes a command as the caller, under the id of this request. The answer is the swarm's own. */
export async function execute(command: SwarmCommand, call: Call): Promise<Result<Answer, Refusal>> {
  const { caller, frame, deps } = call;
  const { id, remember } = call.command;
  const executed = await callSwarm(
    caller.swarm,
    // Only a command whose id is remembered may be sent again when nobody knows whether it arrived [P6].
    remember,
    (swarm) => swarm.execute({ id, remember, actor: caller.actor, trace: frame.trace, command }),
    deps,
  );
  noteReplay(executed, frame);
  return executed.result;
}

/** Says in the answer that it was given before. That a key was used for something else is no answer that was. */
export function noteReplay(
  { result, replayed }: { readonly result: Result<unknown, { readonly code: string }>; readonly replayed: boolean },
  frame: Frame,
): void {
  frame.replayed = replayed && (result.ok || result.error.code !== 'idempotency_key_reused');
}

/** Reads as the caller, at the moment that the request asks for. */
export async function read(query: Query, call: Call): Promise<Result<Json, Refusal>> {
  const { swarm, actor } = call.caller;
  const { at } = call;
  if (at !== null) {
    const past = await callPast(swarm, (service) => service.read(swarm, actor, at, query), call.deps);
    if (!past.ok) return past;
    call.frame.past = past.value.moment;
    return ok(past.value.value);
  }
  return callSwarm(swarm, true, (service) => service.read(actor, query), call.deps);
}

/**
 * Calls a swarm's object. A call that may be repeated is, once, when the object was moved or restarted in the middle of it
 * [P14]; one that has too much to do is left alone.
 * @throws the platform's fault
 */
export function callSwarm<T>(
  id: SwarmId,
  isRepeatable: boolean,
  work: (swarm: SwarmService) => Promise<T>,
  deps: Pick<ApiDeps, 'swarm'> & RetryDeps,
): Promise<T> {
  return callObject(isRepeatable, () => work(deps.swarm(id)), deps);
}

/** The same for the object of a fork: what was done is not done again. */
export function callFork<T>(
  id: SwarmId,
  work: (fork: ForkPort) => Promise<T>,
  deps: Pick<ApiDeps, 'fork'> & RetryDeps,
): Promise<T> {
  return callObject(true, () => work(deps.fork(id)), deps);
}

/** The same for a swarm's past, which only reads. */
export function callPast<T>(
  id: SwarmId,
  work: (past: PastPort) => Promise<T>,
  deps: Pick<ApiDeps, 'past'> & RetryDeps,
): Promise<T> {
  return callObject(true, () => work(deps.past(id)), deps);
}

type RetryDeps = Pick<ApiDeps, 'pause' | 'entropy'>;

/** @param call asks for the stub anew: one that saw a fault is not used again */
async function callObject<T>(isRepeatable: boolean, call: () => Promise<T>, deps: RetryDeps): Promise<T> {
  try {
    return await call();
  } catch (fault) {
    if (!isRepeatable || !isPassing(fault) || isOverloaded(fault)) throw fault;
    await deps.pause(retryMs + (retryMs * (deps.entropy(1)[0] ?? 0)) / 256);
    return await call();
  }
}

/** Answers with JSON. */
export function answer(status: number, body: Json, headers?: Readonly<Record<string, string>>): Response {
  return new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json', ...headers } });
}

/** Answers with nothing: it is done. */
export function done(): Response {
  return new Response(null, { status: 204 });
}

/** Answers with a problem. */
export function refuse(refusal: Refusal, { frame, deps }: OpenCall): Response {
  return problemResponse(refusal, frame, deps);
}

/** Reads and answers with what was read. */
export async function show(query: Query, call: Call): Promise<Response> {
  const found = await read(query, call);
  if (!found.ok) return refuse(found.error, call);
  const text = JSON.stringify(found.value);
  // A large answer is work as a large request is.
  call.deps.turns?.spent(call.caller.tenant, 0, text.length);
  return new Response(text, { status: 200, headers: { 'content-type': 'application/json' } });
}

/** Executes a command and answers with what became of it; `make` adds what only the edge knows. */
export async function perform(
  command: SwarmCommand,
  how: {
    readonly status: 200 | 201 | 202 | 204;
    /** Where the thing stands that was made: `/v1/keys/`. */
    readonly at?: string;
    make?(answered: { readonly id: string; readonly view: JsonObject }): JsonObject;
  },
  call: Call,
): Promise<Response> {
  const executed = await execute(command, call);
  if (!executed.ok) return refuse(executed.error, call);
  if (how.status === 204) return done();
  const { id, view } = executed.value;
  const body = how.make ? how.make({ id, view: asObject(view) }) : view;
  return answer(how.status, body, how.at === undefined ? undefined : { location: `${how.at}${id}` });
}

/** A view that is an object; every resource's is. */
export function asObject(view: Json): JsonObject {
  assert(view !== null && typeof view === 'object' && !Array.isArray(view), 'a resource is shown as an object');
  return view as JsonObject; // as was just asserted
}

/** A page of a list, each thing in it shown in another way. */
export function eachOf(listed: Json, showOne: (view: JsonObject) => JsonObject): JsonObject {
  const { data, nextCursor } = asObject(listed);
  assert(Array.isArray(data), 'a list has data');
  return { data: data.map((view) => showOne(asObject(view))), nextCursor: nextCursor ?? null };
}
