// Turns a JSON value that is expected into one that is not: another type, an edge of a range, a member too many, a nest too deep.

import type { Random } from '../../simulation/random.ts';

type Json = unknown;

/** Text as it stands in a body: what no JSON value can say, too. */
export function mutatedText(value: Json, random: Random): string {
  let text = JSON.stringify(mutated(value, random)) ?? 'null';
  if (!random.chance(0.15)) return text;
  text = random.pick<() => string>([
    () => text.slice(0, random.between(0, text.length)),
    () => `${text}${random.pick([',', '}', 'x', '\u0000', text])}`,
    () => text.replace(/"[a-z]+":/i, (member) => `${member}1,${member}`),
    () =>
      text.replace(/\d+/, () => random.pick(['1e999', '-0', '01', '0x10', '1.', 'NaN', '1E400', `${'9'.repeat(400)}`])),
    () => `[${text}`,
    () => `\ufeff${text}`,
    () => text.replace(/"([^"]*)"/, (_, inner: string) => `"${inner}\\ud800"`),
    () => text.replace(/"([^"]*)"/, (_, inner: string) => `"${inner}\u0007"`),
    () => `/* c */${text}`,
    () => '['.repeat(random.pick([10, 1_000, 100_000])),
    () => `{"__proto__":${text}}`,
    () => '',
  ])();
  return text;
}

/** One to three changes at random places. */
export function mutated(value: Json, random: Random): Json {
  let changed = value;
  for (let n = random.between(0, 3); n > 0; n--) changed = changedSomewhere(changed, random, 0);
  return changed;
}

function changedSomewhere(value: Json, random: Random, depth: number): Json {
  const isInner = typeof value === 'object' && value !== null;
  if (!isInner || random.chance(0.2) || depth > 6) return changedHere(value, random);
  if (Array.isArray(value)) {
    if (value.length === 0) return [odd(random)];
    const at = random.between(0, value.length - 1);
    return value.map((item, n) => (n === at ? changedSomewhere(item, random, depth + 1) : item));
  }
  const entries = Object.entries(value);
  const entry = random.among(entries);
  if (entry === undefined) return { [oddName(random)]: odd(random) };
  const [name, inner] = entry;
  return { ...value, [name]: changedSomewhere(inner, random, depth + 1) };
}

function changedHere(value: Json, random: Random): Json {
  if (random.chance(0.5)) return odd(random);
  if (Array.isArray(value))
    return random.pick<() => Json>([
      () => [...value, ...value],
      () => [],
      () => [...value, odd(random)],
      () => manyOf(value[0] ?? null, random.pick([101, 201, 2_000])),
    ])();
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value);
    const [gone] = [random.among(entries)?.[0]];
    return random.pick<() => Json>([
      () => Object.fromEntries(entries.filter(([name]) => name !== gone)),
      () => ({ ...value, [oddName(random)]: odd(random) }),
      () => Object.fromEntries(entries.map(([name, inner]) => [name === gone ? name.toUpperCase() : name, inner])),
      () => ({}),
    ])();
  }
  if (typeof value === 'number')
    return random.pick([-value, value + 0.5, value * 1e9, -1, 0, 2 ** 53, Number.MAX_VALUE, 1e-320]);
  if (typeof value === 'string')
    return random.pick<() => Json>([
      () => value.slice(0, -1),
      () => `${value}${oddText(random)}`,
      () => value.toUpperCase(),
      () => value.slice(0, 200).repeat(random.pick([2, 100, 5_000])),
      () => ` ${value}`,
      () => '',
    ])();
  return odd(random);
}

/** The same so often, and as text not much longer than any body that is read. */
function manyOf(value: Json, count: number): Json {
  const chars = (JSON.stringify(value) ?? '').length + 1;
  return Array.from({ length: Math.min(count, Math.ceil(charsMax / chars)) }, () => value);
}
const charsMax = 2_000_000;

/** Something else, of any kind. */
export function odd(random: Random): Json {
  return random.pick<() => Json>([
    () => null,
    () => true,
    () => random.between(-2, 2),
    () => random.pick([2 ** 53, -(2 ** 53), 1e308, 0.1, 1_790_000_000_000, -1e300]),
    () => oddText(random),
    () => [],
    () => ({}),
    () => [[[[]]]],
    () => ({ a: { $result: 'words' } }),
    () => ({ $result: oddText(random) }),
    () => nest(random.pick([20, 70, 500])),
    () => Array.from({ length: 1_000 }, (_, n) => n),
    () => Object.fromEntries(Array.from({ length: 300 }, (_, n) => [`m${n}`, n])),
    () => 'x'.repeat(random.pick([301, 2_001, 70_000, 300_000])),
    () => '😀'.repeat(random.pick([50, 10_000])),
  ])();
}

function nest(depth: number): Json {
  let value: Json = 1;
  for (let n = 0; n < depth; n++) value = n % 2 === 0 ? [value] : { a: value };
  return value;
}

function oddName(random: Random): string {
  return random.pick(['x', '', '__proto__', 'constructor', 'toString', 'a/b~c', 'é', '\u0000', 'at', 'id', 'name']);
}

export function oddText(random: Random): string {
  return random.pick([
    '',
    ' ',
    'a',
    '\u0000',
    '\n',
    '\ud800',
    'e\u0301',
    '\u202e',
    '../../etc/passwd',
    "' OR 1=1 --",
    '%00',
    '{{ $.x }}',
    '$.a.b',
    '/a/0/-',
    'http://127.0.0.1:1/',
    'https://[::1]/',
    'file:///etc/passwd',
    '2026-02-30T00:00:00Z',
    '2026-11-20T25:61:61+99:99',
    '+275760-09-13T00:00:00.001Z',
    '9'.repeat(30),
    '-1',
    '1e5',
    'NaN',
    'undefined',
    'did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp',
    'tsk_01kf2m8z3n5q7r9t1v3x5z7a9b',
  ]);
}
