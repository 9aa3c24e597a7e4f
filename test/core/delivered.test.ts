import { expect, test } from 'vitest';
import { sameBodyMs } from '../../core/limits.ts';
import type { Once } from '../../core/swarm/service.ts';
import { StoreSwarm } from './store-swarm.ts';

const task = { operation: 'swarm.echo', input: 'x' } as const;
const digest = (n: number) => n.toString(16).padStart(32, '0');

function fire(swarm: StoreSwarm, id: string, once?: Once) {
  const command = {
    type: 'FireTrigger',
    trigger: 'trg_1',
    delivery: id,
    eventType: 'push',
    payload: { n: 1 },
  } as const;
  return swarm.send({ ...swarm.envelope(command, { id }), ...(once === undefined ? {} : { once }) });
}

function aSwarm(events: readonly string[] | null = null): StoreSwarm {
  const swarm = new StoreSwarm({ supplyMicro: 1_000_000 });
  const nothing = { mission: null, mapping: null, generic: null };
  swarm.do({
    type: 'CreateTrigger',
    trigger: 'trg_1',
    name: 't',
    preset: 'github',
    sealedSecret: 's',
    events,
    task,
    ...nothing,
  });
  return swarm;
}

const rows = (swarm: StoreSwarm) => swarm.sql.all<{ n: number }>('SELECT count(*) AS n FROM delivered')[0]?.n;
const answers = (swarm: StoreSwarm) => swarm.sql.all<{ n: number }>('SELECT count(*) AS n FROM answer')[0]?.n;

test('[TRIGGER-7] what was signed counts once, under whatever id it comes again, and leaves nothing behind', () => {
  const swarm = aSwarm();
  const once = { digest: digest(1), keepMs: null };
  const first = fire(swarm, 'hook:1', once);
  const [head, kept] = [swarm.store.head().seq, answers(swarm)];
  for (let n = 2; n < 50; n++) {
    swarm.now += sameBodyMs;
    const again = fire(swarm, `hook:${n}`, once);
    expect(again).toMatchObject({ replayed: true, result: { ok: true } });
    expect(again.result.ok && first.result.ok && again.result.value.id === first.result.value.id).toBe(true);
  }
  swarm.reopen();
  expect(fire(swarm, 'hook:x', once).replayed).toBe(true);
  expect([swarm.store.head().seq, answers(swarm), rows(swarm)]).toEqual([head, kept, 1]);
});

test('[TRIGGER-7] what fired nothing counts too: under another event type, which is not signed, it stays nothing', () => {
  const swarm = aSwarm(['issues']);
  const once = { digest: digest(1), keepMs: null };
  expect(fire(swarm, 'hook:1', once).result).toMatchObject({ ok: true, value: { id: 'trg_1' } });
  expect(fire(swarm, 'hook:2', once)).toMatchObject({ replayed: true, result: { ok: true, value: { id: 'trg_1' } } });
});

test('[TRIGGER-7] what is refused does not count: it may come again', () => {
  const swarm = aSwarm();
  const once = { digest: digest(1), keepMs: null };
  const wrong = { type: 'FireTrigger', trigger: 'trg_2', delivery: 'd', eventType: null, payload: 1 } as const;
  expect(swarm.send({ ...swarm.envelope(wrong), once }).result.ok).toBe(false);
  expect(fire(swarm, 'hook:1', once).replayed).toBe(false);
});

test('[TRIGGER-7] the same body counts again after a day, and what is over goes as the next ones come', () => {
  const swarm = aSwarm();
  const keepMs = sameBodyMs;
  for (let n = 0; n < 20; n++) fire(swarm, `hook:${n}`, { digest: digest(n), keepMs });
  swarm.now += sameBodyMs - 1;
  expect(fire(swarm, 'again', { digest: digest(0), keepMs }).replayed).toBe(true);
  swarm.now += 1;
  expect(fire(swarm, 'later', { digest: digest(0), keepMs }).replayed).toBe(false);
  for (let n = 100; n < 120; n++) fire(swarm, `hook:${n}`, { digest: digest(n), keepMs });
  expect(rows(swarm)).toBe(21);
  const { bytes = 0 } =
    swarm.sql.all<{ bytes: number }>('SELECT max(length(digest) + 8 + length(started)) AS bytes FROM delivered')[0] ??
    {};
  expect(bytes).toBeLessThanOrEqual(64);
});
