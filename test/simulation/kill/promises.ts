// What the server has promised: every answer that reached a client, with the request that it answered. Nothing in here comes
// from the server's own records; the checker holds these against them.

import type { Asked } from './client.ts';

/** What a request makes, by which its trace in the journal is known. */
export const DEEDS = {
  task: 'task.requested',
  posted: 'transfer.posted',
  held: 'transfer.held',
  settled: 'transfer.settled',
  voided: 'transfer.voided',
} as const;
export type Deed = keyof typeof DEEDS;

/** An acknowledged request. */
export interface Promised {
  readonly deed: Deed;
  readonly asked: Asked & { readonly key: string };
  readonly status: number;
  /** The bytes of the answer. */
  readonly answer: string;
  /** The id of the task or transfer that the answer names. */
  readonly id: string;
}

/** A refused request: the same key gives the same refusal for ever. */
export interface Refused {
  readonly asked: Asked & { readonly key: string };
  readonly status: number;
  readonly code: string;
}

export interface Promises {
  readonly promised: Promised[];
  readonly refused: Refused[];
  /** Tasks that were seen finished, with the bytes in which they were shown. */
  readonly finished: Map<string, string>;
}

export function noPromises(): Promises {
  return { promised: [], refused: [], finished: new Map() };
}
