import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Json } from '../../core/json.ts';
import { applyMapping, checkMapping, mappedBytesMax, mappedDepthMax } from '../../core/triggers/mapping.ts';

const PULL = {
  action: 'opened',
  number: 7,
  draft: false,
  pull_request: { title: 'Fix <b>', body: null, labels: ['bug', 'core'], user: { login: 'ann' } },
  'a/b': { '~c': 1 },
};

const made = (template: Json, mapping?: Record<string, string>, payload: Json = PULL) => {
  const result = applyMapping(template, mapping, payload);
  return result.ok ? result.value : { refused: result.error };
};
const refusal = (reason: string, pointer: string, source?: string) => ({
  refused: { code: 'mapping_failed', reason, pointer, ...(source === undefined ? {} : { source }) },
});

test('[MAP-1] texts are filled in wherever they stand, and everything else stays as it is', () => {
  const template = {
    text: 'PR {{/number}}: {{/pull_request/title}}',
    deep: [{ who: '{{ /pull_request/user/login }}' }, 3, null, true],
  };
  expect(made(template)).toEqual({ text: 'PR 7: Fix <b>', deep: [{ who: 'ann' }, 3, null, true] });
});

test.each([
  ['{{/number}}', '7'],
  ['{{/draft}}', 'false'],
  ['{{/pull_request/labels}}', '["bug","core"]'],
  ['{{/pull_request/labels/1}}', 'core'],
  ['{{/a~1b/~0c}}', '1'],
  ['{{/pull_request/body|nothing said}}', 'nothing said'],
  ['{{/no/such|}}', ''],
  ['{{ /no/such | a|b }}', 'a|b'],
  ['\\{{/number}} {{/number}}', '{{/number}} 7'],
  ['}} {/number}', '}} {/number}'],
])('[MAP-1] the text %j becomes %j', (template, text) => {
  expect(made(template)).toBe(text);
});

test.each([
  ['{{/no/such}}', 'path_missing', '/no/such'],
  ['{{/pull_request/body}}', 'path_missing', '/pull_request/body'],
  ['{{/pull_request/labels/2}}', 'path_missing', '/pull_request/labels/2'],
  ['{{/pull_request/labels/01}}', 'path_missing', '/pull_request/labels/01'],
  ['{{/pull_request/labels/length}}', 'path_missing', '/pull_request/labels/length'],
  ['{{/constructor}}', 'path_missing', '/constructor'],
  ['{{/__proto__/x}}', 'path_missing', '/__proto__/x'],
  ['{{number}}', 'template_invalid', 'number'],
  ['{{}}', 'template_invalid', ''],
  ['{{/a~2}}', 'template_invalid', '/a~2'],
])('[MAP-2] the text %j is a clear rejection', (template, reason, source) => {
  expect(made({ deep: [template] })).toEqual(refusal(reason, '/deep/0', source));
});

test('[MAP-2] a placeholder without an end is a rejection', () => {
  expect(made('say {{/number')).toEqual(refusal('template_invalid', ''));
});

test('[MAP-1] a mapping keeps the type, makes objects on the way, and sets parents before members', () => {
  const mapping = {
    '/meta/pull/number': '/number',
    '/labels': '/pull_request/labels',
    '/labels/0': '/action',
    '/labels/-': '{{/number}}!',
    '/body': '/pull_request/body',
    '/whole~1part': '/a~1b',
  };
  expect(made({ text: 'x' }, mapping)).toEqual({
    text: 'x',
    meta: { pull: { number: 7 } },
    labels: ['opened', 'core', '7!'],
    body: null,
    'whole/part': { '~c': 1 },
  });
  expect(made('gone', { '': '/pull_request/labels' })).toEqual(['bug', 'core']);
});

test('[MAP-2] a mapping that reaches nothing, or through a value, is a clear rejection', () => {
  expect(made({}, { '/a': '/no' })).toEqual(refusal('path_missing', '/a', '/no'));
  expect(made({}, { '/a': 'number' })).toEqual(refusal('pointer_invalid', '/a'));
  expect(made({}, { a: '/number' })).toEqual(refusal('pointer_invalid', 'a'));
  expect(made({ a: 1 }, { '/a/b': '/number' })).toEqual(refusal('target_invalid', '/a/b'));
  expect(made({ a: [] }, { '/a/0': '/number' })).toEqual(refusal('target_invalid', '/a/0'));
  expect(made({ a: [1] }, { '/a/x': '/number' })).toEqual(refusal('target_invalid', '/a/x'));
  expect(made({}, { '/__proto__/polluted': '/number' })).toEqual(refusal('key_forbidden', '/__proto__/polluted'));
});

test('[MAP-3] what a payload brings is never read as a template', () => {
  const payload = { title: '{{/secret}} \\{{', secret: 's3cret' };
  expect(made({ text: '{{/title}}' }, { '/copy': '/title', '/again': 'x{{/title}}' }, payload)).toEqual({
    text: '{{/secret}} \\{{',
    copy: '{{/secret}} \\{{',
    again: 'x{{/secret}} \\{{',
  });
});

test('[MAP-3] a payload reaches no prototype and no result of another task', () => {
  const hostile: Json = JSON.parse('{"a":{"__proto__":{"polluted":1}},"b":[{"$result":"secret"}]}');
  expect(made({}, { '/a': '/a' }, hostile)).toEqual(refusal('key_forbidden', '/a', '/a'));
  expect(made({}, { '/b': '/b' }, hostile)).toEqual(refusal('key_forbidden', '/b', '/b'));
  expect(made(JSON.parse('{"x":{"__proto__":1}}'))).toEqual(refusal('key_forbidden', '/x/__proto__'));
  expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
  // A plan of the tenant's own may refer to results: only what comes from outside may not.
  expect(made({ $result: 'first' })).toEqual({ $result: 'first' });
});

test('[MAP-4] an input of 64 kB is made, and one byte more is refused', () => {
  const room = mappedBytesMax - '{"a":""}'.length;
  expect(made({ a: '{{/t}}' }, undefined, { t: 'x'.repeat(room) })).toEqual({ a: 'x'.repeat(room) });
  expect(made({ a: '{{/t}}' }, undefined, { t: 'x'.repeat(room + 1) })).toEqual(refusal('too_large', ''));
  expect(made({ a: '{{/t}}' }, undefined, { t: 'é'.repeat(room / 2 + 1) })).toEqual(refusal('too_large', ''));
});

test('[MAP-4] a small template that copies a large payload many times stops at the first copy', () => {
  const payload = { big: Object.fromEntries(Array.from({ length: 60_000 }, (_, i) => [`key${i}`, i])) };
  const mapping = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`/${i}`, '/big']));
  expect(made('{{/big}}'.repeat(5_000), undefined, payload)).toEqual(refusal('too_large', '', '/big'));
  expect(made({}, mapping, payload)).toEqual(refusal('too_large', '/0', '/big'));
});

test('[MAP-4] nesting is bounded in template, payload and pointer', () => {
  const nest = (depth: number): Json => (depth === 0 ? 1 : [nest(depth - 1)]);
  expect(made(nest(mappedDepthMax))).toEqual(nest(mappedDepthMax));
  expect(made(nest(mappedDepthMax + 1))).toMatchObject({ refused: { reason: 'too_deep' } });
  expect(made({}, { '/a': '' }, nest(mappedDepthMax + 1))).toEqual(refusal('too_deep', '/a', ''));
  expect(made({}, { '/a': '' }, nest(mappedDepthMax))).toEqual(refusal('too_deep', ''));
  expect(made({}, { ['/a'.repeat(33)]: '/number' })).toEqual(refusal('pointer_invalid', '/a'.repeat(33)));
  expect(checkMapping(nest(mappedDepthMax + 1), undefined).ok).toBe(false);
});

test('[MAP-4] numbers and texts that JSON cannot say again are refused', () => {
  const payload: Json = JSON.parse('{"n":1e999,"t":"\\ud800","o":{"\\ud800":1}}');
  for (const name of ['n', 't', 'o'])
    expect(made({}, { '/a': `/${name}` }, payload)).toEqual(refusal('value_invalid', '/a', `/${name}`));
  expect(made('{{/t}}', undefined, payload)).toEqual(refusal('value_invalid', '', '/t'));
});

test('[MAP-5] a template and mapping that cannot work are refused when the trigger is made', () => {
  expect(checkMapping({ a: '{{/b}}' }, { '/c': '/d', '/e': '{{/f|g}}' })).toEqual({ ok: true, value: true });
  const reasonOf = (template: Json, mapping?: Record<string, string>) => {
    const checked = checkMapping(template, mapping);
    return checked.ok ? 'ok' : `${checked.error.reason} ${checked.error.pointer}`;
  };
  expect(reasonOf({ a: ['{{b}}'] })).toBe('template_invalid /a/0');
  expect(reasonOf(JSON.parse('{"__proto__":1}'))).toBe('key_forbidden /__proto__');
  expect(reasonOf({}, { a: '/b' })).toBe('pointer_invalid a');
  expect(reasonOf({}, { '/a': 'b' })).toBe('pointer_invalid /a');
  expect(reasonOf({}, { '/a': '{{b' })).toBe('template_invalid /a');
  expect(reasonOf({}, { '/__proto__': '/b' })).toBe('key_forbidden /__proto__');
});

const key = fc.oneof(
  fc.string({ maxLength: 6 }),
  fc.constantFrom('a', 'b', '0', '-', '__proto__', 'constructor', '$result', '/', '~'),
);
const jsonValue = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constant(null),
    fc.boolean(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('{{/a}}', '{{/a|b}}', '\\{{', '{{', '}}', '{{/a/0}}{{/b|{{}}'),
    ),
    fc.array(tie('value'), { maxLength: 4 }),
    fc
      .array(fc.tuple(key, tie('value')), { maxLength: 4 })
      .map(
        (entries): Json =>
          JSON.parse(
            `{${entries.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(',')}}`,
          ),
      ),
  ),
})).value;
const pointer = fc
  .array(
    key.map((part) => part.replaceAll('~', '~0').replaceAll('/', '~1')),
    { maxLength: 4 },
  )
  .map((parts) => parts.map((part) => `/${part}`).join(''));
const mapping = fc.dictionary(pointer, fc.oneof(pointer, fc.constantFrom('{{/a}}', '{{/a|x}}', 'a', '{{')), {
  maxKeys: 5,
});

test('[MAP-1] a mapping is a function: it gives the same twice, changes neither template nor payload, and never throws', () => {
  fc.assert(
    fc.property(jsonValue, mapping, jsonValue, (template, map, payload) => {
      const before = JSON.stringify([template, map, payload]);
      const first = applyMapping(template, map, payload);
      expect(applyMapping(template, map, payload)).toEqual(first);
      expect(JSON.stringify([template, map, payload])).toBe(before);
      expect(Object.keys(Object.prototype)).toEqual([]);
      if (first.ok) {
        expect(JSON.parse(JSON.stringify(first.value))).toEqual(first.value);
        expect(JSON.stringify(first.value)).not.toContain('"__proto__":');
      } else expect(first.error.code).toBe('mapping_failed');
    }),
    { numRuns: 5_000 },
  );
});

test('[MAP-5] what the check refuses never works, and what it passes fails for the payload alone', () => {
  const ofPayload = ['path_missing', 'target_invalid', 'key_forbidden', 'value_invalid', 'too_large', 'too_deep'];
  fc.assert(
    fc.property(jsonValue, mapping, jsonValue, (template, map, payload) => {
      const checked = checkMapping(template, map);
      const result = applyMapping(template, map, payload);
      if (!checked.ok) expect(result.ok).toBe(false);
      else if (!result.ok) expect(ofPayload).toContain(result.error.reason);
    }),
    { numRuns: 5_000 },
  );
});

test('[MAP-1] a template without placeholders and mapping is given back, whatever the payload', () => {
  fc.assert(
    fc.property(jsonValue, jsonValue, (template, payload) => {
      fc.pre(
        !JSON.stringify(template).includes('{{') &&
          !JSON.stringify(template).includes('__proto__') &&
          JSON.stringify(template).isWellFormed(),
      );
      fc.pre(!/\\u[dD][89a-fA-F]/.test(JSON.stringify(template)));
      expect(applyMapping(template, undefined, payload)).toEqual({
        ok: true,
        value: JSON.parse(JSON.stringify(template)),
      });
    }),
    { numRuns: 1_000 },
  );
});
