// What one door takes, every later door takes: through HTTP, a delivery, a device's frame or the command line into the journal,
// out as an export, into an import, and through both verifiers.

import { spawnSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { factIdText } from '../../core/devices/fact-id.ts';
import type { DeviceId, TaskId } from '../../core/ids.ts';
import { signCheckpoint } from '../../core/journal/checkpoint.ts';
import { chain, GENESIS } from '../../core/journal/event.ts';
import { eventLine, exportHeader } from '../../core/journal/export-lines.ts';
import { leafOf, rootOf } from '../../core/journal/merkle.ts';
import { canonicalStored, type Json } from '../../core/json.ts';
import { createTask } from '../../core/wire/tasks.ts';
import { parseFact } from '../../durable-objects/squad/facts.ts';
import { readFrame } from '../../durable-objects/squad/read-frame.ts';
import { readInput } from '../../edge-node/src/cli/input.ts';
import { judgeBytes } from '../../edge-node/src/cli/proved-file.ts';
import { readJson } from '../../functions/api/middleware/body.ts';
import { verifyDelivery } from '../../functions/webhooks/verify.ts';
import { AnObject, exportOf } from '../exports/an-object.ts';
import { noPython } from '../verify/python.ts';
import { aDescription, aDid } from './builders.ts';
import { START } from './memory-swarm.ts';
import { StoreSwarm } from './store-swarm.ts';

const folder = mkdtempSync(join(tmpdir(), 'starling-doors-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Text of JSON as somebody might send it: whole or not, exact or not, a member twice or once. */
const units = fc.constantFrom(
  'a',
  'é',
  '\\u0000',
  '\\ud83d',
  '\\ude00',
  '\\ud83d\\ude00',
  '😀',
  '\\\\ud800',
  '\\"',
  ':',
  '{',
  '\\n',
);
const string = fc.array(units, { maxLength: 6 }).map((parts) => `"${parts.join('')}"`);
const number = fc.oneof(
  fc.constantFrom(
    '0',
    '-0',
    '1e400',
    '1e-400',
    '1E2',
    '9007199254740993',
    '9007199254740992',
    '0.1',
    '7615917337495251231.0',
  ),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
  fc.bigInt({ min: 0n, max: 10n ** 20n }).map(String),
);
const { value: jsonText } = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    string,
    number,
    fc.constantFrom('null', 'true'),
    fc.array(tie('value'), { maxLength: 3 }).map((all) => `[${all.join(',')}]`),
    fc
      .array(
        fc.tuple(fc.oneof(fc.constantFrom('"a"', '"\\u0061"', '"__proto__"', '"$result"'), string), tie('value')),
        { maxLength: 3 },
      )
      .map((all) => `{${all.map(([name, member]) => `${name}:${member}`).join(',')}}`),
  ),
}));

const SECRET = 'a secret of sixteen';
const trigger = 'trg_01kf2mab7x4h6k8n0p2r4t6w8y';

class Doors {
  readonly swarm = new StoreSwarm({ supplyMicro: 1_000_000_000 });
  readonly device: DeviceId;
  #seq = 0;

  constructor() {
    const { swarm } = this;
    const enrollment = swarm.do({ type: 'OpenEnrollment' }) as `enr_${string}`;
    const did = aDid();
    this.device = swarm.do({ type: 'EnrollDevice', enrollment, did, name: 'one' }) as DeviceId;
    const [device, connection] = [this.device, 'con_1'];
    swarm.do({ type: 'AdmitDevice', device, did, connection, epoch: 0, seq: 0 });
    this.says(JSON.stringify({ type: 'device.described', description: aDescription({ parallel: 64 }) }));
    swarm.do({
      ...{
        type: 'CreateTrigger',
        trigger,
        name: 't',
        preset: 'github',
        sealedSecret: 's',
        events: null,
        mission: null,
      },
      ...{
        generic: null,
        mapping: { '/value': '/value' },
        task: { operation: 'swarm.echo', input: { text: '{{/value}}' } },
      },
    });
  }

  /** Whether each door takes it; what it takes is in the journal. */
  async take(text: string): Promise<void> {
    const { swarm } = this;
    const headers = { 'content-type': 'application/json' };
    const body = `{"operation":"swarm.echo","input":${text}}`;
    const request = new Request('http://x/v1/tasks', { method: 'POST', headers, body });
    const read = await readJson(request, 1_000_000);
    const parsed = read.ok ? createTask.safeParse(read.value) : null;
    if (parsed?.success) swarm.do({ type: 'RequestTask', operation: 'swarm.echo', input: parsed.data.input });

    const typed = await readInput(text, { readAll: async () => null, cwd: '/' });
    // What the command line sends on, the API takes and means the same.
    expect(typed.ok).toBe(parsed?.success === true);
    if (typed.ok && parsed?.success) expect(canonicalStored(typed.value)).toBe(canonicalStored(parsed.data.input));

    const bytes = Buffer.from(`{"value":${text}}`);
    const signature = `sha256=${createHmac('sha256', SECRET).update(bytes).digest('hex')}`;
    const verified = verifyDelivery({
      ...{ preset: 'github', secret: SECRET, body: bytes, now: 0 },
      headers: new Headers({ 'x-hub-signature-256': signature, 'x-github-delivery': 'd', 'x-github-event': 'push' }),
    });
    if (verified.ok) {
      const { deliveryId: delivery, eventType, payload, inexact } = verified.value;
      const given = inexact === null ? {} : { inexact };
      swarm.execute({ type: 'FireTrigger', trigger, delivery, eventType, payload, ...given });
    }

    this.says(`{"type":"device.reported","version":1,"reported":{"value":${text}}}`);
    const task = swarm.do({ type: 'RequestTask', operation: 'text.summarize', input: 1 }) as TaskId;
    const attempt = swarm.row('task', task).attempts.at(-1);
    const said = { attempt: attempt?.id, task, fence: attempt?.n };
    this.says(
      JSON.stringify({ type: 'attempt.succeeded', ...said, durationMs: 1, result: 0 }).replace(
        '"result":0',
        `"result":${text}`,
      ),
    );
    if (swarm.row('task', task).state === 'leased') swarm.do({ type: 'CancelTask', task });
  }

  says(body: string): void {
    const seq = ++this.#seq;
    const read = readFrame(`{"type":"facts","epoch":1,"facts":[{"seq":${seq},"at":1,"body":${body}}]}`);
    if (!read.ok || read.value.type !== 'facts') throw new Error(`a bad frame: ${body}`);
    const fact = parseFact(read.value.facts[0], read.unfit.get(0) ?? null, false);
    if (fact === null) throw new Error('no fact');
    const said = 'poison' in fact ? ({ type: 'poison', reason: fact.poison } as const) : fact.body;
    const actor = { kind: 'device', id: this.device } as const;
    const id = factIdText({ device: this.device, epoch: 1, seq });
    this.swarm.do({ type: 'TakeFact', device: this.device, epoch: 1, seq, body: said }, { actor, id });
  }
}

function python(file: string): number | null {
  return spawnSync('python3', ['docs/verify/verify.py', file], { encoding: 'utf8' }).status;
}

/** An export comes in, goes out again as the same bytes, and is proved by both verifiers. */
async function comesIn(bytes: Uint8Array): Promise<void> {
  const object = new AnObject();
  expect(await object.take(bytes)).toMatchObject({ ok: true });
  expect(Buffer.compare(await object.export(), bytes)).toBe(0);
  expect(await judgeBytes(bytes, {})).toMatchObject({ verdict: { ok: true } });
  object.close();
  if (noPython) return;
  const file = join(folder, 'export.ndjson');
  writeFileSync(file, bytes);
  expect(python(file)).toBe(0);
}

test('[DOOR-3] what one door takes, every later door takes: journal, export, import, both verifiers', async () => {
  const doors = new Doors();
  await fc.assert(
    fc.asyncProperty(jsonText, async (text) => {
      await doors.take(text);
    }),
    { numRuns: 150 },
  );
  const bodies = doors.swarm.store.events(1, 100_000).map(({ body }) => body);
  expect(bodies.some((body) => /\\ud[89a-f]/.test(body.replaceAll('\\\\', '')))).toBe(false);
  // Something of each door did come in, and something did not.
  for (const type of ['task.succeeded', 'trigger.fired', 'device.reported', 'fact.set_aside'])
    expect(
      doors.swarm.store.events(1, 100_000).some((event) => event.type === type),
      type,
    ).toBe(true);
  await comesIn(await exportOf(await doors.swarm.checkpoint(), doors.swarm.store));
}, 60_000);

test('[DOOR-2] half a pair that an earlier version stored still hashes, replays, goes out and comes in; a new one does not enter', async () => {
  const swarm = new StoreSwarm({ supplyMicro: 1_000_000_000 });
  const task = (input: Json) => ({ type: 'RequestTask', operation: 'swarm.echo', input }) as const;
  expect(swarm.code(task({ text: 'x\ud83d' }))).toBe('content_invalid');
  expect(swarm.code(task({ 'k\udc00': 1 }))).toBe('content_invalid');
  swarm.do(task({ text: 'HALF', zHALF: 1 }));
  await comesIn(withHalves(swarm));
});

/** The same journal as an earlier version would have written it, with half a pair in the place of a word. */
function withHalves({ store, keys, sql }: StoreSwarm): Buffer {
  const origin = store.origin() ?? '';
  let previous = GENESIS;
  const events = store.events(1, 1_000).map((event) => {
    const body = event.body.replaceAll('HALF', '\\ud83d');
    const chained = chain(origin, previous, event.seq, { ...event, body }, event);
    previous = chained.hash;
    return chained;
  });
  expect(sql.all(`SELECT 1 FROM journal WHERE body LIKE '%HALF%'`).length).toBeGreaterThan(0);
  const root = rootOf({ leaf: (n) => leafOf(events[n]?.hash ?? '') }, events.length);
  const checkpoint = {
    origin,
    size: events.length,
    head: previous,
    root: Buffer.from(root).toString('hex'),
    at: START,
  };
  const header = exportHeader(signCheckpoint(checkpoint, keys.privateKey, keys.publicKey));
  return Buffer.from([header, ...events.map((event) => eventLine(origin, event)), ''].join('\n'));
}
