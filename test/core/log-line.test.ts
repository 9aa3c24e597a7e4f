// Lines of the log: that no secret stands in them, whatever was handed over, and that they stay lines.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { mintToken } from '../../core/keys/token.ts';
import {
  LOG_LEVELS,
  lineCharsMax,
  loggerOf,
  logLine,
  REDACTED,
  redactText,
  textCharsMax,
} from '../../core/log-line.ts';
import { createLog } from '../../edge-node/src/log.ts';
import { newSecret, newSigner } from '../../functions/webhooks/signing-key.ts';

const key = new Uint8Array(32).fill(7);
const ids = { t: `tnt_${'0'.repeat(26)}`, s: `swm_${'0'.repeat(26)}` } as const;
/** Real tokens of ours, and the forms that others have. */
const SECRETS = [
  mintToken('sk', { ...ids, k: `key_${'0'.repeat(26)}`, p: ['admin'] }, key),
  mintToken('dvc', { ...ids, d: `dev_${'0'.repeat(26)}`, q: 1 }, key),
  mintToken('ent', { ...ids, e: `enr_${'0'.repeat(26)}` }, key),
  newSecret(),
  newSigner().secretKey,
  `Bearer ${'abcDEF0123456789'.repeat(2)}`,
  'basic dXNlcjpwYXNzd29yZA==',
  `eyJhbGciOiJIUzI1NiJ9.${'QWxhZGRpbjpvcGVuIHNlc2FtZQ'}.c2lnbmF0dXJlLW9mLWl0`,
  'AKIAIOSFODNN7EXAMPLE',
];
/** The part of a secret that must not come out: what stands behind its form's first word. */
const coreOf = (secret: string): string => secret.replace(/^(bearer|basic) /i, '').slice(-20);

const secret = fc.constantFrom(...SECRETS);
/** Texts in which a secret may stand: between words, or right against them. */
const around = fc.oneof(
  fc.string(),
  fc.constantFrom('', ' ', '"', '{"a":"', '; ', 'the key is ', '\n', '=', ':', 'https://x/?k=', '/', '(', '[', ','),
);
const planted = fc.tuple(around, secret, around).map(([before, one, after]) => ({
  // A word may not grow into the token's own first letters, as nobody could tell where it begins.
  text: `${/[A-Za-z0-9]$/.test(before) && !one.includes('_eyJ') && !one.startsWith('wh') ? `${before} ` : before}${one}${after.startsWith(' ') || after === '' ? after : ` ${after}`}`,
  secret: one,
}));
const deep = (leaf: fc.Arbitrary<unknown>) =>
  fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      leaf,
      fc.jsonValue(),
      fc.array(tie('value'), { maxLength: 4 }),
      fc.dictionary(fc.string(), tie('value'), { maxKeys: 4 }),
      leaf.map((text) => new Error(String(text))),
    ),
  })).value;

describe('secrets', () => {
  test('[LOG-1] planted anywhere, however deep, in values, names, errors and the event itself, never come out', () => {
    fc.assert(
      fc.property(planted, planted, fc.infiniteStream(fc.nat(3)), (one, two, choices) => {
        const place = (value: unknown, depth: number): unknown => {
          const choice = choices.next().value ?? 0;
          if (depth === 0 || choice === 0) return value;
          if (choice === 1) return [1, place(value, depth - 1)];
          if (choice === 2) return { [one.text]: 1, inner: place(value, depth - 1) };
          return new Error(String(value));
        };
        const line = logLine('error', two.text, { about: place(one.text, 6), [two.text]: one.text });
        expect(line).not.toContain(coreOf(one.secret));
        expect(line).not.toContain(coreOf(two.secret));
      }),
      { numRuns: 2_000 },
    );
  });

  test('[LOG-1] one whose beginning has grown into that of another form goes whole', () => {
    // Of the others nobody could tell where they begin.
    const told = SECRETS.filter((one) => one.includes('_eyJ') || one.startsWith('wh'));
    expect(told.length).toBeGreaterThan(4);
    for (const one of told) {
      for (const before of ['wh', 'whsec_', 'sk_', 'sk_0123456789', 'Bearer ', 'eyJ0']) {
        expect(redactText(`${before}${one}`), before).not.toContain(coreOf(one));
      }
    }
  });

  test('[LOG-1] do not come out of any mixture of values, and every line is one line of JSON', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), deep(planted.map(({ text }) => text))), (fields) => {
        const line = logLine('info', 'test', fields);
        for (const one of SECRETS) expect(line).not.toContain(coreOf(one));
        expect(line).not.toMatch(/[\n\r]/);
        expect(line.length).toBeLessThanOrEqual(lineCharsMax);
        expect(JSON.parse(line)).toMatchObject({ level: 'info', event: 'test' });
      }),
      { numRuns: 1_000 },
    );
  });

  test('[LOG-2] a line has no character that a terminal acts on or that cannot be seen', () => {
    const unseen = [
      '\n',
      '\r',
      '\u0000',
      '\u001b[31m',
      '\u007f',
      '\u0085',
      '\u009b2J',
      '\u2028',
      '\u2029',
      '\u202e',
      '\u2066',
    ];
    for (const text of unseen) {
      const planted = `a${text}{"level":"info","event":"forged"}`;
      const line = logLine('warn', planted, { [planted]: planted, inner: [planted, new Error(planted)] });
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for.
      expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/);
      expect(JSON.parse(line)).toMatchObject({ level: 'warn', event: planted, [planted]: planted });
    }
  });

  test('[LOG-1] do not come out of what names them, whatever they look like', () => {
    const names = [
      'password',
      'pass_word',
      'passphrase',
      'Authorization',
      'set-cookie',
      'apiKey',
      'api_key',
      'X-API-KEY',
      'secret',
      'sealedSecret',
      'token',
      'accessToken',
      'private_key',
      'signingKey',
      'credential',
      'signature',
      'AWS_SECRET_ACCESS_KEY',
    ];
    fc.assert(
      fc.property(
        fc.constantFrom(...names),
        fc.constantFrom('plain words', 4_711, { a: 'plain words' }),
        (name, value) => {
          const line = logLine('error', 'test', { [name]: value, list: [{ [name]: value }] });
          expect(line).not.toMatch(/plain words|4711/);
        },
      ),
      { numRuns: 500 },
    );
  });

  test('[LOG-1] leave what is no secret as it is', () => {
    for (const text of [
      'task_already_finished',
      'risk_assessment_of_something',
      'tsk_01kaw0v3x0ry8f6p2m4n7q9s1t',
      'sk_',
    ]) {
      expect(redactText(text)).toBe(text);
    }
    expect(JSON.parse(logLine('info', 'model', { input_tokens: 12, token: 12, requestId: 'req_1' }))).toEqual({
      level: 'info',
      event: 'model',
      input_tokens: 12,
      token: REDACTED,
      requestId: 'req_1',
    });
  });

  test('[LOG-1] do not come out of what a device says of itself, for people or for programs', () => {
    for (const json of [true, false]) {
      const lines: string[] = [];
      const log = createLog((line) => void lines.push(line), { json, now: () => 0 });
      for (const one of SECRETS) log('warn', `cannot connect with ${one}`, { url: `wss://x/?t=${one}`, n: 1 });
      for (const one of SECRETS) expect(lines.join('')).not.toContain(coreOf(one));
      expect(lines[0]).toContain(json ? '"n":1' : 'n=1');
    }
  });
});

describe('lines', () => {
  test('[LOG-2] are bounded: long texts are cut, many members are left out, depth ends, odd values are said or left out', () => {
    const cyclic: Record<string, unknown> = { a: 1 };
    cyclic.self = cyclic;
    const odd = {
      ...{ nothing: undefined, none: null, big: 12n, far: Number.POSITIVE_INFINITY, fn: () => 1, at: new Date(0) },
      ...{ map: new Map([['a', 1]]), bytes: new Uint8Array(3), bad: new Date(Number.NaN), symbol: Symbol('x') },
    };
    expect(JSON.parse(logLine('warn', 'odd', odd))).toEqual({
      ...{ level: 'warn', event: 'odd', none: null, big: '12', far: 'Infinity', at: '1970-01-01T00:00:00.000Z' },
      ...{ map: '[object]', bytes: '[object]', bad: null },
    });
    const { text } = JSON.parse(logLine('warn', 'long', { text: 'x'.repeat(1_000_000) }));
    expect(text).toHaveLength(textCharsMax + 1);
    expect(logLine('warn', 'cyclic', { cyclic })).toContain('[deep]');
    const many = Object.fromEntries(Array.from({ length: 1_000 }, (_, n) => [`m${n}`, 'x'.repeat(1_900)]));
    const line = JSON.parse(logLine('warn', 'many', { ...many, id: 'never reached', code: 'no' }));
    expect(line).toEqual({ level: 'warn', event: 'many', cut: true });
    expect(JSON.parse(logLine('warn', 'many', { id: 'kept', ...many }))).toMatchObject({ id: 'kept', cut: true });
  });

  test('[LOG-2] a field never takes the place of level and event, nor reaches a prototype', () => {
    const fields = JSON.parse('{"level":"info","event":"fine","__proto__":{"polluted":1}}');
    const line = JSON.parse(logLine('error', 'halted', fields));
    expect([line.level, line.event]).toEqual(['error', 'halted']);
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
  });

  test('[LOG-2] take no long time to search, whatever stands in them', () => {
    for (const piece of ['eyJ', 'sk_', 'bearer ', '-----BEGIN ', '://', 'whsec_', 'sk_eyJ.', 'AKIA', 'xoxb-']) {
      const began = performance.now();
      redactText(piece.repeat(100_000));
      expect(performance.now() - began).toBeLessThan(500);
    }
  });

  test.each([
    ['off', []],
    ['error', ['error']],
    ['warn', ['error', 'warn']],
    ['info', ['error', 'warn', 'info']],
    ['debug', ['error', 'warn', 'info']],
    [undefined, ['error', 'warn']],
    ['nonsense', ['error', 'warn']],
  ])('[LOG-3] with the setting %s are %j', (setting, levels) => {
    const said: string[] = [];
    const log = loggerOf(setting, (level, line) => {
      expect(JSON.parse(line)).toEqual({ level, event: 'test' });
      said.push(level);
    });
    for (const level of LOG_LEVELS) log(level, 'test');
    expect(said).toEqual(levels);
  });
});
