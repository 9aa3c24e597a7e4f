// Where a swarm's past lies in object storage. A key says whose it is; what an object is, its hash in the key or in the
// journal says.

import { archiveId } from './state.ts';

/** Chunks of states: shared by all swarms of a tenant, so that a fork copies nothing. */
export function chunkKey(tenant: string, hash: string): string {
  return `state/${tenant}/${hash}.json.gz`;
}

export function snapshotKey(origin: string, seq: number, stateHash: string): string {
  return `snapshots/${origin}/${archiveId(seq)}-${stateHash.slice(0, 16)}.json.gz`;
}

/** The tenant of an origin, `tenant/swarm`. */
export function tenantOf(origin: string): string {
  return origin.slice(0, origin.indexOf('/'));
}

/** A segment of a swarm's journal. Its name says what it is of; the same events make the same name. */
export function segmentKey(origin: string, from: number, to: number, sha256: string): string {
  return `journal/${origin}/${archiveId(from)}-${archiveId(to)}-${sha256.slice(0, 16)}.parquet`;
}

/** What lies in a swarm's archive, for whoever reads it without the swarm. */
export function manifestKey(origin: string): string {
  return `journal/${origin}/manifest.json`;
}
