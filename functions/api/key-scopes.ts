// What a key may do now, for the directory: whether it is in force is its swarm's to say.

import type { KeyId } from '../../core/ids.ts';
import type { Scope } from '../../core/keys/scopes.ts';
import type { SwarmService } from '../../core/swarm/service.ts';
import { key as keyView } from '../../core/wire/resources.ts';

/** The scopes of a key; null when it is not in force. It asks after itself: nobody is answered whose key is not. */
export async function keyScopes(swarm: Pick<SwarmService, 'read'>, key: KeyId): Promise<readonly Scope[] | null> {
  const found = await swarm.read({ kind: 'key', id: key, scopes: [] }, { type: 'key', id: key });
  return found.ok ? keyView.parse(found.value).scopes : null;
}
