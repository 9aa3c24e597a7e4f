// The limits of a squad that no one else needs, with their reasons. The shared ones are in core/limits.ts.

import { assert } from '../../core/assert.ts';
import { devicesPerSquad, eventBodyBytesMax, frameBytesMax, ordersInFlightMax } from '../../core/limits.ts';
import { pingMsDefault } from '../../core/wire/device.ts';
import { telemetryBatchBytesMax } from '../../core/wire/telemetry.ts';

/** A device has so long to prove its key. Its credential alone keeps a socket open no longer. */
export const challengeMs = 10_000;
/** Sockets of one device that have not proved its key yet: what a stolen credential can hold open. */
export const unprovedPerDeviceMax = 4;
/** Every device may hold its live socket and one that is about to replace it. */
export const socketsMax = 2 * devicesPerSquad;

/** Frames a second that a socket is served for long, and at once: far above what one batch in flight needs. */
export const framesPerSecondMax = 500;
export const framesBurstMax = 1_000;
/** A telemetry frame costs a queue message, so it counts as so many frames. */
export const telemetryFrameCost = 10;
/** How often a device may come in, for long and at once: each time is an event, and so is its end. */
export const admissionsPerMinuteMax = 30;
export const admissionsBurstMax = 60;
/** One call to the swarm with facts: so much weight of the device's share, or one fact. The swarm takes it in turns by itself. */
export const factsCallCostMax = 200;
/** Frames and bytes of one device that wait behind a call to the swarm: two full batches, and what may come beside them. */
export const framesWaitingMax = 256;
export const laneBytesWaitingMax = 4 * 1024 * 1024;
/** Bytes of all devices that wait. Beyond it memory is at risk. */
export const frameBytesWaitingMax = 32 * 1024 * 1024;
/** Each device may have so many waiting whatever the others do: small frames of an honest one. All of them are half as much again. */
export const laneBytesSure = 16 * 1024;

/** Telemetry sends under way at once; the queue is slower than a socket. */
export const telemetrySendsMax = 64;
/** A fact as it travels: larger ones are set aside here, since no event could hold them. */
export const factBytesMax = eventBodyBytesMax;
/** What is said of a fact that did not parse. */
export const poisonCharsMax = 300;

/** Orders that wait for one device. Beyond it the newest are reported undelivered. */
export const ordersPerDeviceMax = 512;
/** An order as it travels, so that one always fits a frame. */
export const orderBytesMax = frameBytesMax - 1_024;
/** Orders that one alarm ends. */
export const ordersExpiredPerWake = 500;

/** A call to the swarm that has no answer by then has failed, as far as the device is told. */
export const swarmCallMs = 15_000;
/** Reports in one round of the drain, and rounds in one drain. */
export const reportsPerRound = 100;
export const reportRoundsMax = 20;
/** A report is tried so often, then parked until the swarm is heard of again [P18]. */
export const reportTriesMax = 10;
export const reportRetryMsMin = 1_000;
export const reportRetryMsMax = 5 * 60_000;
/** A report is sent at once; the alarm sends it if the object went away before. */
export const reportGraceMs = 5_000;

/** A device that has not pinged for so long is gone, whatever its socket says: three pings missed. */
export const silentMsMax = 3 * pingMsDefault;
/** While devices are connected the squad looks so often for silent ones. Pings themselves never wake it. */
export const patrolMs = 5 * 60_000;
/** Alarms lie on this grid, so that a thousand deadlines are not a thousand wakes. */
export const wakeGridMs = 500;

assert(laneBytesWaitingMax > 2 * frameBytesMax, 'two full batches may wait');
assert(laneBytesWaitingMax * 4 < frameBytesWaitingMax, 'a few devices cannot take the room of all');
assert(orderBytesMax > 0 && ordersInFlightMax <= ordersPerDeviceMax, 'what is in flight fits what is stored');
assert(telemetryBatchBytesMax < frameBytesMax, 'a telemetry batch fits a frame');
assert(patrolMs > silentMsMax, 'a patrol is rarer than a ping');
