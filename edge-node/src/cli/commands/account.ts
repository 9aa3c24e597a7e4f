// signup, login, logout: how this machine comes by an API key, and how it lets go of it. A password comes from a person or
// from STARLING_PASSWORD, never from the command line, where others could see it.

import { hostname } from 'node:os';
import { z } from 'zod';
import { cutText } from '../../../../core/cut-text.ts';
import { ROLE_SCOPES, ROLES } from '../../../../core/keys/scopes.ts';
import type { Api, ApiRequest } from '../api.ts';
import { type CommandContext, fail, misused, print, readAnswer, refused } from '../command.ts';
import { writeConfig } from '../config.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';

const keyCharsMax = 1_000;
const made = z.object({ id: z.string(), secret: z.string() });
const named = z.object({ id: z.string(), name: z.string().optional() });
const signedUp = z.object({ tenant: named, swarm: named, user: z.object({ id: z.string() }), apiKey: made });
const loggedIn = z.object({
  tenant: named,
  swarm: named,
  role: z.enum(ROLES).optional(),
  token: z.string().optional(),
});

export async function signup(context: CommandContext): Promise<ExitCode> {
  const { flags, api, terminal } = context;
  const email = flags.one('email');
  const organization = flags.one('organization');
  if (email === undefined || organization === undefined) return misused(context, 'say --email and --organization');
  const password = await passwordOf(context, 'Choose a password: ');
  if (password === null)
    return misused(context, 'there is no password: set STARLING_PASSWORD, or run this in a terminal');
  const answer = await api.post('/v1/signup', { authorization: null, body: { email, password, organization } });
  if (!answer.ok) return refused(context, answer.error);
  const value = readAnswer(context, signedUp, answer.value);
  if (value === null) return EXIT.unreachable;
  const { tenant, swarm, apiKey } = value;
  writeConfig(terminal.env, { url: api.url, key: { ...apiKey, madeBy: 'signup' }, tenant: tenant.id, swarm: swarm.id });
  print(
    context,
    { ...value, url: api.url },
    `Signed up: tenant ${tenant.id}, swarm ${swarm.id}.\nYour API key, shown this once and kept in your configuration:\n  ${apiKey.secret}\n`,
  );
  return EXIT.ok;
}

export async function login(context: CommandContext): Promise<ExitCode> {
  return context.flags.has('with-key') ? loginWithKey(context) : loginWithPassword(context);
}

/** For machines: a key that somebody made, from standard input. */
async function loginWithKey(context: CommandContext): Promise<ExitCode> {
  const { terminal, api } = context;
  const secret = (await terminal.readAll(keyCharsMax))?.trim() ?? '';
  if (!/^sk_[\x21-\x7e]+$/.test(secret)) return misused(context, 'standard input does not hold an API key (sk_…)');
  const answer = await api.get('/v1/operations', { authorization: `Bearer ${secret}` });
  // A key that may not read tasks is still a key that is in force.
  if (!answer.ok && !(answer.error.kind === 'problem' && answer.error.code === 'scope_missing'))
    return refused(context, answer.error);
  writeConfig(terminal.env, { url: api.url, key: { id: null, secret, madeBy: 'hand' }, tenant: null, swarm: null });
  print(context, { url: api.url }, `The key is kept for ${api.url}.\n`);
  return EXIT.ok;
}

async function loginWithPassword(context: CommandContext): Promise<ExitCode> {
  const { flags, api, terminal } = context;
  const email = flags.one('email');
  if (email === undefined) return misused(context, 'say --email, or --with-key with an API key on standard input');
  const password = await passwordOf(context, 'Password: ');
  if (password === null)
    return misused(context, 'there is no password: set STARLING_PASSWORD, or run this in a terminal');
  const answer = await api.post('/v1/login', { authorization: null, body: { email, password } });
  if (!answer.ok) return refused(context, answer.error);
  const value = readAnswer(context, loggedIn, answer.value);
  if (value === null) return EXIT.unreachable;
  const session = sessionOf(api, value.token, answer.value.headers);
  const scopes = ROLE_SCOPES[value.role ?? 'admin'];
  const key = await api.post('/v1/keys', {
    ...session,
    body: { name: cutText(`starling on ${hostname()}`, 100), scopes },
  });
  // The session was for this alone; that it could not be ended is no reason to fail.
  await api.post('/v1/logout', session);
  if (!key.ok) return refused(context, key.error);
  const apiKey = readAnswer(context, made, key.value);
  if (apiKey === null) return EXIT.unreachable;
  const { tenant, swarm } = value;
  writeConfig(terminal.env, { url: api.url, key: { ...apiKey, madeBy: 'login' }, tenant: tenant.id, swarm: swarm.id });
  print(
    context,
    { tenant, swarm, key: { id: apiKey.id }, url: api.url },
    `Logged in: tenant ${tenant.id}, swarm ${swarm.id}.\n`,
  );
  return EXIT.ok;
}

/** What a log-in is good for: its token, or else its cookie, which only our own origin may use. */
function sessionOf(api: Api, token: string | undefined, headers: Headers): ApiRequest {
  if (token !== undefined) return { authorization: `Bearer ${token}` };
  const cookie = headers
    .getSetCookie()
    .map((line) => line.split(';', 1)[0])
    .join('; ');
  return { authorization: null, headers: { cookie, origin: api.url } };
}

export async function logout(context: CommandContext): Promise<ExitCode> {
  const { config, api, terminal } = context;
  const { key } = config;
  if (key === null) {
    print(context, { loggedOut: true }, 'Nobody was logged in.\n');
    return EXIT.ok;
  }
  // A key that log-in made is this machine's alone. The one of signing up may be in use elsewhere: it is only forgotten.
  if (key.madeBy === 'login' && key.id !== null && config.url === api.url) {
    const answer = await api.post(`/v1/keys/${key.id}/revoke`, { authorization: `Bearer ${key.secret}` });
    const isGone = !answer.ok && answer.error.kind === 'problem' && [401, 404, 409].includes(answer.error.status);
    if (!answer.ok && !isGone) return refused(context, answer.error);
  }
  writeConfig(terminal.env, { ...config, key: null, tenant: null, swarm: null });
  print(
    context,
    { loggedOut: true },
    key.madeBy === 'login'
      ? 'Logged out; the key is revoked.\n'
      : 'Logged out; the key is forgotten here, not revoked.\n',
  );
  return EXIT.ok;
}

async function passwordOf({ terminal }: CommandContext, prompt: string): Promise<string | null> {
  const password = terminal.env.STARLING_PASSWORD ?? (await terminal.askSecret(prompt));
  return password === null || password === '' ? null : password;
}

/** For commands that need a key and have none. */
export function signedOut(context: CommandContext): ExitCode {
  return fail(context, 'forbidden', {
    code: 'signed_out',
    message: `no key for ${context.api.url}: run \`starling signup\` or \`starling login\`, or set STARLING_API_KEY`,
  });
}
