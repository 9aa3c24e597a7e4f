// Every fault that the simulator makes, by name. Each seed draws a rate of its own for each, between the two given here, or none
// at all; each is counted when it has fired and mattered. A run in which one never did proves nothing about it [tier I].

/** What a fault is, and how often it may strike: the chance at each opportunity. */
export interface Fault {
  readonly idea: string;
  readonly rate: readonly [least: number, most: number];
}

export const FAULTS = {
  // Requests and calls: what one program says to another.
  'request-dropped': { idea: 'a request never arrives', rate: [0.005, 0.15] },
  'reply-dropped': { idea: 'it is done, and nobody hears of it: a lost acknowledgement', rate: [0.005, 0.15] },
  'request-duplicated': { idea: 'a request arrives twice', rate: [0.005, 0.15] },
  'request-delayed': { idea: 'a request is seconds on its way', rate: [0.005, 0.1] },
  'request-reordered': { idea: 'a request arrives before one that was sent earlier', rate: [0, 0] },
  'repeated-later': { idea: 'a client that has its answer asks again', rate: [0.1, 0.6] },
  'repeated-after-30-days': { idea: 'the same, more than 30 days later', rate: [0.5, 1] },
  'other-body': { idea: 'an id is used again for another request', rate: [0.1, 0.5] },
  // The objects.
  'crash-before-commit': { idea: 'an object crashes at a statement', rate: [0.0005, 0.004] },
  'crash-after-commit': {
    idea: 'an object crashes when its rows are durable and nobody was told',
    rate: [0.002, 0.02],
  },
  'commit-not-durable': {
    idea: 'what was written turns out not to be durable: the output gate holds',
    rate: [0.002, 0.02],
  },
  eviction: { idea: 'an idle object is put away', rate: [0.01, 0.1] },
  'alarm-late': { idea: 'an alarm rings up to minutes late', rate: [0.01, 0.2] },
  'alarm-twice': { idea: 'an alarm rings twice', rate: [0.01, 0.2] },
  'alarm-fails': { idea: 'an alarm fails before its handler has begun', rate: [0.01, 0.2] },
  'alarm-lost': { idea: 'an alarm has failed six times and rings no more', rate: [0.05, 0.9] },
  // Clocks.
  'clock-forward': { idea: 'an object’s clock jumps an hour on', rate: [0.001, 0.01] },
  'clock-back': { idea: 'an object’s clock jumps an hour back', rate: [0.001, 0.01] },
  'clock-far-ahead': { idea: 'an object’s clock is 400 days ahead for a moment', rate: [0.0005, 0.005] },
  'device-clock-wrong': { idea: 'a device’s wall clock jumps an hour either way', rate: [0.005, 0.05] },
  'thirty-days': { idea: 'everything sleeps for 31 days', rate: [0.0005, 0.002] },
  // Devices and their lines.
  'line-cut': { idea: 'a line is cut, and both sides hear of it', rate: [0.005, 0.1] },
  'line-half-open': { idea: 'a line is cut, and a side does not hear of it', rate: [0.005, 0.05] },
  'zombie-frames': { idea: 'frames of a session arrive that the device has given up', rate: [0, 0] },
  'device-killed': { idea: 'a device’s process ends without a word', rate: [0.01, 0.1] },
  'power-cut': { idea: 'a device loses its power at a statement', rate: [0.0005, 0.005] },
  'disk-rolled-back': { idea: 'a device starts again with an older disk', rate: [0.2, 0.8] },
  'stale-epoch': { idea: 'facts of an epoch come that is no longer in force', rate: [0, 0] },
  'fact-repeated': { idea: 'a fact comes again that was counted', rate: [0, 0] },
  // Hostility.
  'hostile-frame': { idea: 'a proved device sends what no device sends', rate: [0.005, 0.05] },
  'poison-fact': { idea: 'a fact cannot be read and is set aside', rate: [0.005, 0.05] },
  'false-report': { idea: 'a device reports an attempt that it does not have', rate: [0.005, 0.05] },
  'oversized-command': { idea: 'a client asks for more than a limit allows', rate: [0.02, 0.2] },
  flood: { idea: 'a tenant asks hundreds of times at once', rate: [0.0005, 0.002] },
  // Money and keys.
  'resolution-race': { idea: 'a hold is settled, voided and expires at once', rate: [0.02, 0.2] },
  'price-changed': { idea: 'a price changes while an attempt at the old one runs', rate: [0.005, 0.05] },
  'overspend-race': { idea: 'several ask for the last credits at once', rate: [0.02, 0.2] },
  'key-rotated': { idea: 'a key is replaced or revoked while requests with it are under way', rate: [0.2, 0.9] },
  // Others’ systems.
  'receiver-failed': { idea: 'a receiver of webhooks answers with an error, or with 410', rate: [0.05, 0.5] },
  'receiver-silent': { idea: 'a receiver takes a delivery and its answer is lost', rate: [0.02, 0.2] },
  'sender-repeats': { idea: 'a sender of webhooks delivers the same again', rate: [0.05, 0.5] },
  'queue-duplicated': { idea: 'a queue delivers a message again that was acknowledged', rate: [0.02, 0.2] },
  'queue-partial': { idea: 'a queue delivers again a part of a batch in other company', rate: [0.02, 0.2] },
  'storage-failed': { idea: 'object storage fails', rate: [0.02, 0.2] },
  'storage-throttled': { idea: 'object storage refuses for a while', rate: [0.01, 0.1] },
  'storage-late': { idea: 'object storage has stored it, and the answer is a failure', rate: [0.02, 0.2] },
  'storage-damaged': { idea: 'object storage answers with a bit flipped, or without the end', rate: [0.02, 0.2] },
  'storage-missing': { idea: 'object storage does not find what it has', rate: [0.01, 0.1] },
  'storage-exchanged': { idea: 'object storage answers with what lies under another key', rate: [0.01, 0.1] },
  'storage-kept-damaged': { idea: 'object storage keeps a part, and says that it has all', rate: [0.02, 0.4] },
  // History: forks, imports, followers, other code.
  'fork-cut': { idea: 'an object of a fork that is being filled crashes', rate: [0, 0] },
  'import-cut': { idea: 'an object that an import fills crashes', rate: [0, 0] },
  'import-tampered': { idea: 'an export was changed on the way', rate: [0.2, 0.6] },
  'import-from-later-code': { idea: 'an export has events that are not known here yet', rate: [0.2, 0.6] },
  'stream-cut': { idea: 'the stream of a follower breaks off', rate: [0.01, 0.1] },
  'stream-lost': { idea: 'the object of a follower is gone, and the stream says nothing', rate: [0, 0] },
  'code-changed': { idea: 'other code comes into force, and rows have another version', rate: [0.002, 0.02] },
  'fork-made': { idea: 'no fault: a fork was filled while its parent went on', rate: [0, 0] },
  'fork-of-a-fork': { idea: 'no fault: a fork was forked', rate: [0, 0] },
  'import-made': { idea: 'no fault: an export was brought in, whole', rate: [0, 0] },
  'snapshot-by-itself': { idea: 'no fault: a swarm took a snapshot by itself', rate: [0, 0] },
  'segment-by-itself': { idea: 'no fault: a swarm moved old events to its archive by itself', rate: [0, 0] },
  'past-read': { idea: 'no fault: a moment of the past was rebuilt and compared', rate: [0, 0] },
  'archive-written': { idea: 'no fault: old events were moved to the archive', rate: [0, 0] },
} as const satisfies Record<string, Fault>;

export type FaultName = keyof typeof FAULTS;
export const FAULT_NAMES = Object.keys(FAULTS) as FaultName[]; // its own keys
