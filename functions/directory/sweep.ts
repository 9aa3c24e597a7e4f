// Deletes what has ended: sessions, reset tokens, counters, kept mail, invitations. Called from the schedule; a sweep is
// bounded, and what it leaves the next one takes.

import { and, inArray, lt } from 'drizzle-orm';
import { type DirectoryDatabase, querying } from './database.ts';
import { invitationKeptMs, outgoingMailMs, sweepRoundsMax, sweepRowsMax } from './limits.ts';
import { attempts, invitations, outgoingMail, sessions, verifications } from './schema.ts';

export interface SweepDeps {
  readonly db: DirectoryDatabase;
  now(): number;
}

/** Returns how many rows were deleted. */
export async function sweepDirectory(deps: SweepDeps): Promise<number> {
  let swept = 0;
  for (let round = 0; round < sweepRoundsMax; round++) {
    const { deleted, isOver } = await sweepOnce(deps);
    swept += deleted;
    if (isOver) break;
  }
  return swept;
}

/** Takes so many rows from each table at most: a statement of D1 has a limit. It is over when no table had as many. */
async function sweepOnce(deps: SweepDeps): Promise<{ deleted: number; isOver: boolean }> {
  const { db } = deps;
  const now = new Date(deps.now());
  const invitationEnd = new Date(deps.now() - invitationKeptMs);
  const mailEnd = new Date(deps.now() - outgoingMailMs);
  return querying(async () => {
    const results = await db.batch([
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
      db.delete(invitations).where(
        inArray(
          invitations.id,
          db
            .select({ id: invitations.id })
            .from(invitations)
            .where(and(lt(invitations.createdAt, invitationEnd), lt(invitations.expiresAt, now)))
            .limit(sweepRowsMax),
        ),
      ),
    ]);
    const changes = results.map((result) => result.meta.changes);
    return { deleted: changes.reduce((sum, n) => sum + n, 0), isOver: changes.every((n) => n < sweepRowsMax) };
  });
}
