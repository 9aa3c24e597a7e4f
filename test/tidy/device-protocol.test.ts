// docs/reference/device-protocol.md says what the schemas say: nothing is left out, and nothing is named that is not.

import { createPrivateKey, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { verifyByDid } from '../../core/devices/did.ts';
import { jsonDepthMax } from '../../core/json.ts';
import * as coreLimits from '../../core/limits.ts';
import { checkpoint } from '../../core/wire/checkpoint.ts';
import {
  type ChallengeText,
  CLOSE_CODES,
  deviceDescription,
  deviceFrame,
  FINAL_CLOSE_CODES,
  fact,
  factBody,
  offeredOperation,
  order,
  orderBody,
  PING,
  PONG,
  pingMsDefault,
  refusedFact,
  SUBPROTOCOL,
  squadFrame,
} from '../../core/wire/device.ts';
import { telemetryBatchBytesMax } from '../../core/wire/telemetry.ts';
import { PRIVACY_CLASSES } from '../../core/wire/terms.ts';
import { PROBLEM_CODES } from '../../durable-objects/squad/problems.ts';
import * as squadLimits from '../../durable-objects/squad/squad-limits.ts';

const read = (path: string) => readFileSync(`${import.meta.dirname}/../../${path}`, 'utf8');
const page = read('docs/reference/device-protocol.md');

/** The page's sections by their headings, each up to the next heading of any level. */
const sections = new Map(
  page
    .split(/^(?=#{1,3} )/m)
    .map((text) => [text.slice(0, text.indexOf('\n')), text.slice(text.indexOf('\n') + 1)] as const),
);

/** The cells of the first table of a section, without its head. */
function table(heading: string): string[][] {
  const section = sections.get(heading);
  expect(section, `the page has the section "${heading}"`).toBeDefined();
  const lines = (section ?? '').split('\n').filter((line) => line.startsWith('|'));
  return lines.slice(2).map((line) =>
    line
      .split(/(?<!\\)\|/)
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

const bare = (cell: string | undefined) => (cell ?? '').replaceAll('`', '');

/** The `###` headings between a `##` heading and the next. */
function headingsUnder(heading: string): string[] {
  const all = [...sections.keys()];
  const rest = all.slice(all.indexOf(heading) + 1);
  const end = rest.findIndex((other) => other.startsWith('## '));
  return rest.slice(0, end < 0 ? undefined : end).map((other) => other.slice('### '.length));
}

type Shape = Record<string, z.ZodType>;

/** Options of a discriminated union by the literal of their `type`. */
function optionsOf(union: { options: readonly { shape: object }[] }): Map<string, Shape> {
  return new Map(
    union.options.map(({ shape }) => {
      const { type, ...fields } = shape as Shape;
      return [String((type as z.ZodLiteral).value), fields];
    }),
  );
}

/** The bounds that a field's schema sets, ids aside: their form is one for all. */
function boundsOf(schema: z.ZodType): number[] {
  return boundsIn(z.toJSONSchema(schema, { unrepresentable: 'any' }));
}

function boundsIn(schema: z.core.JSONSchema.BaseSchema): number[] {
  const { minimum, maximum, exclusiveMinimum, maxLength, minItems, maxItems, items, description } = schema;
  if (description?.startsWith('An id') === true) return [];
  const bounds: unknown[] = [minimum, maximum, exclusiveMinimum, maxLength, minItems, maxItems];
  const own = bounds.filter((bound) => typeof bound === 'number' && Math.abs(bound) !== Number.MAX_SAFE_INTEGER);
  // Items that are objects have a table of their own.
  const ofItems = typeof items === 'object' && 'type' in items && items.type === 'string' ? boundsIn(items) : [];
  return [...own.map(Number), ...ofItems];
}

/** The table names exactly the fields of the shape, marks exactly the optional ones, and gives their bounds. */
function expectFields(heading: string, shape: Shape): void {
  const written = table(heading).map(([field, type = '']) => ({
    field: bare(field),
    optional: type.includes('optional'),
    bounds: [...type.replaceAll(/`[^`]*`/g, '').matchAll(/\d[\d,]*/g)].map(([text]) =>
      Number(text.replaceAll(',', '')),
    ),
  }));
  const real = Object.entries(shape).map(([field, schema]) => ({
    field,
    optional: schema instanceof z.ZodOptional,
    bounds: boundsOf(schema),
  }));
  const sorted = (rows: typeof real) =>
    rows
      .map((row) => ({ ...row, bounds: row.bounds.toSorted((a, b) => a - b) }))
      .toSorted((a, b) => (a.field < b.field ? -1 : 1));
  expect(sorted(written), heading).toEqual(sorted(real));
}

describe('the page of the device protocol', () => {
  const unions = [
    ['## Frames from the device', deviceFrame, []],
    ['## Frames from the squad', squadFrame, [['A checkpoint', checkpoint.shape]]],
    [
      '## Facts',
      factBody,
      [
        ['A fact', fact.shape],
        ['A refused fact', refusedFact.shape],
        ['A description', deviceDescription.shape],
        ['An offered operation', offeredOperation.shape],
        ['An error', factBody.options.find((option) => 'error' in option.shape)?.shape],
      ],
    ],
    ['## Orders', orderBody, [['An order', order.shape]]],
  ] as const;

  for (const [heading, union, extra] of unions) {
    it(`names every type and field under "${heading.slice(3)}", and no other`, () => {
      const options = optionsOf(union as unknown as { options: readonly { shape: object }[] });
      const headings = [...[...options.keys()].map((type) => `\`${type}\``), ...extra.map(([name]) => name)];
      expect(headingsUnder(heading).toSorted()).toEqual(headings.toSorted());
      for (const [type, fields] of options) expectFields(`### \`${type}\``, fields);
      for (const [name, shape] of extra) {
        const fields = shape as unknown as Shape;
        // The error's own shape is inside the field `error`.
        expectFields(`### ${name}`, name === 'An error' ? (fields.error as z.ZodObject).shape : fields);
      }
    });
  }

  it('names the privacy classes, loosest first', () => {
    const type = table('### A description').find(([field]) => bare(field) === 'privacy')?.[1] ?? '';
    expect([...type.matchAll(/`([^`]+)`/g)].map(([, name]) => name)).toEqual([...PRIVACY_CLASSES]);
  });

  it('names what is signed', () => {
    const fields: Record<keyof ChallengeText, true> = { protocol: true, audience: true, device: true, nonce: true };
    expect(table('### The signed text').map(([field]) => bare(field))).toEqual(Object.keys(fields));
  });

  it('lists every close code with its number, and marks the final ones', () => {
    const rows = table('## Close codes');
    expect(rows.map(([code, reason]) => [bare(reason), Number(code)])).toEqual(Object.entries(CLOSE_CODES));
    const final = rows.filter(([, , action]) => action?.startsWith('stops')).map(([code]) => Number(code));
    expect(final).toEqual(FINAL_CLOSE_CODES);
  });

  it('lists every problem, with a close code that exists', () => {
    const rows = table('## Problems');
    expect(rows.map(([code]) => bare(code))).toEqual([...PROBLEM_CODES]);
    for (const [code, , then] of rows) {
      const close = then?.match(/^closes (\d+)$/)?.[1];
      if (close === undefined) expect(then, code).toBe('stays open');
      else expect(Object.values(CLOSE_CODES), code).toContain(Number(close));
    }
  });

  it('lists the refusals of the upgrade as the code makes them', () => {
    const made = [...read('durable-objects/squad/upgrade.ts').matchAll(/problem\((\d{3}), '([a-z_]+)'/g)];
    expect(new Set(table('## Opening the socket').map(([status, code]) => `${status} ${bare(code)}`))).toEqual(
      new Set(made.map(([, status, code]) => `${status} ${code}`)),
    );
  });

  it('lists every limit that a device meets, with its value', () => {
    // How the squad keeps house; no device sees these.
    const internal = [
      'ordersExpiredPerWake',
      'poisonCharsMax',
      'factsCallCostMax',
      'reportsPerRound',
      'reportRoundsMax',
      'reportTriesMax',
      'reportRetryMsMin',
      'reportRetryMsMax',
      'reportGraceMs',
      'wakeGridMs',
    ];
    const ofSquad = Object.entries(squadLimits).filter(([name]) => !internal.includes(name));
    expect(ofSquad.length).toBe(Object.keys(squadLimits).length - internal.length);
    const inSchemas = read('core/wire/device.ts').match(/import \{([^}]*)\} from '\.\.\/limits\.ts'/)?.[1];
    const ofSchemas = (inSchemas ?? '').split(',').flatMap((name) => (name.trim() === '' ? [] : [name.trim()]));
    expect(ofSchemas).toContain('factsPerBatchMax');
    const limits = new Map<string, unknown>([
      ...ofSquad,
      ...ofSchemas.map((name) => [name, (coreLimits as Record<string, unknown>)[name]] as const),
      ...Object.entries({
        frameBytesMax: coreLimits.frameBytesMax,
        deviceFactsPerSecondMax: coreLimits.deviceFactsPerSecondMax,
        deviceFactsBurstMax: coreLimits.deviceFactsBurstMax,
        deviceBytesPerSecondMax: coreLimits.deviceBytesPerSecondMax,
        deviceBytesBurstMax: coreLimits.deviceBytesBurstMax,
        jsonDepthMax,
        telemetryBatchBytesMax,
        pingMsDefault,
      }),
    ]);
    const written = table('## Limits').map(
      ([name, value]) => [bare(name), Number(value?.match(/^[\d,]+/)?.[0].replaceAll(',', ''))] as const,
    );
    expect(new Map(written)).toEqual(limits);
    expect(written.length).toBe(limits.size);
  });

  it('every limit and problem that its text names is in its lists', () => {
    const limits = new Set(table('## Limits').map(([name]) => bare(name)));
    const named = [...page.matchAll(/`([a-z][A-Za-z]+(?:Max|Min|Ms|Cost|Default))`/g)].map(([, name]) => name ?? '');
    const fields = new Set(['pingMs', 'durationMs', 'leaseMs']);
    expect(named.filter((name) => !limits.has(name) && !fields.has(name))).toEqual([]);
  });

  it('says the words of the heartbeat and the subprotocol', () => {
    for (const word of [PING, PONG, SUBPROTOCOL]) expect(page).toContain(`\`${word}\``);
  });

  it('its example is a conversation in frames of the protocol', () => {
    const lines = (sections.get('## A connection from start to end') ?? '').match(/^[→←] .*$/gm) ?? [];
    expect(lines.length).toBeGreaterThan(8);
    const types = lines.map((line) => {
      const frame: unknown = JSON.parse(line.slice(2));
      if (line.startsWith('←')) return squadFrame.parse(frame).type;
      const sent = deviceFrame.parse(frame);
      if (sent.type === 'facts') for (const one of sent.facts) fact.parse(one);
      return sent.type;
    });
    expect(types.slice(0, 3)).toEqual(['challenge', 'prove', 'welcome']);
  });

  it('its signature holds, and the stated key makes it', () => {
    const text = page.match(/^\{"audience".*\}$/m)?.[0] ?? '';
    const proved = JSON.parse(page.match(/^→ (\{"type":"prove".*\})$/m)?.[1] ?? '');
    expect(verifyByDid(proved.did, text, proved.signature)).toBe(true);
    const seed = page.match(/`([0-9a-f]{64})`/)?.[1] ?? '';
    const der = Buffer.from(`302e020100300506032b657004220420${seed}`, 'hex');
    const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
    expect(sign(null, Buffer.from(text), key).toString('base64url')).toBe(proved.signature);
    const challenge = JSON.parse(page.match(/^← (\{"type":"challenge".*\})$/m)?.[1] ?? '');
    expect(JSON.parse(text)).toMatchObject({ nonce: challenge.nonce, audience: challenge.audience });
  });
});
