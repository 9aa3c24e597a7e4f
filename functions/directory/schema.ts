// The tables of the directory (D1): who signed up, which tenants there are, who is a member of which. Nothing here is read
// while a task runs. The first four tables have the columns better-auth reads and writes; a tenant is what better-auth's
// documentation calls an organization. migrations/directory is made from this file; a shipped migration is never edited.

import { relations } from 'drizzle-orm';
import { index, integer, primaryKey, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core';
import { ROLES } from '../../core/keys/scopes.ts';

const time = (name: string) => integer(name, { mode: 'timestamp_ms' });

/** A person, known by an e-mail address (stored in lower case). */
export const users = sqliteTable('users', {
  id: text('id').primaryKey(),
  name: text('name').notNull(),
  email: text('email').notNull().unique(),
  emailVerified: integer('email_verified', { mode: 'boolean' }).notNull().default(false),
  image: text('image'),
  createdAt: time('created_at').notNull(),
  updatedAt: time('updated_at').notNull(),
});

/** A way for a user to prove who they are: with `providerId` `credential`, a password hash. */
export const accounts = sqliteTable(
  'accounts',
  {
    id: text('id').primaryKey(),
    accountId: text('account_id').notNull(),
    providerId: text('provider_id').notNull(),
    userId: text('user_id')
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    accessToken: text('access_token'),
    refreshToken: text('refresh_token'),
    idToken: text('id_token'),
    accessTokenExpiresAt: time('access_token_expires_at'),
    refreshTokenExpiresAt: time('refresh_token_expires_at'),
    scope: text('scope'),
    password: text('password'),
    createdAt: time('created_at').notNull(),
    updatedAt: time('updated_at').notNull(),
  },
  (table) => [
    index('accounts_user').on(table.userId),
    uniqueIndex('accounts_provider_account').on(table.providerId, table.accountId),
  ],
);

/** A single-use value with an end, such as a password reset; its identifier is stored hashed. */
export const verifications = sqliteTable(
  'verifications',
  {
    id: text('id').primaryKey(),
    identifier: text('identifier').notNull(),
    value: text('value').notNull(),
    expiresAt: time('expires_at').notNull(),
    createdAt: time('created_at').notNull(),
    updatedAt: time('updated_at').notNull(),
  },
  (table) => [
    index('verifications_identifier').on(table.identifier),
    index('verifications_expires').on(table.expiresAt),
  ],
);

/** An organization that signed up. */
export const tenants = sqliteTable('tenants', {
  id: text('id').primaryKey(),
  name: text('name').notNull(),
  createdAt: time('created_at').notNull(),
});

/** A log-in that has not ended. `tenantId` is the tenant the person works in; a person may be a member of several. */
export const sessions = sqliteTable(
  'sessions',
  {
    id: text('id').primaryKey(),
    token: text('token').notNull().unique(),
    userId: text('user_id')
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    tenantId: text('tenant_id')
      .notNull()
      .references(() => tenants.id, { onDelete: 'cascade' }),
    ipAddress: text('ip_address'),
    userAgent: text('user_agent'),
    expiresAt: time('expires_at').notNull(),
    createdAt: time('created_at').notNull(),
    updatedAt: time('updated_at').notNull(),
  },
  (table) => [
    index('sessions_user').on(table.userId, table.tenantId),
    index('sessions_tenant').on(table.tenantId),
    index('sessions_expires').on(table.expiresAt),
  ],
);

/** Who belongs to which tenant, in which role. A member is named by their user id within the tenant. */
export const members = sqliteTable(
  'members',
  {
    tenantId: text('tenant_id')
      .notNull()
      .references(() => tenants.id, { onDelete: 'cascade' }),
    userId: text('user_id')
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    role: text('role', { enum: ROLES }).notNull(),
    createdAt: time('created_at').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.userId] }),
    index('members_user').on(table.userId, table.createdAt),
  ],
);

export const INVITATION_STATUSES = ['pending', 'accepted', 'revoked'] as const;

/** A place offered to an e-mail address. Whoever holds the token may take it, once; only the token's digest is stored. */
export const invitations = sqliteTable(
  'invitations',
  {
    id: text('id').primaryKey(),
    tenantId: text('tenant_id')
      .notNull()
      .references(() => tenants.id, { onDelete: 'cascade' }),
    email: text('email').notNull(),
    role: text('role', { enum: ROLES }).notNull(),
    tokenDigest: text('token_digest').notNull().unique(),
    status: text('status', { enum: INVITATION_STATUSES }).notNull(),
    invitedBy: text('invited_by'),
    expiresAt: time('expires_at').notNull(),
    createdAt: time('created_at').notNull(),
  },
  (table) => [index('invitations_tenant').on(table.tenantId, table.id)],
);

export const SWARM_STATUSES = ['creating', 'ready'] as const;

/** The swarms of each tenant. `creating` until the swarm object has answered; `firstKey` is the API key made with it. */
export const swarms = sqliteTable(
  'swarms',
  {
    id: text('id').primaryKey(),
    tenantId: text('tenant_id')
      .notNull()
      .references(() => tenants.id, { onDelete: 'cascade' }),
    name: text('name').notNull(),
    status: text('status', { enum: SWARM_STATUSES }).notNull(),
    firstKey: text('first_key').notNull(),
    createdAt: time('created_at').notNull(),
  },
  (table) => [uniqueIndex('swarms_tenant_name').on(table.tenantId, table.name)],
);

export const IMPORT_STATUSES = ['filling', 'sealed', 'deleted'] as const;

/** Swarms that were imported. What was found in the export stands here from `sealed` on; `keyId` is the key that opens it. */
export const imports = sqliteTable(
  'imports',
  {
    id: text('id').primaryKey(),
    tenantId: text('tenant_id')
      .notNull()
      .references(() => tenants.id, { onDelete: 'cascade' }),
    name: text('name').notNull(),
    status: text('status', { enum: IMPORT_STATUSES }).notNull(),
    keyId: text('key_id').notNull(),
    origin: text('origin'),
    size: integer('size'),
    head: text('head'),
    root: text('root'),
    stateHash: text('state_hash'),
    createdAt: time('created_at').notNull(),
  },
  (table) => [index('imports_tenant').on(table.tenantId, table.status)],
);

export const FORK_STATUSES = ['filling', 'ready', 'deleted'] as const;

/** Swarms that were forked from another of the tenant's. A deleted one keeps its place: its id never means another swarm. */
export const forks = sqliteTable(
  'forks',
  {
    id: text('id').primaryKey(),
    tenantId: text('tenant_id')
      .notNull()
      .references(() => tenants.id, { onDelete: 'cascade' }),
    name: text('name').notNull(),
    status: text('status', { enum: FORK_STATUSES }).notNull(),
    /** What was asked for: the moment, as it was said. */
    asked: text('asked').notNull(),
    keyId: text('key_id').notNull(),
    /** Of that key, with a space between each two. */
    scopes: text('scopes').notNull(),
    effects: text('effects', { enum: ['off', 'on'] }).notNull(),
    parentId: text('parent_id').notNull(),
    /** An import's is that of the original. */
    parentOrigin: text('parent_origin').notNull(),
    parentSeq: integer('parent_seq').notNull(),
    parentAt: time('parent_at').notNull(),
    parentHead: text('parent_head').notNull(),
    parentStateHash: text('parent_state_hash').notNull(),
    createdAt: time('created_at').notNull(),
  },
  (table) => [index('forks_tenant').on(table.tenantId, table.status)],
);

/** Sign-ups by idempotency key, kept for ever: keyed digests, so neither key nor password can be read or guessed here. */
export const signUps = sqliteTable('sign_ups', {
  keyDigest: text('key_digest').primaryKey(),
  bodyDigest: text('body_digest').notNull(),
  userId: text('user_id').notNull(),
  tenantId: text('tenant_id').notNull(),
  createdAt: time('created_at').notNull(),
});

/** Attempts at passwords, counted in a window per e-mail address and network address (keyed digests). */
export const attempts = sqliteTable(
  'attempts',
  {
    key: text('key').primaryKey(),
    count: integer('count').notNull(),
    endsAt: time('ends_at').notNull(),
  },
  (table) => [index('attempts_ends').on(table.endsAt)],
);

/** Where mail goes when no mail service is connected: the owner of the machine reads it here. */
export const outgoingMail = sqliteTable(
  'outgoing_mail',
  {
    id: text('id').primaryKey(),
    to: text('to').notNull(),
    subject: text('subject').notNull(),
    text: text('text').notNull(),
    createdAt: time('created_at').notNull(),
  },
  (table) => [index('outgoing_mail_created').on(table.createdAt)],
);

/** How better-auth's joins go from one table to the next; they make a log-in one read instead of two. */
export const userRelations = relations(users, ({ many }) => ({ accounts: many(accounts), sessions: many(sessions) }));
export const accountRelations = relations(accounts, ({ one }) => ({
  user: one(users, { fields: [accounts.userId], references: [users.id] }),
}));
export const sessionRelations = relations(sessions, ({ one }) => ({
  user: one(users, { fields: [sessions.userId], references: [users.id] }),
}));
