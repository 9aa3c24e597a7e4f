// A device's batch of facts, in one transaction. The squad repeats what it is not sure of; a fact that is committed already is
// checked against what it said the first time, and counts once [P2].

import { Defect } from '../../core/assert.ts';
import type { DeviceCommand } from '../../core/devices/commands.ts';
import { factCost } from '../../core/devices/fact-cost.ts';
import { factIdText } from '../../core/devices/fact-id.ts';
import type { FactBatch, FactsAnswer } from '../../core/devices/port.ts';
import type { DeviceId } from '../../core/ids.ts';
import type { Read } from '../../core/swarm/read.ts';
import type { Execute, Executed } from '../../core/swarm/service.ts';
import type { RefusedFact } from '../../core/wire/device.ts';
import type { DeviceShares } from './device-shares.ts';

export interface FactsDeps {
  readonly read: Read;
  readonly shares: DeviceShares;
  execute(commands: readonly Execute[]): readonly Executed[];
}

type TakesFact = Execute & { readonly command: Extract<DeviceCommand, { type: 'TakeFact' }> };

export function takeFacts(batch: FactBatch, { read, shares, execute }: FactsDeps): FactsAnswer {
  const { device, epoch, facts } = batch;
  const presence = read.row('presence', device);
  if (read.row('device', device)?.state !== 'enrolled' || presence === null)
    return { kind: 'refused', code: read.row('device', device) ? 'device_revoked' : 'device_unknown' };
  if (presence.epoch !== epoch) return { kind: 'refused', code: 'epoch_stale' };
  const first = facts[0]?.seq ?? presence.seq + 1;
  const inOrder = facts.every((fact, index) => fact.seq === first + index);
  if (first > presence.seq + 1 || !inOrder) return { kind: 'expected', epoch, seq: presence.seq + 1 };
  const fresh = facts.filter(({ seq }) => seq > presence.seq);
  const cost = fresh.reduce((sum, fact) => sum + ('body' in fact ? factCost(fact.body) : 1), 0);
  // Nothing of it is taken: the device keeps it all, and says it again more slowly.
  if (!shares.take(device, cost)) return { kind: 'refused', code: 'too_many_facts' };
  const executed = executeAll(
    facts.map((fact) => commandOf(fact, device, epoch)),
    execute,
  );
  const refused: RefusedFact[] = [];
  for (const [index, { result }] of executed.entries()) {
    const seq = first + index;
    if (result.ok) {
      const [, code] = result.value.id.split('refused:');
      if (code !== undefined && code !== 'already_so') refused.push({ seq, code });
    } else if (result.error.code === 'idempotency_key_reused') refused.push({ seq, code: 'fact_conflict' });
    else return { kind: 'refused', code: 'swarm_unavailable' };
  }
  return { kind: 'committed', epoch, seq: read.row('presence', device)?.seq ?? presence.seq, refused };
}

function commandOf(fact: FactBatch['facts'][number], device: DeviceId, epoch: number): TakesFact {
  const { seq } = fact;
  return {
    id: factIdText({ device, epoch, seq }),
    actor: { kind: 'device', id: device },
    ...('trace' in fact && fact.trace !== undefined ? { trace: fact.trace } : {}),
    command: {
      type: 'TakeFact',
      device,
      epoch,
      seq,
      body: 'poison' in fact ? { type: 'poison', reason: fact.poison } : fact.body,
    },
    remember: true,
  };
}

/** A batch whose transaction a defect has ended is taken fact by fact; the one that caused it is set aside [P11]. */
function executeAll(commands: readonly TakesFact[], execute: FactsDeps['execute']): readonly Executed[] {
  try {
    return execute(commands);
  } catch (cause) {
    if (!(cause instanceof Defect)) throw cause;
    const [only] = commands;
    if (only === undefined || commands.length > 1) return commands.flatMap((command) => executeAll([command], execute));
    return execute([{ ...only, command: { ...only.command, body: { type: 'poison', reason: 'defect' } } }]);
  }
}
