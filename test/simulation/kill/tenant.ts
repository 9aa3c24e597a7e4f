// A tenant of the kill test: signed up through the API, with everything that its clients were promised and what is known of
// its journal.

import type { Findings } from '../model/findings.ts';
import { type Client, openClient } from './client.ts';
import { type Follower, followJournal } from './follower.ts';
import { type Mirror, openMirror } from './mirror.ts';
import { noPromises, type Promises } from './promises.ts';

export interface Tenant {
  readonly name: string;
  readonly client: Client;
  readonly promises: Promises;
  readonly mirror: Mirror;
  readonly follower: Follower | null;
  /** A new Idempotency-Key. */
  key(): string;
}

interface SignedUp {
  readonly apiKey: { readonly secret: string };
}

/** Signs a tenant up, again and again with the same key until that is acknowledged, and asks once more what was promised. */
export async function signUpTenant(name: string, { url, findings, follow }: TenantOptions): Promise<Tenant> {
  const open = openClient(url, null);
  const body = { email: `${name}@example.com`, password: `a long pass phrase of ${name}`, organization: name };
  const asked = { method: 'POST', path: '/v1/signup', body, key: `sign-up-${name}` } as const;
  const first = await open.acknowledged(asked);
  const again = await open.acknowledged(asked);
  if (again.answer !== first.answer)
    findings.add('changed', name, 'the sign-up was answered otherwise the second time');
  const { apiKey } = JSON.parse(first.answer) as SignedUp;
  return openTenant(name, apiKey.secret, { url, findings, follow });
}

export interface TenantOptions {
  readonly url: string;
  readonly findings: Findings;
  /** Whether its event stream is followed. */
  readonly follow: boolean;
  /** Another client than the ordinary one. */
  readonly client?: Client;
}

/** A tenant whose key is known. */
export function openTenant(name: string, secret: string, options: TenantOptions): Tenant {
  const { url, findings, follow } = options;
  const client = options.client ?? openClient(url, secret);
  let keys = 0;
  return {
    name,
    client,
    promises: noPromises(),
    mirror: openMirror(name, client, findings),
    follower: follow ? followJournal(`${url}/v1/journal/stream`, secret, name, findings) : null,
    key: () => `${name}-${++keys}`,
  };
}
