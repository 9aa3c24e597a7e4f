// Asking for a new password. The answer is the same for every address, and so is the work before it: better-auth only ever
// looks for an address that nobody has (auth.ts), and what an address of ours needs is done when the answer has left. What is
// done then takes two writes either way, so that a request right behind it learns nothing from waiting.

import { randomBytes } from 'node:crypto';
import { eq } from 'drizzle-orm';
import type { ResetRequest } from './auth.ts';
import type { Directory } from './directory.ts';
import { passwordResetMs } from './limits.ts';
import { passwordResetEmail } from './mail.ts';
import { users, verifications } from './schema.ts';

/** Finds whose address it is, makes the token and sends it to them. */
export async function sendPasswordReset({ email, redirectTo }: ResetRequest, directory: Directory): Promise<void> {
  const { db, auth, baseUrl, now } = directory;
  const [user] = await db
    .select({ id: users.id, email: users.email })
    .from(users)
    .where(eq(users.email, email.trim().toLowerCase()));
  const token = randomBytes(24).toString('base64url');
  const { internalAdapter } = await auth.$context;
  const made = await internalAdapter.createVerificationValue({
    value: user?.id ?? 'nobody',
    // Read by better-auth's own /reset-password.
    identifier: `reset-password:${token}`,
    expiresAt: new Date(now() + passwordResetMs),
  });
  if (!user) {
    await db.delete(verifications).where(eq(verifications.id, made.id));
    return;
  }
  const page = redirectTo === undefined ? null : encodeURIComponent(redirectTo);
  const link = page === null ? null : `${baseUrl}/api/auth/reset-password/${token}?callbackURL=${page}`;
  await directory.sendEmail(passwordResetEmail(user.email, token, link, baseUrl));
}
