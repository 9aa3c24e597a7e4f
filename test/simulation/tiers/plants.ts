// Bugs that the simulator must find. Each is planted in something that the product is given (its database, its clock, its port to
// another object, the platform's gate), so that the product's own code stays as it is.

import type { FactBatch, FactsAnswer, SwarmPort } from '../../../core/devices/port.ts';
import type { SqlValue } from '../../../durable-objects/sql-port.ts';
import type { ObjectHost } from '../platform/object-host.ts';
import type { Plant } from '../world/plant.ts';

interface Bug extends Plant {
  readonly idea: string;
}

const isAnswerRead = (query: string): boolean => /^SELECT id, digest, answer FROM answer/.test(query);
/** How long a bug of a window remembers. */
const windowMs = 10_000;

/** Rows of a statement that writes `(id, body)` pairs, changed by `change`; and the statement carried out. */
function changed(
  host: ObjectHost,
  query: string,
  bindings: readonly SqlValue[],
  table: string,
  change: (body: Record<string, unknown>, id: string) => Record<string, unknown> | null,
): unknown[] | undefined {
  if (!query.startsWith(`INSERT INTO ${table} (id, body)`)) return undefined;
  const next: SqlValue[] = [];
  for (let at = 0; at < bindings.length; at += 2) {
    const id = String(bindings[at]);
    const body = change(JSON.parse(String(bindings[at + 1])) as Record<string, unknown>, id); // the store's own row
    if (body !== null) next.push(id, JSON.stringify(body));
  }
  if (next.length === 0) return [];
  const rows = next.length / 2;
  const text = `INSERT INTO ${table} (id, body) VALUES ${Array(rows).fill('(?, ?)').join(', ')} ON CONFLICT (id) DO UPDATE SET body = excluded.body`;
  return host.database.exec(text, ...next);
}

/** The swarm as a squad sees it, with one method in another way. */
function stub(honest: SwarmPort, change: Partial<SwarmPort>): object {
  return new Proxy(change, { get: (own, name: keyof SwarmPort) => own[name] ?? honest[name] });
}

export const PLANTS = {
  'no-deduplication': {
    idea: 'no answer is remembered: what comes twice is done twice',
    exec: (host, query, bindings) =>
      isAnswerRead(query)
        ? []
        : query.startsWith('INSERT INTO answer')
          ? host.database.exec(query.replace('INSERT', 'INSERT OR REPLACE'), ...bindings)
          : undefined,
  },
  'windowed-deduplication': windowed(),
  'settled-twice': {
    idea: 'that a hold was settled is not written down: it can be ended again',
    exec: (host, query, bindings) =>
      changed(host, query, bindings, 'transfer', (body) =>
        body.state === 'settled' ? { ...body, state: 'pending' } : body,
      ),
  },
  'acknowledged-before-commit': { idea: 'answers leave before what was written is durable', isUngated: true },
  'device-clock-decides': {
    idea: 'the swarm takes the time from the facts of its devices',
    swarmStub: (honest, { swarm, world }) =>
      stub(honest, {
        reportFacts: (batch) => {
          const fact = batch.facts.at(-1);
          if (fact && 'at' in fact) swarm.actor.clockOffsetMs = fact.at - world.timeline.now();
          return honest.reportFacts(batch);
        },
      }),
  },
  'acknowledged-before-stored': {
    idea: 'a message of telemetry is deleted from its queue before its file is stored',
    acknowledgesEarly: true,
  },
  'outbox-lost-on-restart': {
    idea: 'what was to be told outside is gone when the object starts again',
    started: (host) => {
      if (host.kind === 'swarm') host.database.exec(`DELETE FROM outbox WHERE effect ->> '$.kind' = 'send'`);
    },
  },
  'epoch-not-fenced': {
    idea: 'a device that was rolled back goes on with numbers that were used, and its swarm lets it',
    swarmStub: (honest, { model }) =>
      stub(honest, {
        admitDevice: (admission) => {
          const counted = model.facts.counted(admission.device, admission.epoch);
          return honest.admitDevice({ ...admission, seq: Math.max(admission.seq, counted) });
        },
      }),
    outbox: (honest) => ({
      ...honest,
      welcome: (epoch, seq) => {
        const used = honest.claim();
        return honest.welcome(epoch, epoch === used.epoch ? Math.min(seq, used.seq) : seq);
      },
    }),
  },
  'head-kept-after-loss': {
    idea: 'an instance goes on with what it remembers when its storage has lost it',
    survivesLoss: true,
  },
  'hold-not-released': {
    idea: 'an account keeps what a hold that was given back had reserved',
    exec: (host, query, bindings) =>
      changed(host, query, bindings, 'account', (body, id) =>
        id === 'tenant' && body.heldMicro === 0 && Number(body.postedMicro) > 0 ? null : body,
      ),
  },
  'row-from-the-clock': {
    idea: 'a row holds the time at which it was written, not the time of its event',
    exec: (host, query, bindings) =>
      changed(host, query, bindings, 'task', (body) => ({ ...body, updatedAt: Number(body.updatedAt) + 1 })),
  },
  'set-aside-skipped': {
    idea: 'a fact that cannot be read is dropped instead of set aside',
    swarmStub: (honest) =>
      stub(honest, {
        reportFacts: (batch) =>
          honest.reportFacts({ ...batch, facts: batch.facts.filter((fact) => !('poison' in fact)) }),
      }),
  },
  'price-of-settlement': {
    idea: 'an attempt is paid at the price of now, not at the one that was agreed',
    exec: (host, query, bindings) => {
      if (query !== 'SELECT body FROM task WHERE id = ?') return undefined;
      return (host.database.exec(query, ...bindings) as { body: string }[]).map(({ body }) => {
        const task = JSON.parse(body) as { attempts: { route: string; priceMicro: number }[] }; // the store's own row
        for (const attempt of task.attempts) {
          const [route] = host.database.exec('SELECT body FROM route WHERE id = ?', attempt.route) as {
            body: string;
          }[];
          if (route)
            attempt.priceMicro = Math.min(
              attempt.priceMicro,
              (JSON.parse(route.body) as { priceMicro: number }).priceMicro,
            ); // the store's own row
        }
        return { body: JSON.stringify(task) };
      });
    },
  },
  'committed-by-the-squad': {
    idea: 'a squad acknowledges facts before its swarm has committed them',
    swarmStub: (honest) =>
      stub(honest, {
        reportFacts: async (batch: FactBatch): Promise<FactsAnswer> => {
          honest.reportFacts(batch).catch(() => {});
          return { kind: 'committed', epoch: batch.epoch, seq: batch.facts.at(-1)?.seq ?? 0, refused: [] };
        },
      }),
  },
  'alarm-not-rearmed': {
    idea: 'an alarm that the platform gave up is not set again when the object starts',
    forgetsAlarm: true,
  },
  'delivery-assumed': { idea: 'a delivery counts as delivered without an answer', assumesDelivery: true },
  'rows-gone-unread': {
    idea: 'events leave the tables before it is known what the storage has kept',
    storage: (honest) => {
      const given = new Map<string, Uint8Array>();
      return {
        ...honest,
        put: (key, bytes, options) => {
          if (!key.startsWith('journal/')) return honest.put(key, bytes, options);
          given.set(key, bytes);
          // A storage that keeps a part: who had looked would have seen it.
          return honest.put(key, bytes.slice(0, bytes.length / 2), options);
        },
        get: async (key) => {
          const own = key.endsWith('.parquet') ? given.get(key) : undefined;
          given.delete(key);
          return own ?? honest.get(key);
        },
      };
    },
  },
  'snapshot-believed': { idea: 'a part of a snapshot is believed whatever its hash is', believesChunks: true },
  'fork-keeps-answers': {
    idea: 'a fork knows what its parent has answered',
    forked: (fork, parent) => {
      const answers = parent.database.exec('SELECT id, digest, answer FROM answer') as Record<string, string>[]; // as asked
      for (const { id = '', digest = '', answer = '' } of answers)
        fork.database.exec('INSERT INTO answer (id, digest, answer) VALUES (?, ?, ?)', id, digest, answer);
    },
  },
  'fork-without-transfers': {
    idea: 'a fork begins with less than its parent had',
    exec: (_, query) => (query.startsWith('INSERT INTO transfer (id, body) SELECT') ? [] : undefined),
  },
  'import-unchecked': { idea: 'an export is taken without a look at its chain', skipsChain: true },
} as const satisfies Record<string, Bug>;
export type PlantName = keyof typeof PLANTS;

/** Answers are known for a while, and then no more. */
function windowed(): Bug {
  const asked = new Map<string, number>();
  return {
    idea: 'answers are remembered for ten seconds',
    exec: (host, query, bindings) => {
      const now = host.now();
      if (query.startsWith('INSERT INTO answer')) {
        for (let at = 0; at < bindings.length; at += 3) asked.set(`${host.name} ${String(bindings[at])}`, now);
        return host.database.exec(query.replace('INSERT', 'INSERT OR REPLACE'), ...bindings);
      }
      if (!isAnswerRead(query)) return undefined;
      const rows = host.database.exec(query, ...bindings) as { id: string }[];
      return rows.filter(({ id }) => now - (asked.get(`${host.name} ${id}`) ?? 0) < windowMs);
    },
  };
}
