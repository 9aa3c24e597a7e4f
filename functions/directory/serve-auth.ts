// better-auth's own paths, `/api/auth/*`: those that are part of the product, and no other. What better-auth adds in a later
// release stays closed until it is named here.

import { resetRequest } from './auth.ts';
import { querying } from './database.ts';
import type { Directory } from './directory.ts';
import { sendPasswordReset } from './password-reset.ts';

const RESET = 'POST /request-password-reset';

const OPEN: ReadonlySet<string> = new Set([
  'POST /sign-in/email',
  'POST /sign-out',
  'GET /get-session',
  'GET /list-sessions',
  'POST /revoke-session',
  'POST /revoke-sessions',
  'POST /revoke-other-sessions',
  'POST /change-password',
  RESET,
  'POST /reset-password',
]);

/** The link of a reset mail; it leads on to the page that asked for the reset. */
const RESET_LINK = /^GET \/reset-password\/[\w-]{1,64}$/;

/**
 * Answers a request for `/api/auth/*` in better-auth's own shapes, or returns null for a path that is not open.
 * @throws Fault when the database fails
 */
export async function serveAuth(request: Request, directory: Directory): Promise<Response | null> {
  const { pathname } = new URL(request.url);
  if (!pathname.startsWith('/api/auth/')) return null;
  const path = `${request.method} ${pathname.slice('/api/auth'.length)}`;
  if (!OPEN.has(path) && !RESET_LINK.test(path)) return null;
  return querying(() => (path === RESET ? requestReset(request, directory) : directory.auth.handler(request)));
}

/** better-auth counts, checks and answers; what an address of ours needs comes after. */
async function requestReset(request: Request, directory: Directory): Promise<Response> {
  const asked = request.clone();
  const response = await directory.auth.handler(request);
  if (!response.ok) return response;
  const wanted = resetRequest.safeParse(await asked.json());
  if (wanted.success) directory.later(() => querying(() => sendPasswordReset(wanted.data, directory)));
  return response;
}
