// A fork, made while its parent goes on: filled from the parent's past by an object that is put away, crashes and loses its
// storage like any other. What it must be follows from the parent's events alone.

import type { NewFork } from '../../../core/forks/port.ts';
import { LEFT_OUT } from '../../../core/forks/state.ts';
import { kindOf, stateHash } from '../../../core/history/state-tree.ts';
import { type KeyId, newId, type SwarmId } from '../../../core/ids.ts';
import type { StoredEvent } from '../../../core/journal/event.ts';
import { type RowMap, replay } from '../../../core/swarm/replay.ts';
import { type Chain, type JournalLine, openChain } from '../model/chain.ts';
import { checkRows } from '../model/check-rows.ts';
import type { ObjectHost, Outcome } from '../platform/object-host.ts';
import { Client } from './client.ts';
import { type Kin, kinObjects } from './kin.ts';
import type { RealmView } from './surroundings.ts';

/** A swarm whose events an outsider has seen, and so its state at each of them. */
export interface Ancestor extends Kin {
  readonly origin: string;
  readonly hashes: readonly string[];
  stored(to: number): readonly StoredEvent[];
  rowsAt(seq: number): RowMap;
}

type Answered<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: { code: string } };
interface Moment {
  readonly moment: { readonly seq: number; readonly at: number; readonly hash: string };
  readonly stateHash: string;
}

const retryMs = 700;
const triesMax = 200;

export class Fork implements Ancestor {
  readonly swarmId: SwarmId;
  readonly origin: string;
  readonly swarm: ObjectHost;
  readonly past: ObjectHost;
  readonly chain: Chain;
  readonly parent: Ancestor;
  /** `asked`: its parent's moment is looked up; `given up`: nobody can say what that moment was. */
  state: 'asked' | 'filling' | 'ready' | 'given up' = 'asked';
  readonly #realm: RealmView;
  readonly #clerk: Client;
  readonly #key: KeyId;
  #seq = 0;
  #tries = 0;

  constructor(realm: RealmView, parent: Ancestor) {
    const { random, timeline, findings, owner } = realm.world;
    const id = () => Uint8Array.from({ length: 10 }, () => random.between(0, 255));
    this.#realm = realm;
    this.parent = parent;
    this.swarmId = newId('swm', timeline.now(), id());
    this.#key = newId('key', timeline.now(), id());
    this.origin = `${realm.tenant}/${this.swarmId}`;
    this.chain = openChain(this.origin, findings);
    const { swarm, past } = kinObjects(realm, this.swarmId);
    this.swarm = swarm;
    this.past = past;
    // As somebody who asks of the fork what they ask of any swarm.
    const answers = { held: new Map(), answered: () => {} };
    this.#clerk = new Client({ world: realm.world, swarm, model: answers }, `fork${this.swarmId}`, owner);
  }

  get hashes(): readonly string[] {
    return this.chain.hashes;
  }
  /** Nothing of it is under way. */
  isSettled(): boolean {
    return (this.state === 'ready' && this.#clerk.open === 0) || this.state === 'given up';
  }
  hosts(): readonly ObjectHost[] {
    return [this.swarm, this.past];
  }
  stored(to: number): readonly StoredEvent[] {
    return this.chain.stored(to);
  }
  rowsAt(seq: number): RowMap {
    const base = new Map([...this.parent.rowsAt(this.#seq)].filter(([key]) => !LEFT_OUT.has(kindOf(key))));
    return replay(this.chain.stored(seq), base);
  }

  /** Events have become durable. */
  durable(): void {
    const lines = this.swarm.database.exec(
      'SELECT * FROM journal WHERE seq > ? ORDER BY seq',
      this.chain.head().seq,
    ) as JournalLine[]; // the columns of the journal
    for (const line of lines) this.chain.take(line);
  }

  /** Somebody wants a fork of this moment. */
  begin(seq: number): void {
    const { world } = this.#realm;
    this.#seq = seq;
    this.#ask(this.parent.past, 'stateHash', [this.parent.swarmId, null, { seq }], (outcome) => {
      const found = outcome.ok ? (outcome.value as Answered<Moment>) : null; // what `stateHash` resolves to
      if (found?.ok) return this.#fill(found.value);
      // What an object storage has kept damaged does not come back.
      if (found && found.error.code !== 'history_damaged') this.#wrong(`its moment is refused: ${found.error.code}`);
      if (found || ++this.#tries > triesMax) this.state = 'given up';
      else world.later(retryMs, () => this.begin(seq));
    });
  }

  #fill({ moment, stateHash: said }: Moment): void {
    const { world, tenant } = this.#realm;
    this.state = 'filling';
    if (said !== stateHash(this.parent.rowsAt(moment.seq))) this.#wrong('its parent’s past is not what was live then');
    const parent = { swarm: this.parent.swarmId as SwarmId, origin: this.parent.origin, seq: moment.seq };
    const fork: NewFork = {
      ...{ tenant, swarm: this.swarmId, name: 'fork', key: this.#key, scopes: ['admin'], by: 'user/usr_owner' },
      parent: { ...parent, at: moment.at, head: moment.hash, stateHash: said },
    };
    world.plant.forked?.(this.swarm, this.parent.swarm);
    const again = (): void =>
      this.#ask(this.swarm, 'forkFrom', [fork], (outcome) => {
        const filled = outcome.ok ? (outcome.value as Answered<string>) : null; // what `forkFrom` resolves to
        if (filled?.ok && filled.value === 'ready') this.#ready();
        else if (filled && !filled.ok && filled.error.code !== 'history_damaged') this.#wrong(filled.error.code);
        else if (++this.#tries > triesMax) this.state = 'given up';
        else world.later(retryMs, again);
      });
    again();
  }

  #ready(): void {
    this.state = 'ready';
    const { world, model } = this.#realm;
    world.faults.count('fork-made');
    for (let n = 0; n < 3; n++) this.#clerk.ask({ type: 'RequestTask', operation: 'swarm.echo', input: n });
    // An id that its parent has answered is new here.
    const id = world.random.among(model.heldIds);
    const held = id === undefined ? undefined : model.held.get(id);
    if (held === undefined) return;
    const command = {
      type: 'PostTransfer',
      debit: 'tenant',
      credit: 'team/f',
      amountMicro: 1,
      reference: 'f',
    } as const;
    this.#clerk.send({ id: held.execute.id, actor: world.owner, remember: true, command }, ({ result }) => {
      if (!result.ok && result.error.code === 'idempotency_key_reused') this.#wrong('it has its parent’s answers');
    });
  }

  /** Its rows are what its parent's and its own events say, and its parent knows nothing of it. */
  check(): void {
    const { findings } = this.#realm.world;
    if (this.state === 'given up') return;
    // It goes on by itself; in the calm, what is written becomes durable.
    this.durable();
    const first = this.chain.stored(1)[0];
    const told = (first === undefined ? {} : JSON.parse(first.body)) as {
      parent?: { stateHash?: string; head?: string };
    }; // `swarm.forked`
    if (told.parent?.head !== this.parent.hashes[this.#seq - 1])
      this.#wrong('it names another moment than its parent’s');
    if (told.parent?.stateHash !== stateHash(this.parent.rowsAt(this.#seq)))
      this.#wrong('it began with another state than its parent’s');
    if (this.parent.stored(this.parent.hashes.length).some(({ body }) => body.includes(this.swarmId)))
      this.#wrong('its parent’s journal tells of it');
    checkRows(this.swarm, this.rowsAt(this.chain.head().seq), this.origin, findings);
  }

  #ask(target: ObjectHost, method: string, args: readonly unknown[], done: (outcome: Outcome) => void): void {
    this.#realm.world.network.ask(this.#realm.world.actor, target, method, args, done);
  }
  #wrong(why: string): void {
    this.#realm.world.findings.add('changed', `${this.origin} fork`, why);
  }
}
