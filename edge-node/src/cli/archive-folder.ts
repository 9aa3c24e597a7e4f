// An archive on this machine: a folder with the manifest and the Parquet files that it names, proved from its first event to
// the signed head. An archive may begin later than its journal: what came before has expired, and its hash stands for it.

import { createHash } from 'node:crypto';
import { basename } from 'node:path/posix';
import { z } from 'zod';
import { GENESIS } from '../../../core/journal/event.ts';
import { heldTo } from '../../../core/journal/held.ts';
import { leafOf, rootOf } from '../../../core/journal/merkle.ts';
import { type JournalVerifier, type Verdict, verifyJournal } from '../../../core/journal/verify.ts';
import { canonicalStored } from '../../../core/json.ts';
import { segmentBytesMax } from '../../../core/limits.ts';
import { checkpoint } from '../../../core/wire/resources.ts';
import { type Judged, type Known, proofBytesMax } from './proved-file.ts';
import { openSegmentFile } from './segment-file.ts';
import { parse } from './strict-json.ts';

const segmentShape = z.strictObject({
  from: z.int().min(1),
  to: z.int().min(1),
  key: z.string(),
  sha256: z.string(),
  bytes: z.int(),
  previous: z.string(),
  head: z.string(),
  root: z.string(),
});
type Segment = z.infer<typeof segmentShape>;

const manifestShape = z.strictObject({
  starling: z.literal('archive'),
  version: z.literal(1),
  origin: z.string(),
  segments: z.array(segmentShape).min(1),
  checkpoint: checkpoint.strict(),
});

/** A file of the folder by its name; null when it is not there, or has more than so many bytes. */
export type ReadFolder = (name: string, bytesMax: number) => Uint8Array | null;

/** A segment's file is smaller than its text, of which a character has three bytes at most. */
const segmentFileBytesMax = 8 * segmentBytesMax;

export const MANIFEST = 'manifest.json';

export async function judgeArchive(read: ReadFolder, known: Known): Promise<Judged> {
  const parsed = manifestShape.safeParse(parse(Buffer.from(read(MANIFEST, proofBytesMax) ?? []).toString('utf8')));
  if (!parsed.success) return { what: 'unreadable', why: `${MANIFEST} is not that of an archive of version 1` };
  const { origin, segments, checkpoint: signed } = parsed.data;
  const judged = (verdict: Verdict): Judged => ({ what: 'archive', verdict });
  const [first] = segments;
  const { from = 1, previous = GENESIS } = first ?? {};
  if (origin !== signed.origin || (from === 1 && previous !== GENESIS))
    return judged({ ok: false, seq: null, reason: 'the manifest does not begin where it says' });
  const after = { size: from - 1, head: previous, origin: null };
  const verifier = verifyJournal(signed, known.key, after);
  const held = known.held === undefined ? verifier : heldTo(known.held, signed, verifier, after);
  let before = { to: from - 1, head: previous };
  for (const segment of segments) {
    // The manifest's checkpoint is of exactly what lies there: an event behind it would pass unsigned.
    const bad =
      segment.from !== before.to + 1 || segment.previous !== before.head
        ? 'the segments do not follow each other'
        : segment.to > signed.size
          ? 'there is more than the checkpoint signs'
          : await takeSegment(segment, origin, read, held);
    if (typeof bad === 'string') return judged({ ok: false, seq: before.to + 1, reason: bad });
    if (bad !== null) return judged(bad);
    before = segment;
  }
  return judged(held.finish());
}

/** What is wrong with a segment: of its file in words, of its events as a verdict. */
async function takeSegment(
  segment: Segment,
  origin: string,
  read: ReadFolder,
  verifier: JournalVerifier,
): Promise<string | Verdict | null> {
  const { from, to, key, sha256, bytes: size, previous, head, root } = segment;
  const digits = (seq: number) => String(seq).padStart(16, '0');
  if (key !== `journal/${origin}/${digits(from)}-${digits(to)}-${sha256.slice(0, 16)}.parquet`)
    return 'a segment in the manifest has another name than its own';
  const bytes = read(basename(key), segmentFileBytesMax);
  if (bytes === null) return `segment ${basename(key)} is not there`;
  if (bytes.length !== size || createHash('sha256').update(bytes).digest('hex') !== sha256)
    return `segment ${basename(key)} is not the file that the manifest names`;
  const file = await openSegmentFile(bytes);
  if (file === null) return `segment ${basename(key)} cannot be read`;
  const { origin: own, ...mark } = file.mark;
  if (canonicalStored(mark) !== canonicalStored({ from, to, previous, head, root }))
    return `segment ${basename(key)} says something else of itself than the manifest`;
  const leaves: Uint8Array[] = [];
  let last = '';
  try {
    for await (const event of file.events()) {
      const bad = verifier.take([event]);
      if (bad) return bad;
      leaves.push(leafOf(event.hash));
      last = event.hash;
    }
  } catch {
    return `segment ${basename(key)} cannot be read`; // whatever the reader stumbles over
  }
  const found = rootOf({ leaf: (index) => leaves[index] ?? new Uint8Array() }, leaves.length);
  const isWhole = leaves.length === to - from + 1 && last === head;
  return isWhole && Buffer.from(found).toString('hex') === root
    ? null
    : `segment ${basename(key)} does not hold what the manifest says`;
}
