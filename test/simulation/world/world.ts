// The world of one seed: a timeline, a network, swarms with their devices and people, and trouble. Everything follows from the
// seed: the same one makes the same history, byte for byte.

import type { FactBatch } from '../../../core/devices/port.ts';
import type { Actor as CommandActor } from '../../../core/envelope.ts';
import { type FaultPlan, noFaults, planFaults } from '../faults/plan.ts';
import type { JournalLine } from '../model/chain.ts';
import type { Findings } from '../model/findings.ts';
import { setHistorySizes } from '../platform/limits-module.ts';
import { Line } from '../platform/line.ts';
import { type Network, openNetwork } from '../platform/network.ts';
import type { HostWatcher, ObjectHost } from '../platform/object-host.ts';
import type { SocketEnd } from '../platform/socket-pair.ts';
import { setStateVersion } from '../platform/state-tree-module.ts';
import { type Actor, createTimeline, type Timeline } from '../platform/virtual-time.ts';
import type { Random } from '../random.ts';
import type { CrashPlace, CrashPoint } from './crash-point.ts';
import { Fork } from './fork.ts';
import type { Plant } from './plant.ts';
import { Realm } from './realm.ts';
import type { WorldView } from './surroundings.ts';

/** 2026-11-20T00:00:00Z. */
export const START = Date.UTC(2026, 10, 20);
const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

export interface WorldOptions {
  readonly plant?: Plant | undefined;
  /** One crash at a place that is counted out, and no other fault. */
  readonly crash?: CrashPoint | null | undefined;
}

export class World implements WorldView {
  readonly random: Random;
  readonly findings: Findings;
  readonly timeline: Timeline;
  readonly faults: FaultPlan;
  readonly network: Network;
  readonly watcher: HostWatcher;
  readonly realms: Realm[] = [];
  /** Lines by the end that went out with the answer. */
  readonly lines = new Map<object, Line>();
  /** Whoever is none of the others. */
  readonly actor: Actor = { isAlive: true, clockOffsetMs: 0 };
  readonly owner: CommandActor = { kind: 'user', id: 'usr_owner', scopes: ['admin'] };
  /** What is wrong with this world on purpose; nothing in an honest one. */
  readonly plant: Plant;
  readonly crashPoint: CrashPoint | null;
  counter = 0;
  isCalm = false;
  /** Of the rows' shapes, when the code has changed. */
  #version: number | null = null;

  constructor(random: Random, findings: Findings, { plant = {}, crash = null }: WorldOptions = {}) {
    this.random = random;
    this.plant = plant;
    this.findings = findings;
    this.timeline = createTimeline(START, this.actor);
    this.crashPoint = crash;
    const faulty = random.fork();
    this.faults = crash === null ? planFaults(faulty) : noFaults();
    setStateVersion(null);
    setHistorySizes({
      snapshotEvents: faulty.between(30, 250),
      segmentEvents: 256 * faulty.between(1, 2),
      hotEventsMin: faulty.between(16, 100),
    });
    this.watcher = this.#watch();
    this.network = openNetwork(this.timeline, this.faults, random, (target, method, args) =>
      this.#arrives(target, method, args),
    );
  }

  /** Everybody comes. */
  begin(): void {
    const realms = this.random.chance(0.15) ? 2 : 1;
    for (let n = 0; n < realms; n++) {
      const realm = new Realm(this, n);
      this.realms.push(realm);
      realm.begin();
    }
    this.#trouble();
  }

  hosts(): readonly ObjectHost[] {
    return this.realms.flatMap((realm) => realm.hosts());
  }

  later(ms: number, fn: () => void): void {
    this.timeline.after(ms, this.actor, fn);
  }

  /** Nothing goes wrong from now on, and nobody asks for anything new. */
  calm(): void {
    this.isCalm = true;
    this.faults.calm();
    for (const realm of this.realms) {
      for (const host of realm.hosts()) host.actor.clockOffsetMs = 0;
      for (const device of realm.devices) device.start();
    }
  }

  carry(host: ObjectHost, end: SocketEnd, tags: readonly string[]): void {
    const line = new Line(host, end, {
      timeline: this.timeline,
      delayMs: this.network.delayMs,
      lateFrame: () => this.faults.count('zombie-frames'),
      sent: (text) => {
        if (text.startsWith('{"type":"problem","code":"epoch_stale"')) this.faults.count('stale-epoch');
      },
    });
    host.sockets.set(end, { line, tags });
    if (end.peer) this.lines.set(end.peer, line);
  }

  close(): void {
    setHistorySizes(null);
    setStateVersion(null);
    for (const realm of this.realms) realm.close();
  }

  /** For one command or a few the clock is far ahead; then it is what it was. */
  #farAhead(realm: Realm, host: ObjectHost): void {
    realm.isClockRight = false;
    host.actor.clockOffsetMs += 400 * dayMs;
    this.later(this.random.between(1, 500), () => {
      host.actor.clockOffsetMs = 0;
    });
  }

  /** Every so often something happens that nobody asked for. */
  #trouble(): void {
    if (this.isCalm) return;
    this.later(this.random.between(20, 200), () => this.#trouble());
    const { faults, random, timeline } = this;
    for (const realm of this.realms) {
      for (const host of realm.hosts()) {
        if (host.isIdle() && faults.strikes('eviction')) host.evict();
        const jumpMs = faults.strikes('clock-forward') ? hourMs : faults.strikes('clock-back') ? -hourMs : 0;
        if (jumpMs !== 0) realm.isClockRight = false;
        if (faults.strikes('clock-far-ahead')) this.#farAhead(realm, host);
        if (jumpMs !== 0) host.actor.clockOffsetMs += jumpMs;
        else if (host.actor.clockOffsetMs !== 0 && random.chance(0.05)) host.actor.clockOffsetMs = 0;
      }
      const device = random.among(realm.devices);
      device?.suffer();
      if (random.chance(0.2)) device?.lie();
      if (faults.strikes('flood')) this.#flood(realm);
    }
    if (faults.strikes('code-changed')) this.#deploy();
    if (faults.strikes('thirty-days')) {
      timeline.leap(31 * dayMs);
      for (const realm of this.realms)
        for (const client of realm.clients) {
          const id = realm.model.heldIds[0];
          if (id === undefined || !faults.tempts('repeated-after-30-days')) continue;
          faults.count('repeated-after-30-days');
          client.repeat(id);
        }
    }
  }

  /** Counts a place where something may fail; true at the one that is to. */
  crashes(place: CrashPlace): boolean {
    const { crashPoint } = this;
    if (crashPoint === null || this.isCalm) return false;
    const nth = (crashPoint.seen[place] ?? 0) + 1;
    crashPoint.seen[place] = nth;
    return crashPoint.place === place && crashPoint.nth === nth;
  }

  /** Other code comes into force: instances end, and rows have shapes of another version. */
  #deploy(): void {
    this.#version = this.#version === null ? 2 : this.random.chance(0.5) ? null : this.#version + 1;
    setStateVersion(this.#version);
    for (const host of this.hosts()) {
      if (host.isIdle()) host.evict();
      else host.crash(true);
    }
  }

  #flood(realm: Realm): void {
    const client = realm.clients[0];
    if (client === undefined) return;
    for (let n = 0; n < 100; n++) client.ask({ type: 'RequestTask', operation: 'text.a', input: n });
  }

  /** Nobody has asked for it where nobody looks back. */
  #noteChore({ looksBack }: Realm, type: string): void {
    if (looksBack) return;
    if (type === 'snapshot.taken') this.faults.count('snapshot-by-itself');
    if (type === 'segment.archived') this.faults.count('segment-by-itself');
  }

  #realmOf(host: ObjectHost): Realm | undefined {
    return this.realms.find((realm) => realm.hosts().includes(host));
  }

  #arrives(target: ObjectHost, method: string, args: readonly unknown[]): void {
    const realm = this.#realmOf(target);
    if (method === 'reportFacts') {
      const [{ device, epoch, facts }] = args as [FactBatch]; // SwarmPort.reportFacts
      if ((facts[0]?.seq ?? 1) <= (realm?.model.facts.counted(device, epoch) ?? 0)) this.faults.count('fact-repeated');
    }
    if (method !== 'deliver') return;
    // What arrives at a squad follows from what is durable at its swarm.
    const [orders] = args as [readonly { order: { body: { type: string; attempt: string } } }[]]; // SquadPort.deliver
    for (const { order } of orders)
      if (order.body.type === 'offer' && !realm?.model.work.isLeased(order.body.attempt))
        this.findings.add('lost', order.body.attempt, 'an order left the swarm before its lease was durable');
  }

  #watch(): HostWatcher {
    const { faults, random, timeline, findings } = this;
    return {
      commitMs: () => random.between(0, 6),
      commit: (host) =>
        this.crashes(`${host.kind}-commit`)
          ? this.crashPoint?.kept
            ? 'crash'
            : 'lost'
          : faults.strikes('commit-not-durable')
            ? 'lost'
            : faults.strikes('crash-after-commit')
              ? 'crash'
              : 'durable',
      plant: this.plant,
      alarm: () => ({
        lateMs: faults.strikes('alarm-late') ? random.between(1_000, 300_000) : random.between(0, 20),
        rings: faults.strikes('alarm-twice') ? 2 : 1,
      }),
      alarmFails: () => (faults.strikes('alarm-fails') ? (faults.tempts('alarm-lost') ? 'always' : 'once') : 'no'),
      crashesAt: (host) =>
        this.crashes(`${host.kind}-write`)
          ? this.crashPoint?.kept
            ? 'kept'
            : 'lost'
          : faults.strikes('crash-before-commit')
            ? 'lost'
            : null,
      alarmLost: () => faults.count('alarm-lost'),
      durable: (host) => {
        const realm = this.#realmOf(host);
        if (realm?.swarm !== host) return realm?.durableAt(host);
        const { model } = realm;
        // The columns of the journal.
        const lines = host.database.exec(
          'SELECT * FROM journal WHERE seq > ? ORDER BY seq',
          model.head().seq,
        ) as JournalLine[];
        model.take(lines);
        for (const { type } of lines) this.#noteChore(realm, type);
        // Nobody has touched its clock: then its time is the time.
        if (realm.isClockRight && (lines.at(-1)?.at ?? 0) > timeline.now())
          findings.add('journal', `${model.origin} clock`, 'an event is of a time that has not come');
      },
      crashed: (host) => {
        const realm = this.#realmOf(host);
        for (const one of realm?.kin ?? [])
          if (!one.isSettled() && one.hosts().includes(host))
            faults.count(one instanceof Fork ? 'fork-cut' : 'import-cut');
      },
      defect: (host, cause) =>
        this.findings.add('server', host.kind, cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)),
    };
  }
}
