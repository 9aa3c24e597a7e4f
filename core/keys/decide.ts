// Keys: nobody gives a key more than they have, nor takes away one that may more; a revoked key is refused from the next request on.

import type { Actor } from '../envelope.ts';
import type { KeyId } from '../ids.ts';
import { keyGraceMsMax, keysMax } from '../limits.ts';
import { err, ok, type Result } from '../result.ts';
import type { Draft } from '../swarm/draft.ts';
import type { Rejection } from '../swarm/rejections.ts';
import type { KeyCommand } from './commands.ts';
import { allows, type Scope } from './scopes.ts';
import { isValid, type Key } from './state.ts';

/** Refuses an actor whose key is not in force. Everything that enters a swarm with a key passes here. */
export function refuseActor(draft: Pick<Draft, 'row' | 'moment'>): Rejection | null {
  const { actor, at } = draft.moment;
  if (actor.kind !== 'key') return null;
  const key = draft.row('key', actor.id);
  return key && isValid(key, at) ? null : { code: 'key_revoked' };
}

export function decideKeys(draft: Draft, command: KeyCommand): Result<KeyId, Rejection> {
  const { at } = draft.moment;
  switch (command.type) {
    case 'IssueKey':
      if (draft.countKeys() >= keysMax) return err({ code: 'limit_reached', limit: 'keysMax', most: keysMax });
      return issue(draft, command);
    case 'RotateKey': {
      const old = draft.row('key', command.key);
      if (old === null) return err({ code: 'key_not_found' });
      if (!isValid(old, at) || old.replacedBy !== null) return err({ code: 'key_not_active' });
      if (command.graceMs > keyGraceMsMax)
        return err({ code: 'limit_reached', limit: 'keyGraceMsMax', most: keyGraceMsMax });
      // One takes the place of another: the number of keys in force stays.
      const issued = issue(draft, old);
      if (!issued.ok) return issued;
      draft.emit({
        type: 'key.rotated',
        subject: `key/${old.id}`,
        body: { key: old.id, replacedBy: issued.value, validUntil: at + command.graceMs },
      });
      return issued;
    }
    case 'RevokeKey': {
      const key = draft.row('key', command.key);
      if (key === null) return err({ code: 'key_not_found' });
      // One's own is always one's to give back [KEY-9].
      const beyond = isOwn(key, draft.moment.actor) ? null : scopeBeyondOwn(draft.moment.actor, key.scopes);
      if (beyond !== null) return err({ code: 'scope_exceeds_own', scope: beyond });
      if (key.state === 'active') draft.emit({ type: 'key.revoked', subject: `key/${key.id}`, body: { key: key.id } });
      return ok(key.id);
    }
  }
}

function issue(draft: Draft, wanted: Pick<Key, 'name' | 'scopes'>): Result<KeyId, Rejection> {
  const beyond = scopeBeyondOwn(draft.moment.actor, wanted.scopes);
  if (beyond !== null) return err({ code: 'scope_exceeds_own', scope: beyond });
  const key = draft.moment.ids.next('key');
  const { name, scopes } = wanted;
  draft.emit({ type: 'key.issued', subject: `key/${key}`, body: { key, name, scopes } });
  return ok(key);
}

/** The first of the scopes that the actor does not hold. */
function scopeBeyondOwn(actor: Actor, scopes: readonly Scope[]): Scope | null {
  const own = scopesOf(actor);
  return scopes.find((scope) => !allows(own, scope)) ?? null;
}

function isOwn(key: Key, actor: Actor): boolean {
  return actor.kind === 'key' && actor.id === key.id;
}

function scopesOf(actor: Actor): readonly Scope[] {
  if (actor.kind === 'key' || actor.kind === 'user') return actor.scopes;
  return actor.kind === 'system' ? ['admin'] : [];
}
