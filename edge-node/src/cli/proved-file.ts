// What a file proves: an export, a proof, a checkpoint. Which one it is, its content says. The proofs are core's; this reads.

import { z } from 'zod';
import { type SignedCheckpoint, verifyCheckpoint } from '../../../core/journal/checkpoint.ts';
import type { CloudEvent } from '../../../core/journal/cloud-event.ts';
import { judgeContinuation, NOT_GOING_ON } from '../../../core/journal/continuation.ts';
import { heldTo } from '../../../core/journal/held.ts';
import { verifyEventProof, verifyTaskProof } from '../../../core/journal/proof.ts';
import { type JournalVerifier, type Verdict, verifyJournal } from '../../../core/journal/verify.ts';
import { importLineBytesMax } from '../../../core/limits.ts';
import {
  checkpoint as checkpointSchema,
  consistencyProof,
  inclusionProof,
  taskProof,
} from '../../../core/wire/resources.ts';
import { type ByteLine, byteLines, decode, NO_END } from './byte-lines.ts';
import { openSegmentFile } from './segment-file.ts';
import { parse } from './strict-json.ts';

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

/** A proof comes in one answer, and its JSON takes many times as much memory as text. */
export const proofBytesMax = 16 * 1024 * 1024;
const EXPORT_BEGINS = '{"starling":"export"';

/** Proves what these bytes hold. */
export async function judgeBytes(bytes: Uint8Array, known: Known): Promise<Judged> {
  const begins = Buffer.from(bytes.subarray(0, EXPORT_BEGINS.length)).toString('latin1');
  if (begins.startsWith('PAR1')) return judgeParquet(bytes, known);
  if (begins === EXPORT_BEGINS) return judgeExport(byteLines(bytes, importLineBytesMax), known);
  if (bytes.length > proofBytesMax) return unreadable(`it is no export, and has more than ${proofBytesMax} bytes`);
  const text = decode(bytes);
  if (text === null) return unreadable('it is not UTF-8');
  const value = parse(text);
  return value === undefined ? unreadable('it is not JSON') : judgeJson(value, known);
}

function judgeExport(lines: Iterator<ByteLine, undefined>, known: Known): Judged {
  const first = lines.next().value;
  const checkpoint = headerOf(first?.ok ? parse(first.value) : null);
  if (checkpoint === null) return unreadable('its first line is not that of an export of version 1');
  const judged = (verdict: Verdict): Judged => ({ what: 'export', verdict });
  const verifier = verifierOf(checkpoint, known);
  // Line by line: what is wrong ends it there, whatever follows.
  for (let seq = 1; ; seq++) {
    const line = lines.next().value;
    if (line === undefined) return judged(verifier.finish());
    if (!line.ok) return judged(refusal(line.error === NO_END ? null : seq, line.error));
    if (seq > checkpoint.size) return judged(refusal(seq, 'there is more than the checkpoint signs'));
    // Whatever JSON can say: the verifier looks at every member before it is used.
    const bad = verifier.take([parse(line.value) as CloudEvent]);
    if (bad) return judged(bad);
  }
}

function headerOf(header: unknown): SignedCheckpoint | null {
  if (typeof header !== 'object' || header === null || !('checkpoint' in header)) return null;
  const read = checkpointSchema.strict().safeParse(header.checkpoint);
  const { starling, version, origin } = { starling: '', version: 0, origin: '', ...header };
  const isHeader = starling === 'export' && version === 1 && Object.keys(header).length === 4;
  return read.success && isHeader && origin === read.data.origin ? read.data : null;
}

async function judgeParquet(bytes: Uint8Array, known: Known): Promise<Judged> {
  const judged = (verdict: Verdict): Judged => ({ what: 'export', verdict });
  const file = await openSegmentFile(bytes);
  if (file === null) return judged(refusal(null, 'the Parquet file cannot be read'));
  const read = checkpointSchema.strict().safeParse(parse(file.metadata.get('starling.checkpoint') ?? ''));
  if (!read.success) return unreadable('it has no checkpoint; a segment is proved with its archive');
  const { origin, size, head, root } = read.data;
  const { mark } = file;
  const isMarked = mark.origin === origin && mark.from === 1 && mark.to === size;
  if (!isMarked || mark.head !== head || mark.root !== root)
    return judged(refusal(null, 'the file says something else of itself than its checkpoint'));
  const verifier = verifierOf(read.data, known);
  let seq = 0;
  try {
    for await (const event of file.events()) {
      if (++seq > size) return judged(refusal(seq, 'there is more than the checkpoint signs'));
      const bad = verifier.take([event]);
      if (bad) return judged(bad);
    }
  } catch {
    return judged(refusal(seq + 1, 'the Parquet file cannot be read')); // whatever the reader stumbles over
  }
  return judged(verifier.finish());
}

/** The verifier of a whole journal, held to what is known of it. */
export function verifierOf(checkpoint: SignedCheckpoint, { key, held }: Known): JournalVerifier {
  const verifier = verifyJournal(checkpoint, key);
  return held === undefined ? verifier : heldTo(held, checkpoint, verifier);
}

function judgeJson(value: unknown, known: Known): Judged {
  if (has(TASK, value)) return { what: 'task', verdict: withHeld(verifyTaskProof(value, known.key), value, known) };
  if (has(EVENT, value)) return { what: 'event', verdict: withHeld(verifyEventProof(value, known.key), value, known) };
  if (has(CONSISTENCY, value)) return judgeConsistency(value, known);
  if (has(checkpointSchema, value)) {
    const verdict = judgeSignature(value, known.key);
    return { what: 'checkpoint', verdict: withHeld(verdict, { checkpoint: value }, known) };
  }
  return unreadable('it is none of the things that can be proved');
}

/** Members that the schema does not name would be shown as if they were proved: there are none, at any level. */
function has<T extends z.ZodObject>(schema: T, value: unknown): value is z.infer<T> {
  return schema.strict().safeParse(value).success;
}

const checkpointOnly = checkpointSchema.strict();
const TASK = taskProof.extend({
  inclusion: z.array(taskProof.shape.inclusion.element.strict()),
  checkpoint: checkpointOnly,
});
const EVENT = inclusionProof.extend({ checkpoint: checkpointOnly });
const CONSISTENCY = consistencyProof.extend({ checkpoint: checkpointOnly });

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
