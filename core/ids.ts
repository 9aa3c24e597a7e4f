// Ids are prefixed and sort by time: `tsk_` and 26 characters of Crockford base32, 10 of milliseconds and 16 of entropy.
// Nothing here reads a clock or a random source: both arrive from the shell, so that a replay makes the same ids.

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
const TIME_CHARS = 10;
const ENTROPY_CHARS = 16;

/** Every kind of id, by its prefix. */
export const ID_PREFIXES = [
  'tnt',
  'swm',
  'usr',
  'key',
  'tsk',
  'att',
  'msn',
  'dev',
  'enr',
  'agt',
  'trf',
  'evt',
  'ord',
  'trg',
  'whk',
  'dlv',
  'req',
] as const;
export type IdPrefix = (typeof ID_PREFIXES)[number];
export type Id<P extends IdPrefix> = `${P}_${string}`;

export type TenantId = Id<'tnt'>;
export type SwarmId = Id<'swm'>;
export type UserId = Id<'usr'>;
export type KeyId = Id<'key'>;
export type TaskId = Id<'tsk'>;
export type AttemptId = Id<'att'>;
export type MissionId = Id<'msn'>;
export type DeviceId = Id<'dev'>;
export type EnrollmentId = Id<'enr'>;
export type TransferId = Id<'trf'>;
export type OrderId = Id<'ord'>;
export type TriggerId = Id<'trg'>;
export type WebhookId = Id<'whk'>;
export type DeliveryId = Id<'dlv'>;

/**
 * Makes an id from a time and entropy.
 * @param at milliseconds since the epoch
 * @param entropy 10 bytes; the same bytes give the same id
 */
export function newId<P extends IdPrefix>(prefix: P, at: number, entropy: Uint8Array): Id<P> {
  let time = '';
  let rest = at;
  for (let i = 0; i < TIME_CHARS; i++) {
    time = ALPHABET.charAt(rest % 32) + time;
    rest = Math.floor(rest / 32);
  }
  return `${prefix}_${time}${encodeBase32(entropy, ENTROPY_CHARS)}`;
}

/** The ids that one command may need, made from its time and entropy, each one the last plus one. */
export interface IdSource {
  next<P extends IdPrefix>(prefix: P): Id<P>;
  /** True when this source has made the id: then nobody else has, and no table holds it yet. */
  made(id: string): boolean;
}

/** @param entropy 10 bytes from the shell's random source, one draw per command */
export function idSource(at: number, entropy: Uint8Array): IdSource {
  const bytes = entropy.slice(0, 10);
  const made = new Set<string>();
  return {
    made: (id) => made.has(id),
    next(prefix) {
      const id = newId(prefix, at, bytes);
      for (let i = bytes.length - 1; i >= 0; i--) {
        const byte = ((bytes[i] ?? 0) + 1) & 0xff;
        bytes[i] = byte;
        if (byte !== 0) break;
      }
      made.add(id);
      return id;
    },
  };
}

/** True when `text` has the form of an id with this prefix. Says nothing about whether it exists. */
export function isId<P extends IdPrefix>(prefix: P, text: string): text is Id<P> {
  return (
    text.length === prefix.length + 1 + TIME_CHARS + ENTROPY_CHARS &&
    text.startsWith(`${prefix}_`) &&
    /^[0-9a-hjkmnp-tv-z]+$/.test(text.slice(prefix.length + 1))
  );
}

function encodeBase32(bytes: Uint8Array, chars: number): string {
  let text = '';
  let buffer = 0;
  let bits = 0;
  for (const byte of bytes) {
    buffer = (buffer << 8) | byte;
    bits += 8;
    while (bits >= 5 && text.length < chars) {
      bits -= 5;
      text += ALPHABET.charAt((buffer >> bits) & 31);
    }
    buffer &= (1 << bits) - 1;
  }
  return text.padEnd(chars, '0');
}
