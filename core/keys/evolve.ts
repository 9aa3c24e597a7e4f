// What an API key looks like after an event.

import { assert } from '../assert.ts';
import type { KeyEvent } from './events.ts';
import type { Key } from './state.ts';

export function evolveKey(key: Key | null, event: KeyEvent, at: number, actor: string): Key {
  if (event.type === 'key.issued') {
    const { key: id, name, scopes } = event.body;
    return { id, name, scopes, state: 'active', validUntil: null, replacedBy: null, createdAt: at, createdBy: actor };
  }
  assert(key !== null, 'a key is issued first');
  if (event.type === 'key.revoked') return { ...key, state: 'revoked' };
  return { ...key, validUntil: event.body.validUntil, replacedBy: event.body.replacedBy };
}
