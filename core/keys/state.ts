// API keys as the swarm knows them. The secret is nowhere: a key proves itself by its signature (token.ts).

import type { KeyId } from '../ids.ts';
import type { Scope } from './scopes.ts';

export interface Key {
  readonly id: KeyId;
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly state: 'active' | 'revoked';
  /** Of a key that was rotated: when its grace ends; and what took its place. */
  readonly validUntil: number | null;
  readonly replacedBy: KeyId | null;
  readonly createdAt: number;
  readonly createdBy: string;
}

export function isValid(key: Key, at: number): boolean {
  return key.state === 'active' && (key.validUntil === null || at < key.validUntil);
}
