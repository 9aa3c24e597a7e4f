import { verify as verifySignature } from 'node:crypto';
import fc from 'fast-check';
import { Webhook } from 'standardwebhooks';
import { expect, test } from 'vitest';
import { secretsMax, signDelivery } from '../../functions/webhooks/sign.ts';
import { newSecret, newSigner, readPublicKey, readSecretKey } from '../../functions/webhooks/signing-key.ts';

const BODY = '{"type":"task.succeeded","data":{"text":"✓"}}';

test('[SIGN-1] the standardwebhooks library verifies what is signed, with any of the secrets in force', () => {
  const secrets = [newSecret(), newSecret(), newSecret()];
  const headers = signDelivery({ id: 'dlv_1', at: Date.now(), body: BODY, secrets });
  for (const secret of secrets) expect(new Webhook(secret).verify(BODY, headers)).toEqual(JSON.parse(BODY));
  expect(() => new Webhook(newSecret()).verify(BODY, headers)).toThrow();
  expect(() => new Webhook(secrets[0] ?? '').verify(BODY.replace('✓', 'x'), headers)).toThrow();
  expect(headers['webhook-signature']?.split(' ')).toHaveLength(3);
});

test('[SIGN-1] every body and id is signed as the library signs it', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme' }),
      fc.stringMatching(/^[A-Za-z0-9_-]{1,60}$/),
      fc.integer({ min: 0, max: 4e12 }),
      (body, id, at) => {
        const secret = newSecret();
        expect(signDelivery({ id, at, body, secrets: [secret] })).toEqual({
          'webhook-id': id,
          'webhook-timestamp': String(Math.floor(at / 1_000)),
          'webhook-signature': new Webhook(secret).sign(id, new Date(at), body),
        });
      },
    ),
    { numRuns: 1_000 },
  );
});

test('[SIGN-2] a v1a signature stands last, and its public key alone verifies it', () => {
  const signer = newSigner();
  expect(signer.publicKey).toMatch(/^whpk_[A-Za-z0-9+/]{43}=$/);
  expect(signer.secretKey).toMatch(/^whsk_[A-Za-z0-9+/]{86}==$/);
  const secret = newSecret();
  const headers = signDelivery({
    id: 'dlv_1',
    at: 1_700_000_000_123,
    body: BODY,
    secrets: [secret],
    publicSigner: signer.secretKey,
  });
  const [first, last] = headers['webhook-signature']?.split(' ') ?? [];
  expect(first).toMatch(/^v1,/);
  expect(last).toMatch(/^v1a,/);
  const publicKey = readPublicKey(signer.publicKey);
  const content = Buffer.from(`dlv_1.1700000000.${BODY}`);
  expect(publicKey && verifySignature(null, content, publicKey, Buffer.from(last?.slice(4) ?? '', 'base64'))).toBe(
    true,
  );
  // A seed alone, as some write it, gives the same signature.
  const seed = `whsk_${Buffer.from(signer.secretKey.slice(5), 'base64').subarray(0, 32).toString('base64')}`;
  expect(
    signDelivery({ id: 'dlv_1', at: 1_700_000_000_123, body: BODY, secrets: [secret], publicSigner: seed }),
  ).toEqual(headers);
  expect(
    signDelivery({ id: 'dlv_1', at: 0, body: BODY, secrets: [], publicSigner: seed })['webhook-signature'],
  ).toMatch(/^v1a,/);
});

test('[SIGN-3] what is not a key is not read as one', () => {
  for (const text of ['', 'whsk_', 'whsk_AAAA', 'whpk_AAAA', newSecret(), `whsk_${'A'.repeat(44)}`]) {
    expect([readSecretKey(text), readPublicKey(text)]).toEqual([null, null]);
  }
});

test.each([
  ['an id with a full stop', { id: 'dlv.1' }],
  ['an id with a blank', { id: 'dlv 1' }],
  ['no id', { id: '' }],
  ['no secret', { secrets: [] }],
  ['a secret that is not base64', { secrets: ['whsec_***'] }],
  ['too many secrets', { secrets: Array.from({ length: secretsMax + 1 }, newSecret) }],
  ['a signer that is not one', { publicSigner: 'whsk_AAAA' }],
])('[SIGN-3] %s is a defect, and its message tells no secret', (_, change) => {
  const given = { id: 'dlv_1', at: 0, body: BODY, secrets: [newSecret()], ...change };
  expect(() => signDelivery(given)).toThrow();
  expect(() => signDelivery(given)).not.toThrow(/whs[a-z]+_[A-Za-z0-9+/*]/);
});
