// Reads a frame of a device: what it says, and which of its facts hold something that may not enter the journal.

import { cutText } from '../../core/cut-text.ts';
import { type Json, wrappedDepthMax } from '../../core/json.ts';
import { eachUnfit, pointerOf, type Unfit } from '../../core/json-text.ts';
import { type DeviceFrame, deviceFrame } from '../../core/wire/device.ts';
import type { UnfitFacts } from './facts.ts';

export type ReadFrame =
  | { readonly ok: true; readonly value: DeviceFrame; readonly unfit: UnfitFacts }
  | { readonly ok: false; readonly detail: string };

/** What a frame says. What may not enter the journal makes a frame a bad one; in a fact, it is that fact's alone. */
export function readFrame(message: string): ReadFrame {
  let json: Json;
  try {
    json = JSON.parse(message) as Json; // what JSON.parse gives is Json
  } catch {
    return { ok: false, detail: 'A frame is JSON.' };
  }
  const parsed = deviceFrame.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const detail = issue === undefined ? 'Not a frame.' : `${issue.path.map(String).join('.')}: ${issue.message}`;
    return { ok: false, detail: cutText(detail.toWellFormed(), 300) };
  }
  const unfit = new Map<number, Unfit>();
  // Telemetry goes to no journal: it is looked at by whoever takes it.
  if (parsed.data.type === 'telemetry') return { ok: true, value: parsed.data, unfit };
  const bad: Unfit[] = [];
  eachUnfit(json, message, { depthMax: wrappedDepthMax }, (one) => {
    const [list, index] = one.path;
    if (list !== 'facts' || typeof index !== 'number') return bad.push(one) > 0;
    if (!unfit.has(index)) unfit.set(index, one);
    return false;
  });
  const [one] = bad;
  if (one === undefined) return { ok: true, value: parsed.data, unfit };
  return { ok: false, detail: cutText(`${pointerOf(one.path)}: ${one.message}`, 300) };
}
