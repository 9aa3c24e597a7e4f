// What people do with a swarm's past: have it archived, look at it, fork it, take exports and bring them in, follow it.

import { stateHash } from '../../../core/history/state-tree.ts';
import type { Client } from './client.ts';
import { Follower } from './follower.ts';
import { type Ancestor, Fork } from './fork.ts';
import { Import } from './import.ts';
import type { RealmView } from './surroundings.ts';

/** A swarm, and what comes of it. */
export interface Origin extends RealmView {
  readonly kin: readonly (Fork | Import)[];
  readonly followers: Follower[];
  /** Whether anybody forks it, exports it, follows it: each costs as much as a swarm of its own. */
  readonly begets: { readonly forks: boolean; readonly imports: boolean; readonly followers: boolean };
  asAncestor(): Ancestor;
  adopt(one: Fork | Import): void;
}

const forksMax = 2;
const importsMax = 2;
const followersMax = 2;
/** Before there are so many events, nothing is worth it. */
const eventsMin = 12;

/** Somebody has old events moved to the archive. */
export function archive({ world, swarm, looksBack }: Origin, client: Client): void {
  if (!looksBack) return;
  const { network, random, owner } = world;
  network.ask(client.actor, swarm, 'archiveSegments', [owner, random.between(0, 200)], (outcome) => {
    const { value } = (outcome.ok ? outcome.value : {}) as { value?: { segments: readonly string[] } }; // what it resolves to
    if ((value?.segments.length ?? 0) > 0) world.faults.count('archive-written');
  });
}

/** Somebody looks at a moment of the past: it is what was live then, or nobody can say. */
export function lookBack(realm: Origin, client: Client): void {
  const { world, looksBack, kin } = realm;
  const { network, random, owner, findings, faults } = world;
  const forks = kin.filter((one): one is Fork => one instanceof Fork && one.state === 'ready');
  const one = (random.chance(0.5) ? random.among(forks) : undefined) ?? realm.asAncestor();
  if (!looksBack || one.hashes.length === 0) return;
  const seq = random.between(1, one.hashes.length);
  // Mostly it remembers nothing, and has to read.
  if (random.chance(0.7)) one.past.evict();
  network.ask(client.actor, one.past, 'stateHash', [one.swarmId, owner, { seq }], (outcome) => {
    if (!outcome.ok) return;
    const { ok, value } = outcome.value as { ok: boolean; value?: { stateHash: string } }; // what `stateHash` resolves to
    if (ok) faults.count('past-read');
    if (ok && value?.stateHash !== stateHash(one.rowsAt(seq)))
      findings.add('changed', `${one.origin} at ${seq}`, 'the past is not what was live then');
  });
}

/** Somebody forks it, or a fork of it, at some moment. */
export function fork(realm: Origin): void {
  const { kin, world, begets, model } = realm;
  const { random, faults } = world;
  const forks = kin.filter((one): one is Fork => one instanceof Fork);
  if (!begets.forks || forks.length >= forksMax || model.head().seq < eventsMin) return;
  const parent = forks.find(({ state }) => state === 'ready') ?? realm.asAncestor();
  if (parent instanceof Fork) faults.count('fork-of-a-fork');
  const child = new Fork(realm, parent);
  realm.adopt(child);
  child.begin(random.between(1, parent.hashes.length));
}

/** Somebody takes an export and brings it in. */
export function importExport(realm: Origin): void {
  const { kin, begets, model } = realm;
  if (!begets.imports || model.head().seq < eventsMin) return;
  if (kin.filter((one) => one instanceof Import).length >= importsMax) return;
  const one = new Import(realm);
  realm.adopt(one);
  one.begin();
}

/** Somebody begins to follow it. */
export function follow(realm: Origin): void {
  if (realm.begets.followers && realm.followers.length < followersMax) realm.followers.push(new Follower(realm));
}
