// Builders for the telemetry tests: messages as the platform's queue would deliver them, and what became of each.

import { newId } from '../../core/ids.ts';
import type { TelemetryMessage, TelemetryRecord } from '../../core/wire/telemetry.ts';
import type { QueueMessage } from '../../functions/telemetry/queue.ts';

export const NOON = Date.parse('2026-11-20T12:34:56.789Z');

/** Ids that differ in one number. */
export const tenant = (n = 1) => newId('tnt', NOON, new Uint8Array(10).fill(n));
export const swarm = (n = 1) => newId('swm', NOON, new Uint8Array(10).fill(n));
export const device = (n = 1) => newId('dev', NOON, new Uint8Array(10).fill(n));

export const aRecord = (change: Partial<TelemetryRecord> = {}): TelemetryRecord => ({
  name: 'battery.voltage',
  at: NOON - 1_000,
  value: 3.7,
  ...change,
});

export const aMessage = (records: readonly unknown[], change: Partial<TelemetryMessage> = {}): TelemetryMessage => ({
  tenant: tenant(),
  swarm: swarm(),
  device: device(),
  receivedAt: NOON,
  batch: { records },
  ...change,
});

/** A delivered message that remembers how it was answered. */
export class Delivered implements QueueMessage {
  readonly timestamp = new Date(NOON);
  answers: string[] = [];
  readonly id: string;
  readonly body: unknown;
  readonly attempts: number;

  constructor(id: string, body: unknown, attempts = 1) {
    this.id = id;
    this.body = body;
    this.attempts = attempts;
  }

  ack(): void {
    this.answers.push('ack');
  }

  retry(options?: { delaySeconds?: number }): void {
    this.answers.push(options?.delaySeconds === undefined ? 'retry' : `retry in ${options.delaySeconds} s`);
  }
}

/** Answers of each message, each expected to have exactly one. */
export const answersOf = (messages: readonly Delivered[]) => messages.map(({ answers }) => answers.join(', '));
