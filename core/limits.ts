// Every limit of a swarm, with its reason, and the relations between them. At a limit we refuse clearly, before the
// platform does [P15].

import { assert } from './assert.ts';

/** An HTTP body. Larger things travel by reference. */
export const bodyBytesMax = 1024 * 1024;
/** An event's canonical body: journal rows stay far below the platform's 2 MB row. */
export const eventBodyBytesMax = 256 * 1024;
/** A task's input; leaves room in the event beside it. */
export const taskInputBytesMax = 192 * 1024;
/** A task's result as it stands in the journal. */
export const taskResultBytesMax = 224 * 1024;
/** An error message that came from outside. */
export const errorMessageCharsMax = 2_000;
/** The event type that a sender of a webhook gives its delivery: the journal keeps it. */
export const eventTypeCharsMax = 256;
/** A delivery whose sender signs neither a time nor an id: the same body counts once in so long. */
export const sameBodyMs = 24 * 3_600_000;
/** One WebSocket frame: the platform fails near 1 MB. */
export const frameBytesMax = 900 * 1024;
/** Facts in one batch from a device. */
export const factsPerBatchMax = 100;
/** Facts of one device a second, for long and at once, by weight: a description weighs as much as the routes it may change. */
export const deviceFactsPerSecondMax = 100;
export const deviceFactsBurstMax = 1_000;
/** Bytes of one device a second, for long and at once: what one device can fill a swarm with, and how long others wait for it. */
export const deviceBytesPerSecondMax = 256 * 1024;
export const deviceBytesBurstMax = 4 * 1024 * 1024;
/** Orders sent to a device that it has not acknowledged yet. */
export const ordersInFlightMax = 64;
/** Commands that one RPC may bring: one transaction, well under a second. */
export const commandsPerCallMax = 1_000;

/** Rows or events, and bytes of their text, that one tenant works on before it lets others run: under ten milliseconds of each. */
export const turnRows = 64;
export const turnBytes = 256 * 1024;
/** Requests of one tenant that may be in flight while another tenant has some too; 32 KiB of a body weigh as much as one. */
export const shareInFlightMax = 64;

/** Tries of one task before it fails for good. */
export const attemptsMax = 3;
/** First pause before another attempt; doubles each time. */
export const retryMsMin = 1_000;
export const retryMsMax = 60_000;
/** A device has so long to take an offer before it goes to another executor. */
export const deliverWithinMs = 15_000;
/** A lease, renewed by progress. */
export const leaseMsMin = 5_000;
export const leaseMsDefault = 60_000;
export const leaseMsMax = 60 * 60_000;
/** A deadline when the client names none, and the furthest one a client may name. */
export const deadlineMsDefault = 15 * 60_000;
export const deadlineMsMax = 30 * 24 * 3_600_000;

/** Money: integer micro-credits, far below 2^53 even when every account is summed. */
export const amountMicroMax = 1_000_000_000_000_000;
export const transferTimeoutMsMax = 30 * 24 * 3_600_000;
/** Credits of one cycle that a new swarm starts with: 1,000 credits. */
export const supplyMicroDefault = 1_000_000_000;
export const cycleMs = 30 * 24 * 3_600_000;

export const planTasksMax = 200;
export const planDepthMax = 50;
/** What one decision does for the tasks of a mission, in bytes of their text; each counts so much besides. The next one goes on. */
export const walkBytes = turnBytes / 2;
export const walkBytesOfTask = 1024;
/** Characters of stored tasks that one success may read again for their results: parsed in less than a tenth of a second. */
export const resultsReadCharsMax = 16 * 1024 * 1024;
export const missionsOpenMax = 200;
export const tasksOpenMax = 10_000;
export const devicesMax = 32_000;
export const devicesPerSquad = 1_000;
export const operationsPerDeviceMax = 200;
export const keysMax = 500;
export const triggersMax = 200;
export const webhooksMax = 50;
export const enrollmentMs = 60 * 60_000;
export const keyGraceMsMax = 7 * 24 * 3_600_000;

export const listLimitDefault = 20;
export const listLimitMax = 100;
export const waitSecondsMax = 30;
export const followersMax = 200;
/** Exports of one swarm that are read at once: each reads the whole journal, and a Parquet file is made of megabytes at a time. */
export const exportsMax = 8;
/** Who finds all of them taken asks again after so long. */
export const exportRetryMs = 5_000;
/** Bytes of a stream that are on their way at once, and what an export or a follower reads the journal by. */
export const streamChunkBytes = 64 * 1024;
/** A reader that takes nothing of a stream for so long is cut off: with such pieces, one slower than a kilobyte a second. */
export const readerSilenceMsMax = 60_000;
/** Events that one read of the journal may bring. */
export const journalPageMax = 1_000;
/** Text of one page of events, of a list or of a difference: what crosses between objects is limited to 32 MiB. */
export const answerCharsMax = 4 * 1024 * 1024;

/** While the journal grows a checkpoint is signed after so long, or after so many events if that is sooner. */
export const checkpointMs = 60 * 60_000;
export const checkpointEvents = 1_024;
/** Where the swarm is busy, a checkpoint waits for so many times as many. */
export const checkpointBacklogMax = 8;

/** A timer that fails so often is parked, with an alert [P18]. */
export const timerTriesMax = 3;
/** Timers taken in one alarm. */
export const timersPerAlarm = 100;
/** An outbox row is tried so often before it is parked. */
export const outboxTriesMax = 10;
export const outboxPerDrain = 100;

/** Work that the process has died of so often while it was tried alone is parked, with an alert [P18]. */
export const workDeathsMax = 2;
/** What was alone when the process died waits so long at least: whoever else died of another's work has gone on by then. */
export const workPauseMs = 5_000;
/** What is parked is not lost: it is tried again, alone, after a day, and after twice as long each time it ends the process. */
export const workParkedMs = 24 * 3_600_000;
/** A clock that is ahead of the last recorded time by more is said: nothing happened for so long, or it is wrong. */
export const clockAheadMs = 24 * 3_600_000;
/** A clock that is behind by less is waited for, as by a time server's small steps; one that is further behind is believed. */
export const clockBehindMs = 10 * 60_000;
/** Rows that one decision moves when a wrong clock was corrected. */
export const rowsMovedAtOnce = 100;

/** The breaker of one object, per minute: beyond it, writes are refused until the minute is over [P18]. */
export const breakerWindowMs = 60_000;
export const breakerRowsWrittenMax = 6_000_000;
export const breakerAlarmsMax = 600;

/** A chore of the recorder that fails waits so long, doubled each time, and is told of after so many tries [P18]. */
export const choreRetryMsMin = 5_000;
export const choreRetryMsMax = 60 * 60_000;
export const choreTriesMax = 5;
/** A swarm that sees more events in a second is busy: snapshots and the archive wait for a quieter one … */
export const calmEventsPerSecond = 500;
/** … until so many times what makes them due has come together, or so many events are in the object. */
export const choreBacklogMax = 4;
export const hotEventsMax = 500_000;
/** A snapshot is taken after so many events, or a few times as many where the swarm is busy: the past is never further from one. */
export const snapshotEvents = 8_192;
/** Or after so much text of events, if that is sooner: what is folded behind a snapshot fits an object's memory. */
export const snapshotCharsMax = 8 * 1024 * 1024;
/** Events of one archive segment: a whole number of the Merkle tree's cached subtrees, and bounds what reading one needs. */
export const segmentEvents = 8_192;
/** Events that stay in the object at least: what webhooks, proofs and followers ask for is nearly always among them. */
export const hotEventsMin = 16_384;
/** The smallest segment that is made on request. */
export const segmentEventsMin = 256;
/** Events of one row group of a Parquet file, and their text: one group is packed, or unpacked, in one turn. */
export const rowGroupEvents = 512;
export const rowGroupChars = turnBytes;
/** Text of the events in one segment, so that writing one and reading it back fits an object's memory; a cut comes sooner then. */
export const segmentBytesMax = 8 * 1024 * 1024;
/** Segments that one request may have made: a larger backlog goes on with the next request, or by the clock. */
export const segmentsPerRequestMax = 16;
/** Bytes of events that were read from the archive and are kept at hand. */
export const segmentCacheBytes = 12 * 1024 * 1024;
/** An object of the archive; it crosses RPC whole, whose limit is 32 MiB. */
export const objectBytesMax = 24 * 1024 * 1024;
/** Events between the two moments of a difference. */
export const diffEventsMax = 200_000;
/** Their text: the rows that they touch are held twice. */
export const diffCharsMax = 32 * 1024 * 1024;
/** How long a tenant may have its history kept; without a setting, for ever. */
export const retentionDaysMin = 1;
export const retentionDaysMax = 3_650;

/** The text of an export that is brought in, unpacked: with its rows it stays below what an object holds. */
export const importBytesMax = 2 * 1024 ** 3;
/** One line of an export: an event's body, and what stands around it. */
export const importLineBytesMax = eventBodyBytesMax + 64 * 1024;
/** Lines that go to the object at once: one transaction, a few turns' worth. */
export const importBatchBytesMax = 512 * 1024;
export const importBatchLinesMax = 128;
/** Text of stored rows that events change, as far as one transaction reads and writes it before others come in. */
export const importRowsCharsMax = 4 * 1024 * 1024;
/** The same of one event: more than a hundred tasks of a swarm have, whose times are moved together. */
export const importRowsOfEventCharsMax = 48 * 1024 * 1024;
/** What is asked of all tasks of a mission at once: of one of them, more than three attempts that failed say. */
export const importBriefBytesMax = 64 * 1024;
/** Whoever sends an export sends something at least so often. */
export const importSilenceMsMax = 30_000;
/** An import that nobody goes on with is thrown away after so long. */
export const importAbandonedMs = 10 * 60_000;
/** Imported swarms of one tenant. */
export const importsMax = 20;

/** What happened waits so long to be exported as spans, so that many go in one request. */
export const traceDelayMs = 5_000;
/** Spans of one request, and its bytes: collectors refuse larger ones. */
export const traceBatchSpansMax = 512;
export const traceBatchBytesMax = 1024 * 1024;
/** Requests of one turn, and events that are looked through for one of them. */
export const traceBatchesPerRun = 16;
export const traceEventsPerBatch = 4_096;
/** Attempts of one task that are shown, the last ones. */
export const traceAttemptsMax = 64;
/** A request that is not taken is tried so often, with growing pauses; then its spans are given up, and counted. */
export const traceTriesMax = 8;
export const traceRetryMsMin = 1_000;
export const traceRetryMsMax = 5 * 60_000;
/** The collector has so long to answer. */
export const traceAnswerMsMax = 10_000;
/** Counts of events are stored after so many: what a restart counts again. */
export const tallyEventsMax = 8_192;

/** Forks of one tenant that are not deleted. */
export const forksMax = 50;
/** Tasks that one what-if runs again; unless it asks for less, all of them. */
export const whatIfTasksMax = 1_000;
/** Routes that one what-if wants otherwise. */
export const whatIfRoutesMax = 50;

/** The platform's object storage per object is 10 GB: warn at half, refuse new work at 80 %, everything that grows at 90 %. */
export const storageBytesMax = 10_000_000_000;
export const storageBytesWarn = storageBytesMax * 0.5;
export const storageBytesRefuse = storageBytesMax * 0.8;
/** Beyond it nothing is taken that grows the swarm, not even what a device says of work under way: its device keeps it. */
export const storageBytesFull = storageBytesMax * 0.9;

assert(taskInputBytesMax < eventBodyBytesMax, 'a task input fits its event');
assert(taskResultBytesMax < eventBodyBytesMax, 'a task result fits its event');
assert(eventBodyBytesMax < frameBytesMax, 'an event fits a frame');
assert(taskInputBytesMax < frameBytesMax, 'an offer fits a frame');
assert(deliverWithinMs < leaseMsDefault, 'an undelivered offer is known before its lease ends');
assert(
  clockBehindMs < deadlineMsDefault && clockBehindMs < clockAheadMs,
  'a clock that is waited for ends no task late by much',
);
assert(amountMicroMax * 8 < Number.MAX_SAFE_INTEGER, 'sums of amounts stay exact');
assert(
  rowsMovedAtOnce * (taskInputBytesMax + taskResultBytesMax) < importRowsOfEventCharsMax,
  'what a swarm has said can be brought in',
);
assert(attemptsMax * 6 * errorMessageCharsMax < importBriefBytesMax, 'a task that has failed can be brought in');
assert(importBytesMax * 3 < storageBytesRefuse, 'an import fits an object, with its rows and indexes');
assert(segmentEvents % segmentEventsMin === 0, 'segments end where subtrees end');
assert(eventBodyBytesMax * 2 < segmentBytesMax && segmentBytesMax * 2 < objectBytesMax, 'a segment is one object');
assert(frameBytesMax < deviceBytesBurstMax, "a frame fits a device's share of bytes");
assert(factsPerBatchMax < deviceFactsBurstMax, 'a batch fits its share of facts');
assert(1 + 2 * operationsPerDeviceMax < deviceFactsBurstMax, 'a description fits it');
assert(storageBytesRefuse < storageBytesFull, 'work under way has room to end');
assert(leaseMsMin < leaseMsDefault && leaseMsDefault < leaseMsMax, 'leases are ordered');
assert(tallyEventsMax < hotEventsMin, 'events are counted before they go to the archive');
assert(traceAttemptsMax < traceBatchSpansMax, 'a task and its attempts fit a request of spans');
