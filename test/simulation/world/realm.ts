// One swarm and all that belongs to it: the two objects, the devices and people around it, and what an outsider has seen of it.

import type { ObjectStore } from '../../../core/archive/port.ts';
import type { SwarmPort } from '../../../core/devices/port.ts';
import type { Actor as CommandActor } from '../../../core/envelope.ts';
import { type DeviceId, type EnrollmentId, type KeyId, newId, type SwarmId, type TenantId } from '../../../core/ids.ts';
import type { Executed } from '../../../core/swarm/service.ts';
import { openSwarmModel, type SwarmModel } from '../model/swarm-model.ts';
import { ObjectHost, type Outcome } from '../platform/object-host.ts';
import { openObjectStorage } from '../platform/object-storage.ts';
import { PastObject, SquadObject, SwarmObject } from '../platform/objects.ts';
import type { SocketEnd } from '../platform/socket-pair.ts';
import { Client } from './client.ts';
import type { CrashPoint } from './crash-point.ts';
import { Device } from './device.ts';
import { keyOf } from './device-key.ts';
import type { Follower } from './follower.ts';
import type { Ancestor, Fork } from './fork.ts';
import type { Import } from './import.ts';
import type { Kin } from './kin.ts';
import { act } from './people.ts';
import { openReceiver, type Receiver } from './receiver.ts';
import type { RealmView, WorldView } from './surroundings.ts';
import { openTelemetryQueue, type TelemetryQueue } from './telemetry-queue.ts';

/** What a swarm needs of the world beside what everybody sees. */
export interface RealmWorld extends WorldView {
  readonly isCalm: boolean;
  readonly crashPoint: CrashPoint | null;
  /** A squad has a socket: somebody carries its frames. */
  carry(host: ObjectHost, end: SocketEnd, tags: readonly string[]): void;
}

export class Realm implements RealmView {
  readonly world: RealmWorld;
  readonly tenant: TenantId;
  readonly swarmId: SwarmId;
  readonly swarm: ObjectHost;
  readonly squad: ObjectHost;
  readonly past: ObjectHost;
  readonly model: SwarmModel;
  readonly receiver: Receiver;
  readonly objects = new Map<string, Uint8Array>();
  readonly clients: Client[] = [];
  readonly devices: Device[] = [];
  readonly queue: TelemetryQueue;
  /** Forks of it and imports of its exports. */
  readonly kin: (Fork | Import)[] = [];
  readonly followers: Follower[] = [];
  #hosts: readonly ObjectHost[];
  /** Whether anybody looks at its past: to make a moment a second time for comparison is slow. */
  readonly looksBack: boolean;
  readonly begets: { readonly forks: boolean; readonly imports: boolean; readonly followers: boolean };
  /** False once a fault has moved the clock of one of its objects. */
  isClockRight = true;
  /** Asks on behalf of the swarm’s owner. */
  readonly clerk: Client;

  constructor(world: RealmWorld, n: number) {
    this.world = world;
    const { random, timeline, watcher } = world;
    const entropy = Uint8Array.from({ length: 10 }, () => random.between(0, 255));
    this.tenant = newId('tnt', timeline.now(), entropy);
    this.swarmId = newId('swm', timeline.now(), entropy);
    this.model = openSwarmModel(`${this.tenant}/${this.swarmId}`, world.findings, timeline.now);
    this.receiver = openReceiver(this);
    this.swarm = new ObjectHost('swarm', this.swarmId, (ctx) => new SwarmObject(ctx, this.#swarmEnv() as never), {
      timeline,
      watcher,
    });
    this.squad = new ObjectHost(
      'squad',
      `${this.swarmId}/squad/0`,
      (ctx) => new SquadObject(ctx, this.#squadEnv() as never),
      { timeline, watcher },
    );
    this.past = new ObjectHost('past', this.swarmId, (ctx) => new PastObject(ctx, this.#pastEnv() as never), {
      timeline,
      watcher,
    });
    this.#hosts = [this.swarm, this.squad, this.past];
    this.squad.accept = (end, tags) => world.carry(this.squad, end, tags);
    this.clerk = new Client(this, `clerk${n}`, world.owner);
    this.queue = openTelemetryQueue(this);
    this.looksBack = random.chance(0.4);
    this.begets = { forks: random.chance(0.2), imports: random.chance(0.15), followers: random.chance(0.3) };
  }

  hosts(): readonly ObjectHost[] {
    return this.#hosts;
  }
  relative(id: string): Pick<Kin, 'swarm' | 'past'> {
    const found = id === this.swarmId ? this : this.kin.find(({ swarmId }) => swarmId === id);
    if (found === undefined) throw new Error(`nobody has made the swarm ${id}`);
    return found;
  }
  /** It as a fork's parent. */
  asAncestor(): Ancestor {
    const { swarmId, swarm, past, model } = this;
    return {
      swarmId,
      swarm,
      past,
      origin: model.origin,
      hashes: model.hashes,
      stored: model.stored,
      rowsAt: model.rowsAt,
    };
  }
  /** A fork or an import comes into being. */
  adopt(one: Fork | Import): void {
    this.kin.push(one);
    this.#hosts = [...this.#hosts, ...one.hosts()];
  }
  /** Events of one of its objects have become durable: of a fork, when it is not its own. */
  durableAt(host: ObjectHost): void {
    for (const one of this.kin) if (one.swarm === host) one.durable();
  }

  /** What `wrangler.toml` binds, as each object sees it. */
  #swarmEnv(): object {
    const { world } = this;
    const squad = world.network.stub(this.swarm, () => this.squad);
    const past = world.network.stub(this.swarm, () => this.past);
    return {
      SQUAD: { idFromName: (name: string) => name, get: () => squad },
      PAST: { idFromName: (name: string) => name, get: () => past },
      WEBHOOK_SENDER: { send: (request: unknown) => this.receiver.send(request) },
      ARCHIVE_STORE: this.storage(this.objects),
    };
  }
  #pastEnv(): object {
    const swarm = this.world.network.stub(this.past, () => this.swarm);
    return {
      SWARM: { idFromName: (name: string) => name, get: () => swarm },
      ARCHIVE_STORE: this.storage(this.objects),
    };
  }
  /** Object storage as this world has it. */
  storage(objects: Map<string, Uint8Array>): ObjectStore {
    const { world } = this;
    const store = openObjectStorage(
      objects,
      world,
      () => (world.crashes('storage-call') ? (world.crashPoint?.kept ? 'kept' : 'lost') : null),
      objects === this.objects,
    );
    return world.plant.storage?.(store) ?? store;
  }
  #squadEnv(): object {
    const { world } = this;
    const honest = world.network.stub(this.squad, () => this.swarm);
    const swarm = world.plant.swarmStub?.(honest as SwarmPort, this) ?? honest; // the methods of the swarm's class
    return {
      SWARM: { idFromName: (name: string) => name, get: () => swarm },
      TELEMETRY: this.queue,
    };
  }

  /** Somebody signs up; when the swarm is there, everybody comes. */
  begin(): void {
    const { world, swarmId, tenant } = this;
    const { random, timeline, network } = world;
    const entropy = Uint8Array.from({ length: 10 }, () => random.between(0, 255));
    const key = newId('key', timeline.now(), entropy);
    const supplyMicro = random.chance(0.3) ? random.between(200, 2_000) : random.between(5_000, 50_000);
    const create = { tenant, swarm: swarmId, name: 'main', key, supplyMicro, user: 'usr_owner' };
    const ask = (): void =>
      network.ask(world.actor, this.swarm, 'create', [create], (outcome: Outcome) => {
        const executed = outcome.ok ? (outcome.value as Executed) : null; // what `create` resolves to
        if (executed?.result.ok) this.#open(key);
        else world.later(500, ask);
      });
    ask();
  }

  #open(key: KeyId): void {
    const { world, clerk } = this;
    const { random } = world;
    const task = { operation: 'text.a', input: { text: '{{/text}}' } };
    const made = {
      name: 't',
      preset: 'github',
      sealedSecret: 's',
      events: null,
      mission: null,
      mapping: null,
    } as const;
    clerk.ask({ type: 'CreateTrigger', trigger: 'trg_1', ...made, task, generic: null });
    const webhooks = random.between(0, 2);
    for (let n = 1; n <= webhooks; n++)
      clerk.ask({
        type: 'CreateWebhook',
        ...{ webhook: `whk_${n}`, url: 'https://receiver.test', description: null, sealedSecret: 's' },
        events: [random.pick(['task.succeeded', 'task.*', 'mission.*'])],
      });
    const devices = random.between(1, 4);
    for (let n = 0; n < devices; n++) this.#enrol(n);
    const clients = random.between(1, 4);
    for (let n = 0; n < clients; n++) {
      const as: CommandActor = n % 2 === 0 ? world.owner : { kind: 'key', id: key, scopes: ['admin'] };
      const client = new Client(this, `client${n}`, as);
      this.clients.push(client);
      this.#live(client);
    }
  }

  #live(client: Client): void {
    const { world } = this;
    const pauseMs = world.random.between(20, 300);
    const again = (): void => {
      if (world.isCalm) return;
      act(this, client);
      world.timeline.after(-Math.log(1 - world.random.next()) * pauseMs, client.actor, again);
    };
    again();
  }

  #enrol(n: number): void {
    this.clerk.ask({ type: 'OpenEnrollment' }, ({ result }) => {
      if (!result.ok) return;
      const enrollment = result.value.id as EnrollmentId; // of an enrolment
      this.clerk.ask({ type: 'EnrollDevice', enrollment, did: keyOf(n).did, name: `device ${n}` }, (enrolled) => {
        if (!enrolled.result.ok) return;
        const device = new Device(this, enrolled.result.value.id as DeviceId, n); // of a device
        this.devices.push(device);
        device.start();
      });
    });
  }

  close(): void {
    for (const follower of this.followers) follower.end();
    for (const device of this.devices) device.close();
    for (const host of this.hosts()) host.close();
  }
}
