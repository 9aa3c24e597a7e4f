import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import fc from 'fast-check';
import { parquetReadObjects } from 'hyparquet';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type TelemetryRecord, telemetryRecordsMax } from '../../core/wire/telemetry.ts';
import { type ConsumeDeps, consumeTelemetry } from '../../functions/telemetry/consume.ts';
import { faultyObjectStore } from '../contract/faulty-object-store.ts';
import { memoryObjectStore } from '../contract/memory-object-store.ts';
import { aMessage, answersOf, aRecord, Delivered, device, NOON, swarm, tenant } from './queue-batch.ts';

let folder: string;
let duck: DuckDBInstance;

beforeAll(async () => {
  duck = await DuckDBInstance.create(':memory:');
});
afterAll(() => duck.closeSync());
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'telemetry-'));
});
afterEach(() => rm(folder, { recursive: true }));

/** Object storage as files, so that DuckDB reads what a bucket would hold. */
const disk: ConsumeDeps = {
  store: {
    async put(key, bytes) {
      await mkdir(dirname(join(folder, key)), { recursive: true });
      await writeFile(join(folder, key), bytes);
      return 'stored';
    },
  },
};
const keys = async () =>
  (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.parquet')).sort();

const ask = async (sql: string) => {
  const connection = await duck.connect();
  try {
    const from = `read_parquet('${folder}/telemetry/**/*.parquet', hive_partitioning = true)`;
    return (await connection.runAndReadAll(sql.replace('telemetry', from))).getRowObjectsJson();
  } finally {
    connection.closeSync();
  }
};

test('[TELEMETRY-1] DuckDB reads every column with its type, and tenant, swarm, date and hour from the path', async () => {
  const records: TelemetryRecord[] = [
    aRecord({ at: NOON - 5, value: 3.75, text: 'naïve ✓ "quoted"', attributes: { cell: 2, ok: true, unit: 'V' } }),
    { name: 'door.opened', at: NOON },
    aRecord({ value: 0, text: '', attributes: {} }),
    aRecord({ value: -1.5e-300 }),
  ];
  const message = new Delivered('m1', aMessage(records));
  expect(await consumeTelemetry({ messages: [message] }, disk)).toEqual({
    files: 1,
    rows: 4,
    acknowledged: 1,
    poison: 0,
    failed: 0,
  });
  expect(message.answers).toEqual(['ack']);
  expect(await keys()).toEqual([
    expect.stringMatching(
      new RegExp(`^telemetry/tenant=${tenant()}/swarm=${swarm()}/date=2026-11-20/hour=12/[0-9a-f]{32}\\.parquet$`),
    ),
  ]);

  const columns = await ask('describe select * from telemetry');
  expect(Object.fromEntries(columns.map(({ column_name, column_type }) => [column_name, column_type]))).toEqual({
    measured_at: 'TIMESTAMP',
    received_at: 'TIMESTAMP',
    device: 'VARCHAR',
    name: 'VARCHAR',
    value: 'DOUBLE',
    text: 'VARCHAR',
    attributes: 'JSON',
    message_id: 'VARCHAR',
    record: 'INTEGER',
    tenant: 'VARCHAR',
    swarm: 'VARCHAR',
    date: 'DATE',
    hour: 'BIGINT',
  });
  const shared = {
    received_at: '2026-11-20 12:34:56.789',
    device: device(),
    message_id: expect.stringMatching(/^[0-9a-f]{32}$/),
    tenant: tenant(),
    swarm: swarm(),
    date: '2026-11-20',
    hour: '12',
  };
  expect(await ask('select * from telemetry order by record')).toEqual([
    {
      ...shared,
      record: 0,
      measured_at: '2026-11-20 12:34:56.784',
      name: 'battery.voltage',
      value: 3.75,
      text: 'naïve ✓ "quoted"',
      attributes: '{"cell":2,"ok":true,"unit":"V"}',
    },
    {
      ...shared,
      record: 1,
      measured_at: '2026-11-20 12:34:56.789',
      name: 'door.opened',
      value: null,
      text: null,
      attributes: null,
    },
    {
      ...shared,
      record: 2,
      measured_at: '2026-11-20 12:34:55.789',
      name: 'battery.voltage',
      value: 0,
      text: '',
      attributes: '{}',
    },
    {
      ...shared,
      record: 3,
      measured_at: '2026-11-20 12:34:55.789',
      name: 'battery.voltage',
      value: -1.5e-300,
      text: null,
      attributes: null,
    },
  ]);
  expect(
    await ask(`select attributes->>'unit' as unit, (attributes->'cell')::int as cell from telemetry where record = 0`),
  ).toEqual([{ unit: 'V', cell: 2 }]);
});

/** As JSON carries them: it has no minus nought. */
const plain = (records: readonly TelemetryRecord[]): TelemetryRecord[] => JSON.parse(JSON.stringify(records));

test('[TELEMETRY-1] any valid batch is read back by DuckDB as it was sent', async () => {
  const text = fc.string({ unit: 'grapheme', maxLength: 20 });
  const number = fc.double({ noNaN: true, noDefaultInfinity: true });
  const record = fc.record(
    {
      name: fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_.:/-]{0,30}$/),
      at: fc.integer({ min: 0, max: 4_102_444_800_000 }),
      value: number,
      text,
      attributes: fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), fc.oneof(text, number, fc.boolean()), {
        maxKeys: 4,
      }),
    },
    { requiredKeys: ['name', 'at'] },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(record, { minLength: 1, maxLength: 20 }), async (records) => {
      await rm(join(folder, 'telemetry'), { recursive: true, force: true });
      await consumeTelemetry({ messages: [new Delivered('m1', aMessage(plain(records)))] }, disk);
      const rows = await ask(
        'select epoch_ms(measured_at)::double as time, name, value, text, attributes from telemetry order by record',
      );
      expect(
        rows.map((row) => ({
          ...row,
          attributes: row.attributes === null ? null : JSON.parse(String(row.attributes)),
        })),
      ).toEqual(
        plain(records).map(({ name, at: time, value = null, text: said = null, attributes = null }) => ({
          name,
          time,
          value,
          text: said,
          attributes,
        })),
      );
    }),
    { numRuns: 60 },
  );
});

test('[TELEMETRY-2] files lie by tenant, swarm and the hour in which their message was received, and partitions are counted', async () => {
  const hour = 3_600_000;
  const late = aRecord({ at: 0 });
  const messages = [
    new Delivered('m1', aMessage([aRecord(), late])),
    new Delivered('m2', aMessage([aRecord()], { device: device(2) })),
    new Delivered('m3', aMessage([aRecord()], { swarm: swarm(2) })),
    new Delivered('m4', aMessage([aRecord()], { tenant: tenant(2) })),
    new Delivered('m5', aMessage([aRecord()], { receivedAt: NOON + hour })),
    new Delivered('m6', aMessage([aRecord()], { receivedAt: NOON + 12 * hour })),
  ];
  expect(await consumeTelemetry({ messages }, disk)).toMatchObject({ files: 6, rows: 7, acknowledged: 6 });
  expect(answersOf(messages)).toEqual(messages.map(() => 'ack'));
  expect(
    await ask('select tenant, swarm, date, hour, count(*)::int as rows from telemetry group by all order by all'),
  ).toEqual([
    { tenant: tenant(1), swarm: swarm(1), date: '2026-11-20', hour: '12', rows: 3 },
    { tenant: tenant(1), swarm: swarm(1), date: '2026-11-20', hour: '13', rows: 1 },
    { tenant: tenant(1), swarm: swarm(1), date: '2026-11-21', hour: '00', rows: 1 },
    { tenant: tenant(1), swarm: swarm(2), date: '2026-11-20', hour: '12', rows: 1 },
    { tenant: tenant(2), swarm: swarm(1), date: '2026-11-20', hour: '12', rows: 1 },
  ]);
  // A filter on the path reads one file.
  expect(
    await ask(`select count(*)::int as rows from telemetry where tenant = '${tenant(2)}' and hour = '12'`),
  ).toEqual([{ rows: 1 }]);
});

test('[TELEMETRY-3] a message is acknowledged only after its file was written; one that failed comes again later, the others do not', async () => {
  const messages = [
    new Delivered('m1', aMessage([aRecord()])),
    new Delivered('m2', aMessage([aRecord()], { swarm: swarm(2) }), 4),
    new Delivered('m3', aMessage([aRecord()], { swarm: swarm(2), device: device(2) }), 20),
  ];
  const seen: string[][] = [];
  const consumed = await consumeTelemetry(
    { messages },
    {
      store: {
        async put(key, bytes, options) {
          seen.push(answersOf(messages));
          if (key.includes(swarm(2))) throw new Error('no room');
          return await disk.store.put(key, bytes, options);
        },
      },
    },
  );
  expect(consumed).toEqual({ files: 1, rows: 1, acknowledged: 1, poison: 0, failed: 2, fault: new Error('no room') });
  expect(seen[0]).toEqual(['', '', '']);
  expect(answersOf(messages)).toEqual(['ack', 'retry in 40 s', 'retry in 600 s']);
});

test('[TELEMETRY-4] a message delivered again writes the same object, whatever company it comes in', async () => {
  const bodies = [
    aMessage([aRecord(), aRecord({ value: 4 })]),
    aMessage([aRecord({ value: 5 })]),
    aMessage([aRecord({ value: 6 })]),
  ];
  const deliver = (...numbers: number[]) =>
    consumeTelemetry({ messages: numbers.map((n) => new Delivered(`m${n}`, bodies[n])) }, disk);
  await deliver(0, 1);
  const first = await keys();
  await deliver(1, 0);
  await deliver(0);
  expect(await keys()).toEqual(first);
  await deliver(1, 2);
  await deliver(2, 2, 0, 1);
  expect(await ask('select count(*)::int as rows, sum(value) as sum from telemetry')).toEqual([{ rows: 4, sum: 18.7 }]);
});

test('[TELEMETRY-4] a message that its sender put in twice, with its members in another order, is one object', async () => {
  const { batch, device: sender, ...rest } = aMessage([aRecord({ attributes: { a: 1, b: 2 } })]);
  const turned = { batch: { records: [{ ...aRecord(), attributes: { b: 2, a: 1 } }] }, device: sender, ...rest };
  await consumeTelemetry(
    { messages: [new Delivered('m1', { batch, device: sender, ...rest }), new Delivered('m2', turned)] },
    disk,
  );
  expect(await keys()).toHaveLength(1);
});

test('[TELEMETRY-4] messages that differ in anything are objects of their own', async () => {
  const messages = [
    aMessage([aRecord()]),
    aMessage([aRecord(), aRecord()]),
    aMessage([aRecord({ value: 4 })]),
    aMessage([aRecord({ at: NOON })]),
    aMessage([aRecord()], { device: device(2) }),
    aMessage([aRecord()], { receivedAt: NOON + 1 }),
  ];
  await consumeTelemetry({ messages: messages.map((body, n) => new Delivered(`m${n}`, body)) }, disk);
  expect(await keys()).toHaveLength(messages.length);
});

test('[TELEMETRY-4] whatever is delivered, in whatever batches, with whatever writes lost or unheard of, each row is there once', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 12 }),
      fc.array(fc.constantFrom('failing', 'done-but-timed-out', null, null), { minLength: 1, maxLength: 40 }),
      fc.integer({ min: 1, max: 5 }),
      async (count, faults, size) => {
        const memory = memoryObjectStore();
        let calls = 0;
        const store = faultyObjectStore(memory, {
          choose: () => faults[calls++] ?? null,
          below: () => 0,
          pause: async () => {},
        });
        const all = Array.from(
          { length: count },
          (_, n) => new Delivered(`m${n}`, aMessage([aRecord({ value: n }), aRecord({ value: -n })])),
        );
        let waiting = all;
        for (let round = 0; waiting.length > 0; round++) {
          expect(round).toBeLessThan(100);
          const batch = waiting.slice(0, size);
          await consumeTelemetry({ messages: batch }, { store });
          // What was acknowledged comes once more all the same, now and then, beside others.
          const again = batch.filter(({ answers }, n) => answers.at(-1) !== 'ack' || (round === 0 && n === 0));
          waiting = [...waiting.slice(size), ...again];
        }
        expect(memory.objects.size).toBe(count);
        const files = [...memory.objects.values()].map((bytes) => parquetReadObjects({ file: bytes.slice().buffer }));
        const values = (await Promise.all(files)).flat().map(({ value }) => value);
        expect(values.toSorted()).toEqual(all.flatMap((_, n) => [n, -n + 0]).toSorted());
      },
    ),
    { numRuns: 50 },
  );
});

test.each([
  ['null', null],
  ['a text', 'telemetry'],
  ['bytes', new ArrayBuffer(4)],
  ['no tenant', { ...aMessage([aRecord()]), tenant: undefined }],
  ['a tenant that leaves its folder', aMessage([aRecord()], { tenant: '../../tnt_x' as never })],
  ['a tenant that names a partition', aMessage([aRecord()], { tenant: `${tenant()}/swarm=x` as never })],
  ['a swarm that is none', aMessage([aRecord()], { swarm: 'main' as never })],
  ['a swarm with another prefix', aMessage([aRecord()], { swarm: tenant() as never })],
  ['an unknown member', { ...aMessage([aRecord()]), more: 1 }],
  ['a time that is none', aMessage([aRecord()], { receivedAt: 1e20 })],
  ['a batch without records', aMessage([])],
  ['a batch that is a list', aMessage([], { batch: [] as never })],
  ['a batch that is a text', aMessage([], { batch: '{"records":[]}' as never })],
  ['too many records', aMessage(Array.from({ length: 1_001 }, () => aRecord()))],
  ['a record with an unknown member', aMessage([{ ...aRecord(), unit: 'V' }])],
  ['a name with a blank', aMessage([aRecord({ name: 'a b' })])],
  ['a value that is a text', aMessage([{ ...aRecord(), value: '3.7' }])],
  ['a value past the largest', aMessage([aRecord({ value: Number.POSITIVE_INFINITY })])],
  ['a time before 1970', aMessage([aRecord({ at: -1 })])],
  ['an attribute that is an object', aMessage([{ ...aRecord(), attributes: { a: {} } }])],
  [
    'too many attributes',
    aMessage([aRecord({ attributes: Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`a${i}`, i])) })]),
  ],
])('[TELEMETRY-5] %s is poison: it is tried again ever more slowly, and holds nothing up', async (_, body) => {
  const messages = [
    new Delivered('m1', aMessage([aRecord({ value: 1 })])),
    new Delivered('m2', body),
    new Delivered('m3', aMessage([aRecord({ value: 2 })])),
  ];
  expect(await consumeTelemetry({ messages }, disk)).toMatchObject({
    files: 2,
    rows: 2,
    acknowledged: 2,
    poison: 1,
    failed: 0,
  });
  expect(answersOf(messages)).toEqual(['ack', 'retry in 5 s', 'ack']);
  expect(
    (await keys()).every((key) =>
      key.startsWith(`telemetry/tenant=${tenant()}/swarm=${swarm()}/date=2026-11-20/hour=12/`),
    ),
  ).toBe(true);
});

test('[TELEMETRY-6] a file holds one message, so a full batch of full messages needs no more memory at once than a few', async () => {
  const full = (n: number) =>
    Array.from({ length: telemetryRecordsMax }, (_, i) => ({ name: 'n', at: NOON + n, value: i }));
  const messages = Array.from({ length: 100 }, (_, n) => new Delivered(`m${n}`, aMessage(full(n))));
  let [open, most] = [0, 0];
  const store: ConsumeDeps['store'] = {
    async put(key, bytes, options) {
      open += 1;
      most = Math.max(most, open);
      const said = await disk.store.put(key, bytes, options);
      open -= 1;
      return said;
    },
  };
  expect(await consumeTelemetry({ messages }, { store })).toMatchObject({
    files: 100,
    rows: 100 * telemetryRecordsMax,
    acknowledged: 100,
  });
  expect(most).toBe(6);
  expect(
    await ask('select count(*)::int as rows, count(distinct (message_id, record))::int as different from telemetry'),
  ).toEqual([{ rows: 100 * telemetryRecordsMax, different: 100 * telemetryRecordsMax }]);
});

test('[TELEMETRY-6] no messages, no files', async () => {
  expect(await consumeTelemetry({ messages: [] }, disk)).toEqual({
    files: 0,
    rows: 0,
    acknowledged: 0,
    poison: 0,
    failed: 0,
  });
});
