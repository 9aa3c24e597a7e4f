import { createHmac } from 'node:crypto';
import { createRequire } from 'node:module';
import fc from 'fast-check';
import { Webhook } from 'standardwebhooks';
import { expect, test } from 'vitest';
import { applyMapping } from '../../core/triggers/mapping.ts';
import type { GenericSignature } from '../../core/wire/triggers.ts';
import { signDelivery } from '../../functions/webhooks/sign.ts';
import { newSecret, newSigner } from '../../functions/webhooks/signing-key.ts';
import { type DeliveryToVerify, toleranceMs, verifyDelivery } from '../../functions/webhooks/verify.ts';

const NOW = Date.parse('2026-11-20T12:00:00Z');
const hex = (secret: string, content: string, algorithm = 'sha256') =>
  createHmac(algorithm, secret).update(content).digest('hex');

type Given = Omit<DeliveryToVerify, 'headers' | 'body' | 'now'> & {
  headers: Record<string, string>;
  body: string | Uint8Array;
  now?: number;
};
const verify = ({ headers, body, now = NOW, ...rest }: Given) => {
  const bytes = typeof body === 'string' ? new TextEncoder().encode(body) : body;
  return verifyDelivery({ ...rest, headers: new Headers(headers), body: bytes, now });
};
/** The code of the refusal, or what was verified. */
const outcome = (given: Given) => {
  const verified = verify(given);
  if (!verified.ok) return verified.error.code;
  const { deliveryId, eventType, payload } = verified.value;
  return { deliveryId, eventType, payload };
};

// Standard Webhooks

const BODY = '{"type":"invoice.paid","data":{"naïve":"✓"}}';
const standardHeaders = (secret: string, at = NOW, body = BODY, id = 'msg_1') => ({
  'webhook-id': id,
  'webhook-timestamp': String(Math.floor(at / 1_000)),
  'webhook-signature': new Webhook(secret).sign(id, new Date(at), body),
});
const standard = (secret: string, headers: Record<string, string>, body: string | Uint8Array = BODY): Given => ({
  preset: 'standard-webhooks',
  secret,
  headers,
  body,
});

test('[VERIFY-1] what the standardwebhooks library signs is accepted, for every secret, id, time and body', () => {
  const secret = fc
    .uint8Array({ minLength: 24, maxLength: 64 })
    .map((bytes) => `whsec_${Buffer.from(bytes).toString('base64')}`);
  const id = fc.stringMatching(/^[!-~]{1,40}$/).filter((text) => !text.includes('.'));
  fc.assert(
    fc.property(
      secret,
      id,
      fc.integer({ min: -toleranceMs, max: toleranceMs - 1_000 }),
      fc.jsonValue(),
      (key, name, skew, value) => {
        const body = JSON.stringify({ type: 'a.b', value });
        const result = outcome(standard(key, standardHeaders(key, NOW + skew, body, name), body));
        expect(result).toEqual({ deliveryId: name, eventType: 'a.b', payload: JSON.parse(body) });
      },
    ),
    { numRuns: 1_000 },
  );
});

test('[VERIFY-1] one of several signatures is enough, so that a secret can be rotated', () => {
  const [old, present, other] = [newSecret(), newSecret(), newSecret()];
  const headers = standardHeaders(old);
  headers['webhook-signature'] =
    `v1a,AAAA v2,what ${standardHeaders(other)['webhook-signature']} ${standardHeaders(present)['webhook-signature']} ${headers['webhook-signature']}`;
  for (const secret of [old, present, old.slice('whsec_'.length)])
    expect(outcome(standard(secret, headers))).toMatchObject({ deliveryId: 'msg_1' });
  expect(outcome(standard(newSecret(), headers))).toBe('signature_invalid');
});

test('[VERIFY-1] a public key checks the v1a signature, and only that one', () => {
  const signer = newSigner();
  const signed = signDelivery({
    id: 'msg_1',
    at: NOW,
    body: BODY,
    secrets: [newSecret()],
    publicSigner: signer.secretKey,
  });
  expect(outcome(standard(signer.publicKey, signed))).toMatchObject({ deliveryId: 'msg_1', eventType: 'invoice.paid' });
  expect(outcome(standard(newSigner().publicKey, signed))).toBe('signature_invalid');
  expect(outcome(standard(signer.publicKey, signed, `${BODY} `))).toBe('signature_invalid');
  expect(outcome(standard(signer.publicKey, standardHeaders(newSecret())))).toBe('signature_invalid');
});

test('[VERIFY-2] a delivery five minutes away is accepted, and one second further refused, either way', () => {
  const secret = newSecret();
  const at = (seconds: number) => outcome(standard(secret, standardHeaders(secret, NOW + seconds * 1_000)));
  expect([at(-300), at(300)]).toMatchObject([{ deliveryId: 'msg_1' }, { deliveryId: 'msg_1' }]);
  expect([at(-301), at(301)]).toEqual(['timestamp_too_old', 'timestamp_too_old']);
});

test('[VERIFY-3] nothing is signed, or something else was: each header, the body and the secret count', () => {
  const secret = newSecret();
  const headers = standardHeaders(secret);
  for (const name of Object.keys(headers)) {
    const { [name as keyof typeof headers]: _, ...rest } = headers;
    expect(outcome(standard(secret, rest))).toBe('signature_missing');
  }
  const wrong: Given[] = [
    standard(secret, { ...headers, 'webhook-id': 'msg_2' }),
    standard(secret, { ...headers, 'webhook-timestamp': String(NOW / 1_000 + 1) }),
    standard(secret, { ...headers, 'webhook-timestamp': `${NOW / 1_000}.0` }),
    standard(secret, { ...headers, 'webhook-signature': headers['webhook-signature'].replace('v1,', 'v1a,') }),
    standard(secret, { ...headers, 'webhook-signature': 'v1,' }),
    standard(secret, { ...headers, 'webhook-signature': `${headers['webhook-signature']}A` }),
    standard(secret, headers, BODY.replace('paid', 'void')),
    standard(secret, headers, ''),
    standard('whsec_', headers),
    standard('', headers),
    standard('whsec_not base64', headers),
    standard('whpk_AAAA', { ...headers, 'webhook-signature': 'v1a,AAAA' }),
  ];
  expect(wrong.map(outcome)).toEqual(wrong.map(() => 'signature_invalid'));
});

test('[VERIFY-3] an empty key signs nothing, even if the sender used it', () => {
  const signature = `v1,${createHmac('sha256', '')
    .update(`msg_1.${NOW / 1_000}.${BODY}`)
    .digest('base64')}`;
  expect(outcome(standard('whsec_', { ...standardHeaders(newSecret()), 'webhook-signature': signature }))).toBe(
    'signature_invalid',
  );
});

test.each([
  ['no JSON', 'Hello, World!'],
  ['nothing', ''],
  ['bytes that are not UTF-8', new Uint8Array([0x22, 0xff, 0x22])],
  ['nesting past the limit', `${'['.repeat(65)}${']'.repeat(65)}`],
  ['nesting that would exhaust the stack', `${'['.repeat(400_000)}${']'.repeat(400_000)}`],
  ['a number past the largest', '{"n":1e999}'],
])('[VERIFY-4] a signed body of %s is no payload', (_, body) => {
  const bytes = typeof body === 'string' ? new TextEncoder().encode(body) : body;
  const signature = `sha256=${createHmac('sha256', 'secret').update(bytes).digest('hex')}`;
  const given: Given = {
    preset: 'github',
    secret: 'secret',
    headers: { 'x-hub-signature-256': signature, 'x-github-delivery': 'd' },
    body: bytes,
  };
  expect(outcome(given)).toBe('payload_invalid');
  expect(outcome({ ...given, secret: 'other' })).toBe('signature_invalid');
});

// GitHub

interface Example {
  readonly name: string;
  readonly examples: readonly unknown[];
}
const EXAMPLES: readonly Example[] = ['api.github.com', 'ghes-31', 'ghes-32', 'ghes-33', 'ghes-34', 'ghes-35'].flatMap(
  (host) => createRequire(import.meta.url)(`@octokit/webhooks-examples/${host}/index.json`),
);
const github = (body: string, event: string, more: Record<string, string> = {}): Given => ({
  preset: 'github',
  secret: "It's a Secret to Everybody",
  headers: {
    'x-hub-signature-256': `sha256=${hex("It's a Secret to Everybody", body)}`,
    'x-github-delivery': '72d3162e-cc78-11e3-81ab-4c9367dc0958',
    'x-github-event': event,
    'content-type': 'application/json',
    ...more,
  },
  body,
});

test('[VERIFY-5] every example payload of GitHub is accepted, as JSON and as a form, and can be mapped', () => {
  let count = 0;
  for (const { name, examples } of EXAMPLES) {
    for (const payload of examples) {
      const json = JSON.stringify(payload);
      const verified = {
        deliveryId: '72d3162e-cc78-11e3-81ab-4c9367dc0958',
        eventType: name,
        payload: JSON.parse(json),
      };
      expect(outcome(github(json, name))).toEqual(verified);
      const mapped = applyMapping(
        { text: '{{/action|done}} by {{/sender/login|nobody}}' },
        { '/all': '/sender' },
        verified.payload,
      );
      const hasSender = JSON.parse(json).sender !== undefined;
      expect(mapped.ok).toBe(hasSender);
      const form = { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' };
      expect(outcome(github(new URLSearchParams({ payload: json }).toString(), name, form))).toEqual(verified);
      count++;
    }
  }
  expect(count).toBe(726);
});

test('[VERIFY-5] the signature of GitHub’s own documentation holds', () => {
  const given = github('Hello, World!', 'ping');
  expect(given.headers['x-hub-signature-256']).toBe(
    'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17',
  );
  // It is signed, but no payload.
  expect(outcome(given)).toBe('payload_invalid');
});

test('[VERIFY-5] GitHub without a signature, with an old one, a wrong one, without an id or with two payloads is refused', () => {
  const form = { 'content-type': 'application/x-www-form-urlencoded' };
  expect(outcome(github('{}', 'ping', { 'x-hub-signature-256': '' }))).toBe('signature_missing');
  expect(
    outcome(github('{}', 'ping', { 'x-hub-signature-256': `sha1=${hex("It's a Secret to Everybody", '{}', 'sha1')}` })),
  ).toBe('signature_invalid');
  expect(outcome(github('{}', 'ping', { 'x-hub-signature-256': hex("It's a Secret to Everybody", '{}') }))).toBe(
    'signature_invalid',
  );
  expect(outcome(github('{}', 'ping', { 'x-hub-signature-256': 'sha256=zz' }))).toBe('signature_invalid');
  expect(outcome(github('{}', 'ping', { 'x-github-delivery': '' }))).toBe('payload_invalid');
  expect(outcome(github('{}', 'ping', { 'x-github-delivery': 'a b' }))).toBe('payload_invalid');
  expect(outcome(github('payload={}&payload={}', 'ping', form))).toBe('payload_invalid');
  expect(outcome(github('other={}', 'ping', form))).toBe('payload_invalid');
});

// Stripe

const STRIPE_BODY = '{"id":"evt_1","object":"event","type":"invoice.paid"}';
const stripe = (header: string, body = STRIPE_BODY): Given => ({
  preset: 'stripe',
  secret: 'whsec_test_secret',
  headers: header === '' ? {} : { 'stripe-signature': header },
  body,
});
const stripeSign = (at = NOW, body = STRIPE_BODY, secret = 'whsec_test_secret') => hex(secret, `${at / 1_000}.${body}`);

test('[VERIFY-6] Stripe’s scheme: t and v1 over time and body, several v1 while a secret is rotated, v0 not counted', () => {
  const verified = { deliveryId: 'evt_1', eventType: 'invoice.paid', payload: JSON.parse(STRIPE_BODY) };
  const t = `t=${NOW / 1_000}`;
  expect(outcome(stripe(`${t},v1=${stripeSign()},v0=00`))).toEqual(verified);
  expect(outcome(stripe(`${t}, v1=${stripeSign(NOW, STRIPE_BODY, 'whsec_old')}, v1=${stripeSign()}`))).toEqual(
    verified,
  );
  expect(outcome(stripe(`${t},v0=${stripeSign()}`))).toBe('signature_missing');
  expect(outcome(stripe(`v1=${stripeSign()}`))).toBe('signature_missing');
  expect(outcome(stripe(''))).toBe('signature_missing');
  expect(outcome(stripe(`t=${NOW / 1_000 + 1},v1=${stripeSign()}`))).toBe('signature_invalid');
  expect(outcome(stripe(`${t},v1=${stripeSign()}`, STRIPE_BODY.replace('evt_1', 'evt_2')))).toBe('signature_invalid');
  const late = NOW - toleranceMs - 1_000;
  expect(outcome(stripe(`t=${late / 1_000},v1=${stripeSign(late)}`))).toBe('timestamp_too_old');
  expect(outcome(stripe(`${t},v1=${stripeSign(NOW, '{"type":"x"}')}`, '{"type":"x"}'))).toBe('payload_invalid');
  expect(outcome(stripe(`${t},v1=${stripeSign(NOW, '[]')}`, '[]'))).toBe('payload_invalid');
});

// Any other sender

const generic: GenericSignature = {
  signatureHeader: 'X-Signature',
  algorithm: 'sha512',
  encoding: 'base64',
  prefix: 'sig:',
};
const signedBy = (algorithm: string, encoding: 'hex' | 'base64', content: string) =>
  createHmac(algorithm, 'generic secret').update(content).digest(encoding);
const other = (form: Partial<GenericSignature>, headers: Record<string, string>, body = '{"type":"made"}'): Given => ({
  preset: 'generic',
  generic: { ...generic, ...form },
  secret: 'generic secret',
  headers,
  body,
});

test('[VERIFY-7] a sender is checked as its trigger describes it', () => {
  const body = '{"type":"made"}';
  for (const algorithm of ['sha1', 'sha256', 'sha512'] as const) {
    for (const encoding of ['hex', 'base64'] as const) {
      const verified = outcome(
        other({ algorithm, encoding }, { 'x-signature': `sig:${signedBy(algorithm, encoding, body)}` }),
      );
      expect(verified).toMatchObject({ eventType: 'made', payload: { type: 'made' } });
      expect(verified).toHaveProperty('deliveryId', expect.stringMatching(/^sha256:[0-9a-f]{64}$/));
    }
  }
  const headers = {
    'x-signature': `sig:${signedBy('sha512', 'base64', body)}`,
    'x-id': 'one',
    'x-topic': 'orders/create',
  };
  expect(outcome(other({ idHeader: 'X-Id', eventHeader: 'X-Topic' }, headers))).toMatchObject({
    deliveryId: 'one',
    eventType: 'orders/create',
  });
  expect(outcome(other({ idHeader: 'X-Other' }, headers))).toBe('payload_invalid');
  expect(outcome(other({ prefix: '' }, headers))).toBe('signature_invalid');
  expect(outcome(other({ signatureHeader: 'X-Other' }, headers))).toBe('signature_missing');
  expect(outcome({ ...other({}, headers), generic: undefined })).toBe('signature_invalid');
});

test('[VERIFY-7] a time header is part of what is signed, in seconds or milliseconds', () => {
  const at = (time: number, signed = time) =>
    outcome(
      other(
        { timestampHeader: 'X-Time' },
        { 'x-time': String(time), 'x-signature': `sig:${signedBy('sha512', 'base64', `${signed}.{"type":"made"}`)}` },
      ),
    );
  expect(at(NOW / 1_000)).toMatchObject({ eventType: 'made' });
  expect(at(NOW + toleranceMs)).toMatchObject({ eventType: 'made' });
  expect(at(NOW + toleranceMs + 1)).toBe('timestamp_too_old');
  expect(at(NOW / 1_000, NOW / 1_000 - 1)).toBe('signature_invalid');
  expect(outcome(other({ timestampHeader: 'X-Time' }, { 'x-signature': 'sig:AA' }))).toBe('signature_missing');
});

test('[VERIFY-8] any headers and any body are answered, none throws, and none is accepted', () => {
  const header = fc.stringMatching(/^[ -~]{0,60}$/);
  const preset = fc.constantFrom<DeliveryToVerify['preset']>('standard-webhooks', 'github', 'stripe', 'generic');
  fc.assert(
    fc.property(
      preset,
      fc.string(),
      fc.array(header, { minLength: 4, maxLength: 4 }),
      fc.uint8Array(),
      (kind, secret, [a = '', b = '', c = '', d = ''], body) => {
        const headers = {
          'webhook-id': a,
          'webhook-timestamp': b,
          'webhook-signature': c,
          'x-hub-signature-256': c,
          'stripe-signature': d,
          'x-signature': c,
          'content-type': d,
        };
        const verified = verify({ preset: kind, generic, secret, headers, body });
        expect(verified.ok).toBe(false);
        if (!verified.ok && secret.length > 6) expect(verified.error.detail).not.toContain(secret);
      },
    ),
    { numRuns: 3_000 },
  );
});

// What a payload may hold, and what counts once

const hub = (body: string | Uint8Array, headers: Record<string, string> = {}): Given => ({
  preset: 'github',
  secret: GITHUB_SECRET_OF_DOORS,
  body,
  headers: {
    'x-hub-signature-256': `sha256=${createHmac('sha256', GITHUB_SECRET_OF_DOORS).update(body).digest('hex')}`,
    'x-github-delivery': 'd-1',
    'x-github-event': 'push',
    ...headers,
  },
});
const GITHUB_SECRET_OF_DOORS = 'a secret of the doors';
const form = { 'content-type': 'application/x-www-form-urlencoded' };

test.each([
  ['payload={"title":"Tür 😀 100"}', 'Tür 😀 100'],
  ['payload=%7B%22title%22%3A%22T%C3%BCr+%F0%9F%98%80%22%7D', 'Tür 😀'],
  ['other=1&payload={"title":"a%26b=c+d"}', 'a&b=c d'],
])('[VERIFY-5] the form %s is bytes, and then UTF-8', (body, title) => {
  expect(outcome(hub(body, form))).toMatchObject({ payload: { title } });
});

test.each([
  ['bytes that are no UTF-8', 'payload=%7B%22a%22%3A%22%FF%22%7D', form],
  ['two payloads', 'payload={}&payload={}', form],
  ['a member twice', '{"a":{"b":1,"b":2}}', {}],
  ['a number that is none', '{"a":1e999}', {}],
  ['an event type that is too long', '{}', { 'x-github-event': 'e'.repeat(257) }],
])('[VERIFY-4] [DOOR-1] %s is payload_invalid', (_, body, headers) => {
  expect(outcome(hub(body, headers))).toBe('payload_invalid');
});

test('[MAP-4] [DOOR-1] a number that no double keeps comes through in text as it is written, and is refused as a number', () => {
  const verified = verify(hub('{"id":7615917337495251231,"list":[{"a/b":1e-400}],"small":1}'));
  if (!verified.ok) throw new Error(verified.error.code);
  const { payload, inexact } = verified.value;
  expect(inexact).toEqual({ '/id': '7615917337495251231', '/list/0/a~1b': '1e-400' });
  const map = (template: string, mapping: Record<string, string> = {}) =>
    applyMapping({ text: template }, mapping, payload, inexact ?? {});
  expect(map('order {{/id}}, {{/small}}')).toEqual({ ok: true, value: { text: 'order 7615917337495251231, 1' } });
  expect(map('x', { '/n': '/small' })).toEqual({ ok: true, value: { text: 'x', n: 1 } });
  for (const refused of [
    map('x', { '/n': '/id' }),
    map('x', { '/n': '/list' }),
    map('{{/list}}'),
    map('{{}}', { '': '' }),
  ])
    expect(refused).toMatchObject({ ok: false, error: { code: 'mapping_failed' } });
});

test('[TRIGGER-7] where no id is signed, what is signed is known by its digest: for ever from GitHub, for a day from others', () => {
  const onceOf = (given: Given) => {
    const verified = verify(given);
    return verified.ok ? verified.value.once : verified.error.code;
  };
  const one = onceOf(hub('{"a":1}'));
  expect(one).toEqual({ digest: expect.stringMatching(/^[0-9a-f]{64}$/), keepMs: null });
  expect(onceOf(hub('{"a":1}', { 'x-github-delivery': 'd-2' }))).toEqual(one);
  expect(onceOf(hub('{"a":2}'))).not.toEqual(one);
  expect(onceOf(standard(SECRET_OF_DOORS, standardHeaders(SECRET_OF_DOORS)))).toBeNull();
});
const SECRET_OF_DOORS = newSecret();
