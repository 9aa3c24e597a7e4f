// Somebody who asks: over HTTPS, with an id of their own for each thing that they want, again and again until there is an answer.

import type { Actor as CommandActor } from '../../../core/envelope.ts';
import type { SwarmCommand } from '../../../core/swarm/commands.ts';
import type { Execute, Executed } from '../../../core/swarm/service.ts';
import type { SwarmModel } from '../model/swarm-model.ts';
import type { Actor } from '../platform/virtual-time.ts';
import type { RealmView } from './surroundings.ts';

const retryMsMin = 200;
const retryMsMax = 20_000;
/** Refusals that are no answer: the same may be asked a little later, or with another key. */
const NO_ANSWER: ReadonlySet<string> = new Set([
  'breaker_open',
  'swarm_halted',
  'storage_full',
  'swarm_not_found',
  'key_revoked',
]);

export type Answered = (executed: Executed) => void;

/** The swarm that it asks, and what becomes of the answers. */
export interface Asked extends Pick<RealmView, 'world' | 'swarm'> {
  readonly model: Pick<SwarmModel, 'held' | 'answered'>;
}

export class Client {
  readonly actor: Actor = { isAlive: true, clockOffsetMs: 0 };
  /** As whom it asks. */
  as: CommandActor;
  /** Requests without an answer yet. */
  open = 0;
  readonly #realm: Asked;
  readonly #name: string;
  #count = 0;

  constructor(realm: Asked, name: string, as: CommandActor) {
    this.#realm = realm;
    this.#name = name;
    this.as = as;
  }

  /** Asks for something new. */
  ask(command: SwarmCommand, answered: Answered = () => {}): void {
    this.send({ id: `idem:${this.#name}:${++this.#count}`, actor: this.as, command, remember: true }, answered);
  }

  /** Asks, under this id, until there is an answer. */
  send(execute: Execute, answered: Answered = () => {}): void {
    this.open++;
    this.#try(execute, 0, answered);
  }

  /** Asks again for what was answered before: the answer must be the same. */
  repeat(id: string): void {
    const held = this.#realm.model.held.get(id);
    if (held) this.send({ ...held.execute, actor: this.as });
  }

  #try(execute: Execute, tries: number, answered: Answered): void {
    const { world, swarm, model } = this.#realm;
    world.network.ask(
      this.actor,
      swarm,
      'execute',
      [execute],
      (outcome) => {
        const executed = outcome.ok ? (outcome.value as Executed) : null; // what `execute` resolves to
        const code = executed === null ? 'none' : executed.result.ok ? '' : executed.result.error.code;
        if (executed === null || NO_ANSWER.has(code)) {
          if (code === 'key_revoked') {
            this.as = world.owner;
            execute = { ...execute, actor: this.as };
          }
          const ms = Math.min(retryMsMin * 2 ** tries, retryMsMax);
          world.timeline.after(ms * (0.5 + world.random.next() / 2), this.actor, () =>
            this.#try(execute, tries + 1, answered),
          );
          return;
        }
        this.open--;
        model.answered(execute, executed);
        answered(executed);
      },
      true,
    );
  }
}
