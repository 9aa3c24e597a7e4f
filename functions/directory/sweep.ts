// Deletes what has ended: sessions, reset tokens, counters, kept mail. Called from the schedule; a sweep is bounded, and what
// it leaves the next one takes.

import { inArray, lt } from 'drizzle-orm';
import { type DirectoryDatabase, querying } from './database.ts';
import { outgoingMailMs, sweepRowsMax } from './limits.ts';
import { attempts, outgoingMail, sessions, verifications } from './schema.ts';

/** Returns how many rows were deleted. */
export async function sweepDirectory(deps: { readonly db: DirectoryDatabase; now(): number }): Promise<number> {
  const { db } = deps;
  const now = new Date(deps.now());
  const mailEnd = new Date(deps.now() - outgoingMailMs);
  return querying(async () => {
    const deleted = await db.batch([
      db
        .delete(sessions)
        .where(
          inArray(
            sessions.id,
            db.select({ id: sessions.id }).from(sessions).where(lt(sessions.expiresAt, now)).limit(sweepRowsMax),
          ),
        ),
      db
        .delete(verifications)
        .where(
          inArray(
            verifications.id,
            db
              .select({ id: verifications.id })
              .from(verifications)
              .where(lt(verifications.expiresAt, now))
              .limit(sweepRowsMax),
          ),
        ),
      db
        .delete(attempts)
        .where(
          inArray(
            attempts.key,
            db.select({ key: attempts.key }).from(attempts).where(lt(attempts.endsAt, now)).limit(sweepRowsMax),
          ),
        ),
      db
        .delete(outgoingMail)
        .where(
          inArray(
            outgoingMail.id,
            db
              .select({ id: outgoingMail.id })
              .from(outgoingMail)
              .where(lt(outgoingMail.createdAt, mailEnd))
              .limit(sweepRowsMax),
          ),
        ),
    ]);
    return deleted.reduce((sum, result) => sum + result.meta.changes, 0);
  });
}
