// Opens the directory: the one place where its secret, its database and its ports meet. Everything else in this folder is a
// function that takes what is made here as its last argument.

import type { KeyId, SwarmId, TenantId, UserId } from '../../core/ids.ts';
import type { Scope } from '../../core/keys/scopes.ts';
import type { AttemptDeps } from './attempts.ts';
import { type Auth, createAuth } from './auth.ts';
import { type DirectoryDatabase, openDatabase } from './database.ts';
import { type DirectoryKeys, deriveKeys } from './keys.ts';
import type { AttemptRule } from './limits.ts';
import { type EmailMessage, keepEmail } from './mail.ts';
import { type Stretch, stretchHere } from './password.ts';

/** A swarm that a sign-up needs. `keyId` is the API key to be made with it. */
export interface NewSwarm {
  readonly tenant: { readonly id: TenantId; readonly name: string };
  readonly swarm: { readonly id: SwarmId; readonly name: string };
  readonly owner: UserId;
  readonly keyId: KeyId;
  /** When the sign-up was, in milliseconds: the same at every call for the same swarm. */
  readonly at: number;
}

export interface DirectoryConfig {
  readonly d1: D1Database;
  /** 32 bytes or more, derived from the platform's secret for the directory alone */
  readonly secret: Uint8Array;
  /** Where the platform is reached, without a path: `https://…`; cookies are Secure when it is https */
  readonly baseUrl: string;
  /** Makes the swarm object. Called again after a crash with the same argument, so it must answer the same. */
  createSwarm(swarm: NewSwarm): Promise<void>;
  /** What a key of a swarm may do; null when it is not in force. */
  keyScopes(of: { readonly swarm: SwarmId; readonly key: KeyId }): Promise<readonly Scope[] | null>;
  /** Does something when the answer has left. */
  later(work: () => Promise<void>): void;
  /** Sends mail; without it, mail is kept in the table `outgoing_mail` */
  sendEmail?(message: EmailMessage): Promise<void>;
  /** Stretches passwords elsewhere; without it, here */
  readonly stretch?: Stretch;
  /** So many sign-ups within so long from one network address; none where the platform is one machine's own */
  readonly signUpRule?: AttemptRule;
  now(): number;
  /** 10 random bytes */
  entropy(): Uint8Array;
  /** Hears of faults inside better-auth; the text names no person and no secret */
  report(message: string): void;
}

/** What the functions of this folder need; each asks for the part it uses. */
export interface Directory extends AttemptDeps {
  readonly db: DirectoryDatabase;
  readonly auth: Auth;
  readonly keys: DirectoryKeys;
  readonly baseUrl: string;
  readonly signUpRule: AttemptRule | null;
  readonly stretch: Stretch;
  createSwarm(swarm: NewSwarm): Promise<void>;
  keyScopes(of: { readonly swarm: SwarmId; readonly key: KeyId }): Promise<readonly Scope[] | null>;
  later(work: () => Promise<void>): void;
  sendEmail(message: EmailMessage): Promise<void>;
  now(): number;
  entropy(): Uint8Array;
}

/** Opens the directory. No I/O: do it once per isolate and keep it. */
export function openDirectory(config: DirectoryConfig): Directory {
  const db = openDatabase(config.d1);
  const keys = deriveKeys(config.secret);
  const { baseUrl, stretch = stretchHere, now, entropy, report } = config;
  const sendEmail = config.sendEmail ?? ((message: EmailMessage) => keepEmail(message, { db, now, entropy }));
  const auth = createAuth({ db, keys, baseUrl, stretch, now, entropy, report });
  const { signUpRule = null, createSwarm, keyScopes, later } = config;
  return { db, auth, keys, baseUrl, signUpRule, stretch, createSwarm, keyScopes, later, sendEmail, now, entropy };
}
