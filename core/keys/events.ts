// What can happen to an API key.

import type { KeyId } from '../ids.ts';
import type { Scope } from './scopes.ts';

export type KeyEvent =
  | {
      readonly type: 'key.issued';
      readonly subject: string;
      readonly body: { readonly key: KeyId; readonly name: string; readonly scopes: readonly Scope[] };
    }
  | {
      readonly type: 'key.rotated';
      readonly subject: string;
      readonly body: { readonly key: KeyId; readonly replacedBy: KeyId; readonly validUntil: number };
    }
  | { readonly type: 'key.revoked'; readonly subject: string; readonly body: { readonly key: KeyId } };
