// Who a device is: an Ed25519 key that never leaves its home, and what its swarm gave it at enrolment.

import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';
import { Fault } from '../../core/assert.ts';
import { didFromPublicKey } from '../../core/devices/did.ts';
import { enrolledDevice } from '../../core/wire/enrollment.ts';
import { HOME_FILES, readPrivateFile, writePrivateFile } from './home.ts';

/** Bytes before the raw key in an Ed25519 SPKI. */
const spkiPrefixBytes = 12;

export interface Identity {
  readonly did: string;
  /** Ed25519 over UTF-8 text, base64url. */
  sign(text: string): string;
}

/** What enrolment left behind, as it stands in device.json. */
export const enrolment = enrolledDevice.extend({
  name: z.string().min(1).max(100),
  connectUrl: z.url({ protocol: /^(wss?|https?)$/ }),
});
export type Enrolment = z.infer<typeof enrolment>;

/** The key in this home; made now when there is none. */
export function openIdentity(home: string): Identity {
  const path = join(home, HOME_FILES.key);
  const pem = readPrivateFile(path);
  if (pem !== null) return identityOf(keyOf(pem, path));
  const { privateKey } = generateKeyPairSync('ed25519');
  writePrivateFile(path, privateKey.export({ format: 'pem', type: 'pkcs8' }).toString());
  return identityOf(privateKey);
}

function keyOf(pem: string, path: string): KeyObject {
  try {
    const key = createPrivateKey(pem);
    if (key.asymmetricKeyType === 'ed25519') return key;
  } catch {
    // Said below: what OpenSSL has to say about it helps nobody, and may quote the file.
  }
  throw new Fault(`${path} does not hold an Ed25519 private key`, { retryable: false });
}

function identityOf(key: KeyObject): Identity {
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' });
  return {
    did: didFromPublicKey(spki.subarray(spkiPrefixBytes)),
    sign: (text) => sign(null, Buffer.from(text), key).toString('base64url'),
  };
}

/** What this device was given at enrolment, or null when it is not enrolled. */
export function readEnrolment(home: string): Enrolment | null {
  const path = join(home, HOME_FILES.credential);
  const text = readPrivateFile(path);
  if (text === null) return null;
  const parsed = enrolment.safeParse(parseJson(text));
  if (!parsed.success) throw new Fault(`${path} is damaged: enrol this device again`, { retryable: false });
  return parsed.data;
}

export function writeEnrolment(home: string, value: Enrolment): void {
  writePrivateFile(join(home, HOME_FILES.credential), `${JSON.stringify(value, null, 2)}\n`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // The schema refuses it, in words that do not quote the file.
  }
}
