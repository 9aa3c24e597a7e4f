import { expect, it } from 'vitest';
import { aDevice, aSquad, connect, dial, eventually, proof, someFacts } from './squad-support.ts';

it('hang', { timeout: 60_000 }, async () => {
  const place = aSquad();
  const device = aDevice(place);
  const other = aDevice(place);
  const o = await connect(place, other);
  place.script.mode = 'hangs';
  place.script.hangMs = 17_000;
  const { line, nonce } = await dial(place, device.id);
  line.send(proof(device, nonce));
  o.line.send({ type: 'facts', epoch: 1, facts: someFacts(1, 2) });
  await new Promise((r) => setTimeout(r, 14_000));
  place.script.mode = 'up';
  await new Promise((r) => setTimeout(r, 1_500));
  console.log(
    line.pending,
    line.closed,
    o.line.pending,
    o.line.closed,
    place.script.left,
    place.script.calls,
    place.script.present,
  );
  await new Promise((r) => setTimeout(r, 3_000));
  console.log(place.script.left, place.script.calls, place.script.present, place.script.committed);
});
