// Every limit of core/limits.ts: how one comes to it and one beyond it, or why no command can.

import type * as limits from '../../../core/limits.ts';

export type LimitName = keyof typeof limits;

const API = 'of requests: refused by the API before a command is made of them';
const SQUAD = 'of frames on a line: the squad closes it (hostile-frame in tier B)';
const PACE = 'how often or how soon the swarm itself does something: nobody can ask for more';
const DEFAULT = 'what holds when nobody says otherwise: there is nothing beyond it';
const SIZE = 'how much the swarm itself takes at once: more is done in the next turn, nothing is refused';
const READ = 'what one answer brings: whoever asks for more gets the first part and where to go on';
const DIRECTORY = 'counted in the directory, outside of any swarm';
const IMPORT = 'of an export that is brought in: refused by its receiver before the object sees a line';
const STORAGE = 'of the object’s size: a gigabyte of rows';

/** Limits that no command of a swarm can reach, and why. */
export const NOT_REACHED = {
  bodyBytesMax: API,
  eventTypeCharsMax: API,
  sameBodyMs: PACE,
  frameBytesMax: SQUAD,
  deviceFactsPerSecondMax: SQUAD,
  deviceFactsBurstMax: SQUAD,
  deviceBytesPerSecondMax: SQUAD,
  deviceBytesBurstMax: SQUAD,
  turnRows: SIZE,
  turnBytes: SIZE,
  shareInFlightMax: API,
  commandsPerCallMax: 'of one call to the object: a list that nobody but the API makes',
  retryMsMin: PACE,
  retryMsMax: PACE,
  deliverWithinMs: PACE,
  leaseMsDefault: DEFAULT,
  deadlineMsDefault: DEFAULT,
  supplyMicroDefault: DEFAULT,
  cycleMs: PACE,
  resultsFilledBytesMax: 'ends the mission in place of a refusal',
  resultsReadCharsMax: 'ends the mission in place of a refusal',
  devicesPerSquad: 'how devices are shared out among squads: the next one gets the next squad',
  enrollmentMs: PACE,
  listLimitDefault: DEFAULT,
  listLimitMax: API,
  waitSecondsMax: READ,
  followersMax: 'the follower that was silent for longest is cut off, and goes on where it was',
  exportsMax: 'of streams that are read at once: a command opens none',
  exportRetryMs: PACE,
  streamChunkBytes: READ,
  readerSilenceMsMax: 'of the reader of a stream: it is cut off',
  journalPageMax: READ,
  answerCharsMax: READ,
  checkpointMs: PACE,
  checkpointEvents: PACE,
  timerTriesMax: PACE,
  timersPerAlarm: SIZE,
  outboxTriesMax: PACE,
  workDeathsMax: PACE,
  workPauseMs: PACE,
  workParkedMs: PACE,
  outboxPerDrain: SIZE,
  clockAheadMs: 'of the machine’s clock: it is said, nothing is refused',
  clockBehindMs: 'of the machine’s clock: it is said, nothing is refused',
  rowsMovedAtOnce: SIZE,
  breakerWindowMs: PACE,
  breakerRowsWrittenMax: 'of what an object does in a minute: a gigabyte of writes',
  breakerAlarmsMax: 'of what an object does in a minute: no command rings an alarm',
  choreRetryMsMin: PACE,
  choreRetryMsMax: PACE,
  choreTriesMax: PACE,
  snapshotEvents: SIZE,
  snapshotCharsMax: SIZE,
  segmentEvents: SIZE,
  hotEventsMin: SIZE,
  hotEventsMax: SIZE,
  calmEventsPerSecond: PACE,
  choreBacklogMax: SIZE,
  checkpointBacklogMax: SIZE,
  segmentEventsMin: SIZE,
  segmentBytesMax: SIZE,
  segmentsPerRequestMax: SIZE,
  segmentCacheBytes: SIZE,
  objectBytesMax: 'of one object in the archive: what is written is cut far below it',
  diffEventsMax: READ,
  diffCharsMax: READ,
  importBytesMax: IMPORT,
  importLineBytesMax: IMPORT,
  importBatchBytesMax: SIZE,
  importBatchLinesMax: SIZE,
  importSilenceMsMax: IMPORT,
  importAbandonedMs: PACE,
  importsMax: DIRECTORY,
  traceDelayMs: PACE,
  traceBatchSpansMax: SIZE,
  traceBatchBytesMax: SIZE,
  traceBatchesPerRun: SIZE,
  traceEventsPerBatch: SIZE,
  traceAttemptsMax: SIZE,
  traceTriesMax: PACE,
  traceRetryMsMin: PACE,
  traceRetryMsMax: PACE,
  traceAnswerMsMax: PACE,
  tallyEventsMax: SIZE,
  forksMax: DIRECTORY,
  whatIfTasksMax: API,
  whatIfRoutesMax: API,
  storageBytesMax: STORAGE,
  storageBytesWarn: STORAGE,
  storageBytesRefuse: STORAGE,
  storageBytesFull: STORAGE,
} as const satisfies Partial<Record<LimitName, string>>;

/** A limit that a command, or what a device says, can come to. */
export type ReachedName = Exclude<LimitName, keyof typeof NOT_REACHED>;
