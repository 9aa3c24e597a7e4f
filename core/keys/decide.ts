// Keys: nobody gives a key more than they have; a revoked key is refused from the next request on.

import type { KeyId } from '../ids.ts';
import { keyGraceMsMax, keysMax } from '../limits.ts';
import { err, ok, type Result } from '../result.ts';
import type { Draft } from '../swarm/draft.ts';
import type { Rejection } from '../swarm/rejections.ts';
import type { KeyCommand } from './commands.ts';
import { allows } from './scopes.ts';
import { isValid } from './state.ts';

/** Refuses an actor whose key is not in force. Everything that enters a swarm with a key passes here. */
export function refuseActor(draft: Pick<Draft, 'row' | 'moment'>): Rejection | null {
  const { actor, at } = draft.moment;
  if (actor.kind !== 'key') return null;
  const key = draft.row('key', actor.id);
  return key && isValid(key, at) ? null : { code: 'key_revoked' };
}

export function decideKeys(draft: Draft, command: KeyCommand): Result<KeyId, Rejection> {
  const { at, actor, ids } = draft.moment;
  switch (command.type) {
    case 'IssueKey': {
      const mine =
        actor.kind === 'key' || actor.kind === 'user'
          ? actor.scopes
          : actor.kind === 'system'
            ? (['admin'] as const)
            : [];
      for (const scope of command.scopes) if (!allows(mine, scope)) return err({ code: 'scope_exceeds_own', scope });
      if (draft.countKeys() >= keysMax) return err({ code: 'limit_reached', limit: 'keysMax', most: keysMax });
      return issue(draft, command);
    }
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
      if (key.state === 'active') draft.emit({ type: 'key.revoked', subject: `key/${key.id}`, body: { key: key.id } });
      return ok(key.id);
    }
  }
}
