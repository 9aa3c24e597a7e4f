// The limits of the directory, with their reasons. The limits of a swarm are in core/limits.ts.

/** RFC 5321: the longest address that mail can reach. */
export const emailCharsMax = 254;
/** NIST SP 800-63B: 8 at least; the upper end only stops someone from feeding megabytes to the hash. */
export const passwordCharsMin = 8;
export const passwordCharsMax = 128;
/** When too many passwords wait to be hashed, it is better in so many seconds: 17 of them take less than one. */
export const passwordsBusySeconds = 1;
/** A day, for what is counted by it. */
export const dayMs = 24 * 3_600_000;
/** Names are shown in one line. */
export const nameCharsMax = 100;
/** An `Idempotency-Key`. */
export const idempotencyKeyCharsMax = 255;

/** A log-in ends after so long; using it moves the end, at most once a day. */
export const sessionMs = 7 * 24 * 3_600_000;
export const sessionRenewMs = 24 * 3_600_000;
/** A session token is checked without a look-up, so for so long it outlives a log-out or a change of role. */
export const sessionTokenMs = 15 * 60_000;
export const sessionTokenCharsMax = 2_000;
/** Longest token of an invitation or a password reset that is looked at. */
export const secretTokenCharsMax = 100;

export const passwordResetMs = 3_600_000;
export const invitationMs = 7 * 24 * 3_600_000;
/** Open invitations of one tenant: more is a mailing. */
export const invitationsOpenMax = 200;
/** Invitations that one tenant makes in a day, those included that it took back: each is a mail to somebody who did not ask. */
export const invitationsPerDayMax = 500;
/** An invitation that was taken, was revoked or has expired is shown for so long after it was made. */
export const invitationKeptMs = 90 * 24 * 3_600_000;
export const membersMax = 1_000;

/** Mail that waits in D1 carries links that have long expired by then. */
export const outgoingMailMs = 7 * 24 * 3_600_000;
/** Rows that a sweep deletes from one table at a time, and how often at most: a day's sweep takes what a day can leave. */
export const sweepRowsMax = 1_000;
export const sweepRoundsMax = 200;
/** Expired counters of attempts that every attempt takes along: more than it adds. */
export const attemptsPrunedMax = 10;

/** So many attempts within so long. */
export interface AttemptRule {
  readonly max: number;
  readonly windowMs: number;
}

const minute = 60_000;

/**
 * Attempts at a password, by kind. `pair` counts one e-mail address from one network address, and what it refuses does not
 * count further: so a single stranger cannot lock a person out of everywhere, and many together get 100 guesses an hour.
 */
export const ATTEMPT_RULES = {
  login: {
    pair: { max: 10, windowMs: 15 * minute },
    email: { max: 100, windowMs: 60 * minute },
    address: { max: 100, windowMs: 15 * minute },
  },
  password_reset: {
    pair: { max: 3, windowMs: 15 * minute },
    email: { max: 10, windowMs: 60 * minute },
    address: { max: 30, windowMs: 15 * minute },
  },
} as const satisfies Record<string, Record<'pair' | 'email' | 'address', AttemptRule>>;
export type AttemptKind = keyof typeof ATTEMPT_RULES;
