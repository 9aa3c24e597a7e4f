// What of an organization a caller may know of. A key of its own swarm sees all of it; a key of a fork, or of an import, sees
// down from there and no further up: no other forks, no imports, no members [P13].

import type { SwarmId } from '../../core/ids.ts';
import { originName } from '../../core/journal/event.ts';
import { allows } from '../../core/keys/scopes.ts';
import { ok, type Result } from '../../core/result.ts';
import { type ForkRow, listForks } from '../directory/forks.ts';
import { findImport } from '../directory/imports.ts';
import { asObject, type Call, read } from './call.ts';
import type { Refusal } from './problems.ts';

export interface Seen {
  readonly forks: readonly ForkRow[];
  /** Whether the caller's swarm is the organization's own, and neither a fork nor an import. */
  readonly isOwn: boolean;
}

/** The organization as a whole is for those who call its own swarm. */
export const NOT_OWN: Refusal = {
  code: 'not_allowed',
  detail: 'This is the whole organization’s: ask with a key of its own swarm, not of a fork or an import.',
};

/** Whether a caller asks for the organization: their swarm is its own. Refused with a key that is not in force. */
export async function asksForAll(call: Call): Promise<Result<boolean, Refusal>> {
  const inForce = await read({ type: 'status' }, call);
  if (!inForce.ok) return inForce;
  const { fork, sealed } = asObject(inForce.value);
  return ok(fork === undefined && sealed !== true);
}

/** The forks that a caller may know of, newest first; their own swarm among them, if it is one. Refused with a key that is not in force. */
export async function seenForks(call: Call): Promise<Result<Seen, Refusal>> {
  const own = await asksForAll(call);
  if (!own.ok) return own;
  const { swarm, tenant } = call.caller;
  const rows = await listForks(tenant, call.deps.directory);
  const isOwn = own.value;
  if (isOwn) return ok({ forks: rows, isOwn });
  const parents = new Map(rows.map((row) => [row.id, row.parent.swarm]));
  const descends = (from: SwarmId): boolean => {
    for (let at: SwarmId | undefined = from, steps = 0; at !== undefined && steps <= rows.length; steps++) {
      if (at === swarm) return true;
      at = parents.get(at);
    }
    return false;
  };
  return ok({ forks: rows.filter(({ id }) => descends(id)), isOwn });
}

/** The origin of a swarm that the caller may read the whole of; null when they may not, or there is none. */
export async function originSeen(
  swarm: SwarmId,
  { forks, isOwn }: Seen,
  { caller, deps }: Call,
): Promise<string | null> {
  const { tenant, actor } = caller;
  if (swarm === caller.swarm || forks.some(({ id }) => id === swarm)) return originName({ tenant, swarm });
  // An import is brought in, and so read, by who may do everything.
  if (!isOwn || !allows(actor.scopes, 'admin')) return null;
  return (await findImport(swarm, tenant, deps.directory))?.origin ?? null;
}
