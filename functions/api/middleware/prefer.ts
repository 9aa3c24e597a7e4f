// `Prefer: wait=<seconds>` (RFC 7240): how long a client would like to wait for a task. A preference that cannot be read is
// no error; it is simply not applied.

import { waitSecondsMax } from '../../../core/limits.ts';

/** Seconds to wait, at most `waitSecondsMax`; null when the client does not ask. */
export function preferredWait(headers: Headers): number | null {
  const prefer = headers.get('prefer');
  if (prefer === null) return null;
  for (const preference of prefer.split(',', 20)) {
    const [token = '', ...parameters] = preference.split('=');
    if (token.trim().toLowerCase() !== 'wait') continue;
    const seconds = /^\s*"?(\d{1,9})"?\s*(;|$)/.exec(parameters.join('='))?.[1];
    // RFC 7240, section 2: when a preference stands twice, the first one counts.
    return seconds === undefined ? null : Math.min(Number(seconds), waitSecondsMax);
  }
  return null;
}
