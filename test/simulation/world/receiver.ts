// The sender of webhooks and their receiver in one: deliveries arrive, fail, are refused, or arrive and nobody hears of it.

import { Fault } from '../../../core/assert.ts';
import type { WebhookSenderPort } from '../../../core/swarm/service.ts';
import type { RealmView } from './surroundings.ts';

type SendRequest = Parameters<WebhookSenderPort['send']>[0];
type SendAnswer = Awaited<ReturnType<WebhookSenderPort['send']>>;

export interface Receiver {
  send(request: unknown): Promise<SendAnswer>;
  /** Deliveries that have arrived. */
  readonly seen: ReadonlySet<string>;
}

export function openReceiver(realm: RealmView): Receiver {
  const seen = new Set<string>();
  const { world } = realm;
  const { timeline, faults, random, network, findings } = world;

  /** What is told outside is in the journal, for good. */
  function check(body: string): void {
    const event = JSON.parse(body) as { seq: number; hash: string }; // as toCloudEvent writes it
    if (realm.model.hashes[event.seq - 1] !== event.hash)
      findings.add('lost', `${realm.model.origin} ${event.seq}`, 'a receiver was told of an event that is not durable');
  }
  return {
    seen,
    send(given) {
      const request = given as SendRequest; // from the object's own binding
      const asker = timeline.current();
      return new Promise((resolve, reject) => {
        realm.swarm.gate(() => {
          timeline.after(network.delayMs(), world.actor, () => {
            check(request.body);
            let answer: SendAnswer = { outcome: 'delivered', status: 200 };
            if (faults.strikes('receiver-failed'))
              answer = random.chance(0.05) ? { outcome: 'disabled', status: 410 } : { outcome: 'retry', status: 500 };
            else seen.add(request.delivery);
            const isSilent = faults.strikes('receiver-silent');
            timeline.after(network.delayMs(), asker, () => {
              if (world.plant.assumesDelivery) resolve({ outcome: 'delivered', status: 200 });
              else if (isSilent) reject(new Fault('no answer', { retryable: true }));
              else resolve(answer);
            });
          });
        });
      });
    },
  };
}
