// The squad: the object nearest its devices. It holds their sockets, which sleep with it; everything that must outlive a
// wake is in its tables or beside a socket. Wiring only: the steps are in the files beside this one.

import { DurableObject } from 'cloudflare:workers';
import { randomBytes } from 'node:crypto';
import { assert } from '../../core/assert.ts';
import type { SquadPort, SwarmPort } from '../../core/devices/port.ts';
import type { DeviceId } from '../../core/ids.ts';
import { type CloseReason, PING, PONG } from '../../core/wire/device.ts';
import type { TelemetryMessage } from '../../core/wire/telemetry.ts';
import { type LogEnv, objectLog } from '../object-log.ts';
import { durableSql } from '../sql-port.ts';
import { openTries, type Tries } from '../tries.ts';
import { isolateTurns } from '../turns.ts';
import { lanes } from './lane.ts';
import { dismiss, expel, hasLeft, type LeaveDeps, leave, nextChallengeEnd, patrol, settleMissing } from './leave.ts';
import { deliver, sendOrders } from './orders.ts';
import { type ReceiveDeps, receive } from './receive.ts';
import { drainReports, type ReportsDeps, reportLeftsOf } from './reports.ts';
import { answerClose, type Socket } from './socket.ts';
import {
  frameBytesWaitingMax,
  framesWaitingMax,
  laneBytesSure,
  laneBytesWaitingMax,
  ordersExpiredPerWake,
  patrolMs,
  reportTriesMax,
  telemetrySendsMax,
  wakeGridMs,
} from './squad-limits.ts';
import { type SquadStore, squadStore } from './squad-store.ts';
import { sinkOf, type TelemetryEnv } from './telemetry-sink.ts';
import { openSocket, type UpgradeDeps } from './upgrade.ts';

/** What a squad needs of its surroundings. */
export interface SquadEnv extends TelemetryEnv, LogEnv {
  readonly SWARM: { idFromName(name: string): DurableObjectId; get(id: DurableObjectId): SwarmPort };
}

/** A squad, named by `squadName(swarm, squad)`. */
export class SquadObject extends DurableObject<SquadEnv> implements SquadPort {
  readonly #store: SquadStore;
  readonly #tries: Tries;
  readonly #deps: UpgradeDeps & ReceiveDeps & LeaveDeps & ReportsDeps;
  /** The swarm that this squad belongs to: the first part of its name. */
  readonly #swarm: string;
  /** When the alarm is set for, as far as is known here. */
  #wakesAt: number | null = null;
  #draining: Promise<void> | null = null;
  #telemetrySends = 0;

  constructor(ctx: DurableObjectState, env: SquadEnv) {
    super(ctx, env);
    const sql = durableSql(ctx.storage);
    this.#store = squadStore(sql);
    this.#tries = openTries({
      sql,
      now: () => Date.now(),
      durable: () => ctx.storage.sync(),
      random: () => Math.random(),
      remaining: (works) => this.#store.reportsLeft(works.map(idOf)).map((id) => `${REPORT}/${id}`),
    });
    const name = this.#store.rememberName(ctx.id.name);
    assert(name !== null, 'a squad is reached by its name');
    this.#swarm = name.split('/')[0] ?? '';
    this.#deps = this.#wire();
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair(PING, PONG));
    ctx.blockConcurrencyWhile(async () => {
      this.#wakesAt = await ctx.storage.getAlarm();
      settleMissing(this.#deps);
      this.#armNext();
    });
  }

  /** The WebSocket upgrade, forwarded by the Worker that has checked the device's credential. */
  override async fetch(request: Request): Promise<Response> {
    return openSocket(request, this.#swarm, this.#deps);
  }

  override async webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): Promise<void> {
    try {
      await receive(socket, message, this.#deps);
    } catch (cause) {
      // A defect of ours, not of the device: it gets a close that it can act on, and the platform gets the error.
      this.#deps.dismiss(socket, 'busy', { code: 'busy', detail: 'The squad failed. Try again later.' });
      throw cause;
    }
  }

  override async webSocketClose(socket: WebSocket): Promise<void> {
    leave(socket, this.#deps);
    answerClose(socket);
  }

  override async webSocketError(socket: WebSocket): Promise<void> {
    leave(socket, this.#deps);
  }

  async deliver(orders: Parameters<SquadPort['deliver']>[0]): Promise<void> {
    deliver(orders, this.#deps);
    this.#heardOfSwarm();
  }

  async expel(device: DeviceId): Promise<void> {
    expel(device, this.#deps);
  }

  override async alarm(): Promise<void> {
    this.#wakesAt = null;
    settleMissing(this.#deps);
    patrol(this.#deps);
    this.#store.expireOrders(this.#deps.now(), ordersExpiredPerWake);
    await this.#drain();
    this.#armNext();
  }

  /** Arms the alarm for whatever is due first. */
  #armNext(): void {
    const now = this.#deps.now();
    const due = [
      nextChallengeEnd(this.#deps),
      this.#store.nextExpiry(),
      this.#store.nextReport(),
      this.#store.hasConnections() ? now + patrolMs : null,
    ];
    for (const at of due) if (at !== null) this.#wakeBy(at);
  }

  #wakeBy(at: number): void {
    const onGrid = Math.ceil(at / wakeGridMs) * wakeGridMs;
    if (this.#wakesAt !== null && this.#wakesAt <= onGrid) return;
    this.#wakesAt = onGrid;
    // Not awaited: it is written with the rows of this step, and nothing leaves before both are.
    void this.ctx.storage.setAlarm(onGrid);
  }

  /** One drain at a time; what comes while one runs is taken by a second, right after it. */
  #drain(): Promise<void> {
    const before = this.#draining ?? Promise.resolve();
    const next = before
      .catch(() => undefined)
      .then(() => drainReports(this.#deps))
      .finally(() => {
        if (this.#draining === next) this.#draining = null;
      });
    this.#draining = next;
    return next;
  }

  #reportSoon(): void {
    this.ctx.waitUntil(this.#drain());
  }

  /** It has just answered or called: what was parked is tried once more. */
  #heardOfSwarm(): void {
    const now = this.#deps.now();
    const waiting = this.#tries.troubled(REPORT).filter((id) => (this.#tries.of(`${REPORT}/${id}`)?.due ?? 0) > now);
    if (this.#store.unparkReports(reportTriesMax - 1, now, waiting)) this.#reportSoon();
  }

  #sendTelemetry(message: TelemetryMessage): Promise<void> | null {
    if (this.#telemetrySends >= telemetrySendsMax) return null;
    this.#telemetrySends += 1;
    const sent = async () => {
      try {
        await sinkOf(this.env).send([message]);
      } finally {
        this.#telemetrySends -= 1;
      }
    };
    return sent();
  }

  #wire(): UpgradeDeps & ReceiveDeps & LeaveDeps & ReportsDeps {
    const { ctx, env } = this;
    const log = objectLog(env);
    const store = this.#store;
    const swarmId = env.SWARM.idFromName(this.#swarm);
    // A stub that has failed may stay broken, so each call has its own; one call at a time per device keeps the order.
    const swarm: SwarmPort = {
      admitDevice: (admission) => env.SWARM.get(swarmId).admitDevice(admission),
      reportFacts: (batch) => env.SWARM.get(swarmId).reportFacts(batch),
      deviceLeft: (device, connection) => env.SWARM.get(swarmId).deviceLeft(device, connection),
      continueHistory: (device, held) => env.SWARM.get(swarmId).continueHistory(device, held),
      ordersUndelivered: (orders) => env.SWARM.get(swarmId).ordersUndelivered(orders),
    };
    const deps: UpgradeDeps & ReceiveDeps & LeaveDeps & ReportsDeps = {
      store,
      tries: this.#tries,
      turns: isolateTurns,
      swarm,
      lanes: lanes({
        pieces: framesWaitingMax,
        laneBytes: laneBytesWaitingMax,
        allBytes: frameBytesWaitingMax,
        sureBytes: laneBytesSure,
      }),
      shares: new Map(),
      heard: new WeakMap<Socket, number>(),
      sleep: (ms) => new Promise((done) => setTimeout(done, ms)),
      now: () => Date.now(),
      random: () => randomBytes(24).toString('base64url'),
      chance: () => Math.random(),
      sockets: (device) => ctx.getWebSockets(device),
      // Only sockets of this object are ever asked for.
      lastPing: (socket) => ctx.getWebSocketAutoResponseTimestamp(socket as WebSocket)?.getTime() ?? null,
      accept: (device, subprotocol) => {
        const { 0: theirs, 1: ours } = new WebSocketPair();
        ctx.acceptWebSocket(ours, [device]);
        const headers = { 'sec-websocket-protocol': subprotocol };
        return { socket: ours, answer: new Response(null, { status: 101, webSocket: theirs, headers }) };
      },
      wakeBy: (at) => this.#wakeBy(at),
      reportSoon: () => this.#reportSoon(),
      reportLefts: (device) => reportLeftsOf(device, deps),
      hasLeft: (device, connection) => hasLeft(device, connection, deps),
      dismiss: (socket: Socket, reason: CloseReason, problem) => dismiss(socket, reason, problem, deps),
      admitted: (device, socket) => {
        this.#wakeBy(Date.now() + patrolMs);
        this.#heardOfSwarm();
        sendOrders(device, socket, deps);
      },
      sendTelemetry: (message) => this.#sendTelemetry(message),
      fault: (call, cause) =>
        log('warn', 'squad_call_failed', { squad: ctx.id.name ?? null, call, cause: nameOf(cause) }),
      parked: (count) => log('error', 'squad_reports_parked', { squad: ctx.id.name ?? null, count }),
    };
    return deps;
  }
}

const REPORT = 'report';

function idOf(work: string): string {
  return work.slice(REPORT.length + 1);
}

/** A message may hold what a tenant sent: only the error's kind is logged. */
function nameOf(cause: unknown): string {
  return cause instanceof Error ? cause.name : 'none';
}
