// The edge node, wired: identity, database, outbox, supervision and link. Importing it does nothing; `startEdgeNode` does.

import type { JsonObject } from '../../core/json.ts';
import type { RefusedFact } from '../../core/wire/device.ts';
import { type Clock, endableClock, systemClock } from './clock.ts';
import { createHistory } from './history.ts';
import { type Link, startLink } from './link/link.ts';
import { type OpenSocket, openSocket } from './link/socket.ts';
import type { Log } from './log.ts';
import { type OpenNode, openNode } from './open-node.ts';
import type { Operation } from './operations/operation.ts';
import type { Outbox } from './outbox/outbox.ts';
import { createPermissions } from './permissions.ts';
import type { DeviceSettings } from './settings.ts';
import { createDescriber, type Describer } from './supervision/describe.ts';
import { createDesires } from './supervision/desires.ts';
import { createHostedRunner, startOperationHost } from './supervision/hosted-runner.ts';
import { createLocalRunner, type OperationRunner } from './supervision/run-operation.ts';
import { createSupervisor, type Supervisor } from './supervision/supervisor.ts';
import { createSwarmClock } from './swarm-clock.ts';
import { createTelemetry } from './telemetry.ts';
import { startWatchdog } from './watchdog.ts';
import { knownHomes } from './withheld.ts';

/** A clean stop takes at most so long: most of it for work to end, the rest for the last facts to be committed. */
export const stopMsMax = 2_000;
const finishMsMax = 1_200;
const flushLookMs = 20;

export interface EdgeNodeOptions {
  readonly home: string;
  /** In place of settings.json. */
  readonly settings?: DeviceSettings;
}

/** What the node takes from outside; each has the machine's own as default. */
export interface EdgeNodeDeps {
  readonly clock?: Clock;
  readonly log?: Log;
  readonly random?: () => number;
  readonly openSocket?: OpenSocket;
  readonly loadOperations?: () => Promise<readonly Operation[]>;
}

/** Why a node is over: somebody stopped it, or its swarm ended the device. */
export type NodeEnd = { readonly kind: 'asked' } | { readonly kind: 'final'; readonly reason: string };

export interface EdgeNode {
  readonly device: string;
  readonly did: string;
  /** Resolves when the device is in for the first time. */
  readonly connected: Promise<void>;
  readonly over: Promise<NodeEnd>;
  isConnected(): boolean;
  /** Facts that are not committed, attempts that run. */
  counts(): { readonly facts: number; readonly running: number };
  /** Sends measurements that may be lost; false when there is no connection. */
  telemetry(batch: unknown): boolean;
  /** Takes nothing more, finishes what it can within `stopMsMax`, and leaves the rest in the database. */
  stop(): Promise<void>;
}

/**
 * Starts the runtime of the device that lives in `home`.
 * @throws HomeInUse when one is running there; Fault when no device is enrolled or a file is damaged
 */
export async function startEdgeNode(options: EdgeNodeOptions, deps: EdgeNodeDeps = {}): Promise<EdgeNode> {
  const clock = endableClock(deps.clock ?? systemClock);
  const log = deps.log ?? (() => {});
  const node = openNode({ home: options.home, settings: options.settings, clock, log });
  const { enrolment, identity, settings, outbox, store, status } = node;
  const connected = Promise.withResolvers<void>();
  const over = Promise.withResolvers<NodeEnd>();
  let stopped: Promise<void> | null = null;
  const stop = (end: NodeEnd): Promise<void> => {
    stopped ??= stopNode({ node, supervisor, runner, link, clock, end }).then(() => over.resolve(end));
    return stopped;
  };

  const swarmClock = createSwarmClock(store, clock);
  const desires = createDesires({ store, outbox, settings });
  const isGranted = (name: string) => !settings.withheld.includes(name);
  const describer = createDescriber({ ...node, clock, log, parallel: desires.parallel });
  const homes = knownHomes(process.env, options.home);
  const runner = createRunner(deps, settings, homes, clock, log);
  // The link is there before an attempt can end.
  const telemetry = settings.telemetry
    ? createTelemetry({ clock, send: (batch) => link.telemetry(batch), memory: process.memoryUsage.rss })
    : null;
  const supervisor = createSupervisor({
    ...{ ...node, clock, log, isGranted, runner },
    swarmNow: swarmClock.now,
    measured: (...measured) => telemetry?.attempt(...measured),
    parallel: desires.parallel,
    desired(version, desired) {
      desires.take(version, desired as JsonObject); // a record of JSON by the frame's schema
      queueMicrotask(describer.tell);
    },
  });
  const link = startLink(enrolment, identity, {
    ...{ clock, log, outbox },
    openSocket: deps.openSocket ?? openSocket,
    random: deps.random ?? Math.random,
    history: createHistory({ ...node, clock, log }),
    takeOrders: supervisor.take,
    commit: (epoch, seq, refused) => commit({ node, supervisor, describer, clock }, epoch, seq, refused),
    welcomed(now, isNewEpoch) {
      swarmClock.set(now);
      if (isNewEpoch) {
        supervisor.renumbered();
        describer.tellAgain();
      }
      connected.resolve();
    },
    changed: status.link,
    final: (reason) => void stop({ kind: 'final', reason }),
  });
  outbox.onAppended(() => {
    status.running(supervisor.running());
    link.pump();
  });
  startWatchdog({ clock, log, outbox, isConnected: link.isLive });
  // After the socket is on its way: the first connection does not wait for the operations' code.
  void (deps.loadOperations ?? builtInOperations)().then((all) => {
    if (stopped !== null) return;
    const operations = all.filter(({ name }) => isGranted(name));
    describer.offer(operations);
    supervisor.ready(operations);
  });
  return {
    ...{ device: enrolment.device, did: identity.did, connected: connected.promise, over: over.promise },
    isConnected: link.isLive,
    counts: () => ({ facts: outbox.pending().facts, running: supervisor.running() }),
    telemetry: link.telemetry,
    stop: () => stop({ kind: 'asked' }),
  };
}

/** The device's own operations run in a process of their own; those that a caller brings run here, where the caller can see them. */
function createRunner(
  deps: EdgeNodeDeps,
  { grants }: DeviceSettings,
  homes: readonly string[],
  clock: Clock,
  log: Log,
): OperationRunner {
  if (deps.loadOperations)
    return createLocalRunner({ permissions: createPermissions(grants, homes), now: clock.monotonic }, log);
  return createHostedRunner({ clock, log, grants, homes, startHost: startOperationHost });
}

async function builtInOperations(): Promise<readonly Operation[]> {
  const { operations } = await import('./operations/index.ts');
  return operations;
}

interface CommitDeps {
  readonly node: OpenNode;
  readonly supervisor: Supervisor;
  readonly describer: Describer;
  readonly clock: Clock;
}

/** Facts that the swarm has committed leave the outbox and renew leases, in one transaction. */
function commit(
  { node, supervisor, describer, clock }: CommitDeps,
  epoch: number,
  seq: number,
  refused: readonly RefusedFact[],
): 'ahead' | 'fine' {
  const outcome = node.database.transaction(() => {
    const answer = node.outbox.commit(epoch, seq, refused);
    if (answer.kind === 'deleted') {
      supervisor.committed(answer.to, answer.refused);
      describer.refused(answer.refused);
    }
    return answer.kind;
  });
  supervisor.settle();
  if (outcome === 'deleted') node.status.committed(clock.now());
  return outcome === 'ahead' ? 'ahead' : 'fine';
}

interface StopDeps {
  readonly node: OpenNode;
  readonly supervisor: Supervisor;
  readonly runner: OperationRunner;
  readonly link: Link;
  readonly clock: Clock & { end(): void };
  readonly end: NodeEnd;
}

async function stopNode({ node, supervisor, runner, link, clock, end }: StopDeps): Promise<void> {
  const deadline = clock.monotonic() + stopMsMax;
  // A device that is not wanted any more cannot report: nobody waits for its work.
  await supervisor.stop(end.kind === 'final' ? 0 : finishMsMax);
  await flushed(node.outbox, link, clock, deadline);
  link.stop();
  node.status.running(0);
  node.status.flush();
  clock.end();
  runner.close();
  node.close();
}

/** Waits until everything is committed, or nothing can be, or the time is over. */
async function flushed(outbox: Outbox, link: Link, clock: Clock, deadline: number): Promise<void> {
  while (outbox.pending().facts > 0 && link.isLive() && clock.monotonic() < deadline) {
    await new Promise<void>((resolve) => {
      clock.after(flushLookMs, resolve);
    });
  }
}
