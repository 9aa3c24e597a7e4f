// Damage to a journal as an outsider holds it: lines of JSON and the checkpoint that signs them. The verifier finds every change
// that is one: lines that say something else, are missing, stand twice, or in another order.

import { signCheckpoint } from '../../../core/journal/checkpoint.ts';
import { type CloudEvent, toCloudEvent } from '../../../core/journal/cloud-event.ts';
import { leafOf, rootOf } from '../../../core/journal/merkle.ts';
import { verifyJournal } from '../../../core/journal/verify.ts';
import { canonical } from '../../../core/json.ts';
import type { Random } from '../random.ts';
import type { Realm } from '../world/realm.ts';

/** The journal that is damaged: more would only take longer. */
const linesMax = 60;

export function damageJournal(
  { model, swarm }: Realm,
  random: Random,
  damages: number,
  tally: { damages: number; found: number; harmless: number; readonly missed: string[] },
): void {
  const events = model.stored(linesMax).map((event) => toCloudEvent(model.origin, event));
  const lines = events.map((event) => JSON.stringify(event));
  const [row] = swarm.database.exec(`SELECT value FROM meta WHERE key = 'signing-key'`) as { value: string }[]; // as asked
  const leaves = model.hashes.slice(0, linesMax).map(leafOf);
  const root = rootOf({ leaf: (index) => leaves[index] ?? new Uint8Array() }, leaves.length);
  const checkpoint = signCheckpoint(
    {
      ...{ origin: model.origin, size: lines.length, head: model.hashes[linesMax - 1] ?? '', at: 0 },
      root: Buffer.from(root).toString('hex'),
    },
    row?.value ?? '',
    String(events[0]?.data.publicKey),
  );
  const holds = (said: readonly string[]): boolean => {
    const verifier = verifyJournal(checkpoint);
    try {
      verifier.take(said.map((line) => JSON.parse(line) as CloudEvent)); // read by the verifier itself
    } catch {
      return false;
    }
    return verifier.finish().ok;
  };
  if (!holds(lines)) tally.missed.push('the journal as it is does not hold');
  for (let n = 0; n < damages; n++) {
    tally.damages++;
    const { said, how } = damaged(lines, random);
    if (!holds(said)) tally.found++;
    else if (isSame(said, lines)) tally.harmless++;
    else tally.missed.push(how);
  }
}

/** The same values, written otherwise. */
function isSame(said: readonly string[], lines: readonly string[]): boolean {
  return (
    said.length === lines.length &&
    said.every((line, n) => canonical(JSON.parse(line)) === canonical(JSON.parse(lines[n] ?? '')))
  );
}

function damaged(lines: readonly string[], random: Random): { readonly said: readonly string[]; readonly how: string } {
  const at = random.between(0, lines.length - 1);
  const said = [...lines];
  const dice = random.next();
  if (dice < 0.7) {
    const bytes = Buffer.from(lines[at] ?? '');
    const byte = random.between(0, bytes.length - 1);
    bytes[byte] = (bytes[byte] ?? 0) ^ (1 << random.between(0, 7));
    said[at] = bytes.toString();
    return { said, how: `a bit of line ${at + 1}, byte ${byte}` };
  }
  const other = random.between(0, lines.length - 1);
  if (dice < 0.8) {
    [said[at], said[other]] = [lines[other] ?? '', lines[at] ?? ''];
    return { said, how: `lines ${at + 1} and ${other + 1} exchanged` };
  }
  if (dice < 0.87) return { said: lines.slice(0, at), how: `cut after line ${at}` };
  if (dice < 0.94) return { said: said.toSpliced(at, 1), how: `without line ${at + 1}` };
  return { said: said.toSpliced(at, 0, lines[other] ?? ''), how: `line ${other + 1} again before ${at + 1}` };
}
