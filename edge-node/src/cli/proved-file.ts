// What a file proves: an export, a proof, a checkpoint. Which one it is, its content says. The proofs are core's; this reads.

import type { z } from 'zod';
import { type SignedCheckpoint, verifyCheckpoint } from '../../../core/journal/checkpoint.ts';
import type { CloudEvent } from '../../../core/journal/cloud-event.ts';
import { judgeContinuation, NOT_GOING_ON } from '../../../core/journal/continuation.ts';
import { heldTo } from '../../../core/journal/held.ts';
import { verifyEventProof, verifyTaskProof } from '../../../core/journal/proof.ts';
import { type JournalVerifier, type Verdict, verifyJournal } from '../../../core/journal/verify.ts';
import type { Json } from '../../../core/json.ts';
import { hasRepeatedMember } from '../../../core/json-text.ts';
import {
  checkpoint as checkpointSchema,
  consistencyProof,
  inclusionProof,
  taskProof,
} from '../../../core/wire/resources.ts';
import { readSegmentFile } from './segment-file.ts';

/** What the caller knows already. */
export interface Known {
  /** The swarm's public key. */
  readonly key?: string | undefined;
  /** A checkpoint that was kept. */
  readonly held?: SignedCheckpoint | undefined;
}

export type Judged =
  | { readonly what: 'export' | 'archive' | 'task' | 'event' | 'consistency' | 'checkpoint'; readonly verdict: Verdict }
  /** It is none of the things that can be proved. */
  | { readonly what: 'unreadable'; readonly why: string };

const unreadable = (why: string): Judged => ({ what: 'unreadable', why });
const refusal = (seq: number | null, reason: string): Verdict => ({ ok: false, seq, reason });

/** Proves what these bytes hold. */
export async function judgeBytes(bytes: Uint8Array, known: Known): Promise<Judged> {
  if (Buffer.from(bytes.subarray(0, 4)).toString('latin1') === 'PAR1') return judgeParquet(bytes, known);
  const text = decode(bytes);
  if (text === null) return unreadable('it is not UTF-8');
  if (text.startsWith('{"starling":"export"')) return judgeExport(text.split('\n'), known);
  const value = parse(text);
  return value === undefined ? unreadable('it is not JSON') : judgeJson(value, known);
}

/** @param lines the last one is empty: every line has an end */
function judgeExport(lines: readonly string[], known: Known): Judged {
  const [first = '', ...rest] = lines;
  const header = parse(first);
  const checkpoint = headerOf(header);
  if (checkpoint === null) return unreadable('its first line is not that of an export of version 1');
  const judged = (verdict: Verdict): Judged => ({ what: 'export', verdict });
  if (rest.at(-1) !== '') return judged(refusal(null, 'the last line has no end'));
  const verifier = verifierOf(checkpoint, known);
  for (const [index, line] of rest.slice(0, -1).entries()) {
    if (index >= checkpoint.size) return judged(refusal(index + 1, 'there is more than the checkpoint signs'));
    // Whatever JSON can say: the verifier looks at every member before it is used.
    const bad = verifier.take([parse(line) as CloudEvent]);
    if (bad) return judged(bad);
  }
  return judged(verifier.finish());
}

function headerOf(header: unknown): SignedCheckpoint | null {
  if (typeof header !== 'object' || header === null || !('checkpoint' in header)) return null;
  const read = checkpointSchema.strict().safeParse(header.checkpoint);
  const { starling, version, origin } = { starling: '', version: 0, origin: '', ...header };
  const isHeader = starling === 'export' && version === 1 && Object.keys(header).length === 4;
  return read.success && isHeader && origin === read.data.origin ? read.data : null;
}

async function judgeParquet(bytes: Uint8Array, known: Known): Promise<Judged> {
  const file = await readSegmentFile(bytes);
  if (file === null) return { what: 'export', verdict: refusal(null, 'the Parquet file cannot be read') };
  const read = checkpointSchema.strict().safeParse(parse(file.metadata.get('starling.checkpoint') ?? ''));
  if (!read.success) return unreadable('it has no checkpoint; a segment is proved with its archive');
  const { origin, size, head, root } = read.data;
  const { mark, events } = file;
  const isMarked = mark.origin === origin && mark.from === 1 && mark.to === size;
  if (!isMarked || mark.head !== head || mark.root !== root)
    return { what: 'export', verdict: refusal(null, 'the file says something else of itself than its checkpoint') };
  if (events.length > size)
    return { what: 'export', verdict: refusal(size + 1, 'there is more than the checkpoint signs') };
  const verifier = verifierOf(read.data, known);
  verifier.take(events);
  return { what: 'export', verdict: verifier.finish() };
}

/** The verifier of a whole journal, held to what is known of it. */
export function verifierOf(checkpoint: SignedCheckpoint, { key, held }: Known): JournalVerifier {
  const verifier = verifyJournal(checkpoint, key);
  return held === undefined ? verifier : heldTo(held, checkpoint, verifier);
}

function judgeJson(value: unknown, known: Known): Judged {
  if (has(taskProof, value))
    return { what: 'task', verdict: withHeld(verifyTaskProof(value, known.key), value, known) };
  if (has(inclusionProof, value))
    return { what: 'event', verdict: withHeld(verifyEventProof(value, known.key), value, known) };
  if (has(consistencyProof, value)) return judgeConsistency(value, known);
  if (has(checkpointSchema, value)) {
    const verdict = judgeSignature(value, known.key);
    return { what: 'checkpoint', verdict: withHeld(verdict, { checkpoint: value }, known) };
  }
  return unreadable('it is none of the things that can be proved');
}

/** Members that the schema does not name stay: what is proved is what was shown. */
function has<T extends z.ZodObject>(schema: T, value: unknown): value is z.infer<T> {
  return schema.strict().safeParse(value).success;
}

function judgeConsistency(proof: z.infer<typeof consistencyProof>, { key, held }: Known): Judged {
  if (held === undefined) return unreadable('a consistency proof needs the checkpoint that you hold: --held');
  const { from, to, path, checkpoint } = proof;
  const verdict = judgeSignature(checkpoint, key);
  const done = (judged: Verdict): Judged => ({ what: 'consistency', verdict: judged });
  if (!verdict.ok) return done(verdict);
  if (!verifyCheckpoint(held)) return done(refusal(null, 'the signature of the checkpoint that is held does not hold'));
  if (from !== held.size || to !== checkpoint.size)
    return done(refusal(null, 'the proof is from other sizes than those of the checkpoints'));
  const why = judgeContinuation(held, checkpoint, path);
  return done(why === null ? verdict : refusal(null, NOT_GOING_ON[why]));
}

function judgeSignature(checkpoint: SignedCheckpoint, key: string | undefined): Verdict {
  const { origin, size, head, publicKey } = checkpoint;
  if (key !== undefined && key !== publicKey) return refusal(null, NOT_GOING_ON.other_key);
  if (!verifyCheckpoint(checkpoint)) return refusal(null, NOT_GOING_ON.signature_invalid);
  return { ok: true, origin, size, head, publicKey };
}

/** A proof under one checkpoint says nothing of another, unless they are of one size. */
function withHeld(
  verdict: Verdict,
  { checkpoint }: { readonly checkpoint: SignedCheckpoint },
  { held }: Known,
): Verdict {
  if (!verdict.ok || held === undefined) return verdict;
  if (!verifyCheckpoint(held)) return refusal(null, 'the signature of the checkpoint that is held does not hold');
  if (checkpoint.size > held.size && checkpoint.origin === held.origin && checkpoint.publicKey === held.publicKey)
    return refusal(null, `a consistency proof from ${held.size} to ${checkpoint.size} events is needed`);
  const why = judgeContinuation(held, checkpoint, []);
  return why === null ? verdict : refusal(null, NOT_GOING_ON[why]);
}

function decode(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null; // not text: the caller says so
  }
}

/** Undefined for what is not JSON, or says something twice: a proof that can be read in two ways proves neither. */
export function parse(text: string): unknown {
  try {
    const value = JSON.parse(text) as Json; // what JSON.parse gives is Json
    return hasRepeatedMember(value, text) ? undefined : value;
  } catch {
    return undefined;
  }
}
