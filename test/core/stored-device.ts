// A device of a stored swarm and its facts, and the check that what is stored is what the journal says.

import { expect } from 'vitest';
import { canonical } from '../../core/json.ts';
import { replay } from '../../core/swarm/replay.ts';
import { KINDS } from '../../core/swarm/state.ts';
import { takeFacts } from '../../durable-objects/swarm/facts.ts';
import { aDescription, aDid, anOffer } from './builders.ts';
import { START } from './memory-swarm.ts';
import type { StoreSwarm } from './store-swarm.ts';

/** A device that is in; answers with its id. */
export function aStoredDevice(swarm: StoreSwarm): `dev_${string}` {
  const enrollment = swarm.do({ type: 'OpenEnrollment' }) as `enr_${string}`;
  const did = aDid();
  const device = swarm.do({ type: 'EnrollDevice', enrollment, did, name: 'x' }) as `dev_${string}`;
  swarm.do({ type: 'AdmitDevice', device, did, connection: 'con', epoch: 0, seq: 0 });
  facts(swarm, device, [
    { type: 'device.described', description: aDescription({ parallel: 4, operations: [anOffer()] }) },
  ]);
  return device;
}

/** A share that is never used up. */
export const ampleShares = { take: () => true };

/** The device's next facts, in one batch. */
export function facts(swarm: StoreSwarm, device: `dev_${string}`, bodies: readonly object[], from?: number) {
  const { epoch, seq } = swarm.row('presence', device);
  const first = from ?? seq + 1;
  const batch = { device, epoch, facts: bodies.map((body, n) => ({ seq: first + n, at: START, body: body as never })) };
  return takeFacts(batch, {
    read: swarm.store.read,
    shares: ampleShares,
    execute: (commands) => swarm.store.executeMany(commands).executed,
  });
}

/** Stored rows are what the journal says, and what is read. */
export function checkConsistent(swarm: StoreSwarm): void {
  const rows = replay(swarm.store.events(1, 1_000_000));
  for (const kind of KINDS) {
    const stored = swarm.sql.all<{ id: string; body: string }>(`SELECT id, body FROM ${kind} ORDER BY id`);
    const told = [...rows].filter(([key]) => key.startsWith(`${kind}/`)).sort(([a], [b]) => (a < b ? -1 : 1));
    expect(stored.map(({ id, body }) => [`${kind}/${id}`, canonical(JSON.parse(body))])).toEqual(
      told.map(([key, row]) => [key, canonical(row)]),
    );
    for (const { id, body } of stored)
      expect(canonical(swarm.store.read.row(kind, id))).toBe(canonical(JSON.parse(body)));
  }
  const last = swarm.sql.all<{ seq: number; hash: string }>(
    'SELECT seq, hash FROM journal ORDER BY seq DESC LIMIT 1',
  )[0];
  expect(swarm.store.head()).toEqual(last);
  expect(swarm.store.audit()).toBeNull();
}
