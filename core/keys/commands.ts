// What may be asked about API keys.

import type { KeyId } from '../ids.ts';
import type { Scope } from './scopes.ts';

export type KeyCommand =
  | { readonly type: 'IssueKey'; readonly name: string; readonly scopes: readonly Scope[] }
  | { readonly type: 'RotateKey'; readonly key: KeyId; readonly graceMs: number }
  | { readonly type: 'RevokeKey'; readonly key: KeyId };
