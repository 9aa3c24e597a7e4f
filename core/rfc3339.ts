// Times as RFC 3339 writes them: the one reader of every time that comes from outside [DOOR-6]. `Date.parse` reads days that are
// not, and takes them for others.

/** A time needs no more than that: `2026-11-20T16:00:00.123456789+01:00`. */
const charsMax = 40;
const FORM = /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d\d):(\d\d))$/;
const MINUTE_MS = 60_000;

/**
 * Milliseconds since the epoch; null for what is no time. A day has to be one of its month, a time of day one of a day, an
 * offset less than a day. A leap second (`:60`) is no time here: the clock of a swarm has none. Parts of a millisecond are cut.
 */
export function readTime(text: string): number | null {
  if (text.length > charsMax) return null;
  const found = FORM.exec(text);
  if (found === null) return null;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = found.slice(1, 7).map(Number);
  const offsetHours = Number(found[9] ?? 0);
  const offsetMinutes = Number(found[10] ?? 0);
  if (month < 1 || month > 12 || day < 1 || day > daysOf(year, month)) return null;
  if (hour > 23 || minute > 59 || second > 59 || offsetHours > 23 || offsetMinutes > 59) return null;
  const date = new Date(0);
  // Not Date.UTC: it takes the years before 100 for others.
  date.setUTCFullYear(year, month - 1, day);
  date.setUTCHours(hour, minute, second, Number((found[7] ?? '').padEnd(3, '0').slice(0, 3)));
  const offset = (offsetHours * 60 + offsetMinutes) * MINUTE_MS;
  return date.getTime() - (found[8] === '-' ? -offset : offset);
}

function daysOf(year: number, month: number): number {
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  if (month === 2) return isLeap ? 29 : 28;
  return [4, 6, 9, 11].includes(month) ? 30 : 31;
}
