// What is between programs: requests that arrive late, twice, in another order or not at all, and answers that are lost. Whoever
// asks hears an answer, or that there is none; never which of the two it was that got lost.

import { Fault } from '../../../core/assert.ts';
import type { FaultPlan } from '../faults/plan.ts';
import type { Random } from '../random.ts';
import { InstanceLost, type ObjectHost, type Outcome } from './object-host.ts';
import type { Actor, Timeline } from './virtual-time.ts';

export interface Network {
  readonly timeline: Timeline;
  delayMs(): number;
  /** Asks an object; `done` is called once, as a step of the asker, if the asker is still there. */
  ask(
    asker: Actor,
    target: ObjectHost,
    method: string,
    args: readonly unknown[],
    done: (outcome: Outcome) => void,
    /** Over HTTPS somebody on the way may send it twice; a call between objects is sent once. */
    mayRepeat?: boolean,
  ): void;
  /** An object's stub, as another object calls it: each call waits until what the caller wrote is durable. */
  stub(from: ObjectHost, target: () => ObjectHost): object;
}

const delayedMsMax = 20_000;

/** @param arrives hears of every request as it arrives */
export function openNetwork(
  timeline: Timeline,
  faults: FaultPlan,
  random: Random,
  arrives: (target: ObjectHost, method: string, args: readonly unknown[]) => void,
): Network {
  const latencyMs = random.between(1, 40);
  const delayMs = (): number => 1 + Math.floor(random.next() * latencyMs);
  const none = (): Outcome => ({ ok: false, error: new Fault('the network gave no answer', { retryable: true }) });
  /** When the last request to each target was sent and is to arrive. */
  const last = new WeakMap<ObjectHost, number>();

  const network: Network = {
    timeline,
    delayMs,
    ask(asker, target, method, args, done, mayRepeat = false) {
      let isOver = false;
      const end = (outcome: Outcome): void => {
        if (isOver) return;
        isOver = true;
        done(outcome);
      };
      if (faults.strikes('request-dropped')) {
        timeline.after(delayMs() * 2, asker, () => end(none()));
        return;
      }
      const send = (ms: number, isExtra: boolean): void => {
        const arrivesAt = timeline.now() + ms;
        if (arrivesAt < (last.get(target) ?? 0)) faults.count('request-reordered');
        last.set(target, Math.max(arrivesAt, last.get(target) ?? 0));
        timeline.after(ms, target.actor, () => {
          arrives(target, method, args);
          target.call(method, args, (outcome) => {
            if (isExtra) return;
            const lost = faults.strikes('reply-dropped') || (!outcome.ok && outcome.error instanceof InstanceLost);
            timeline.after(delayMs(), asker, () => end(lost ? none() : outcome));
          });
        });
      };
      const late = faults.strikes('request-delayed') ? Math.floor(random.next() * delayedMsMax) : 0;
      send(delayMs() + late, false);
      if (mayRepeat && faults.strikes('request-duplicated')) send(delayMs() + Math.floor(random.next() * 5_000), true);
    },
    stub: (from, target) =>
      new Proxy(
        {},
        {
          get: (_, method) =>
            typeof method !== 'string' || method === 'then'
              ? undefined
              : (...args: unknown[]) => {
                  const asker = timeline.current();
                  return new Promise((resolve, reject) => {
                    from.gate(() =>
                      network.ask(asker, target(), method, args, (outcome) => {
                        if (outcome.ok) resolve(outcome.value);
                        else reject(outcome.error);
                      }),
                    );
                  });
                },
        },
      ),
  };
  return network;
}
