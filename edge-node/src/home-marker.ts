// What says that a folder is a home of ours: a platform's (STARLING_HOME) or a device's. Names of files inside prove nothing, any
// folder may hold a file called `lock`; so each home holds one small file with our words. Whoever opens a home asks for it, and
// whoever reads files for others withholds every folder that has it.

import { randomBytes } from 'node:crypto';
import { lstatSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The marker's name in the folder. */
export const homeMarkerFile = 'starling-home';
/** A marker that was being written when its process was killed: it says nothing yet. */
export const homeMarkerDraft = `${homeMarkerFile}.new`;

const kinds = ['platform', 'device'] as const;
export type HomeKind = (typeof kinds)[number];

export interface HomeMarker {
  /** The form of the home: 1 for all that exist. */
  readonly version: number;
  readonly kind: HomeKind;
  /** Random, to tell one home from another. */
  readonly id: string;
}

const VERSION = 1;
const FORM = /^starling-home (\d{1,6}) (platform|device) ([\w-]{22})\n/;
/** Ours have under 200 bytes: a file that is longer is somebody else's. */
const markerBytesMax = 1024;
const idBytes = 16;

/** What the folder's marker says; null when it has none, or one with other words than ours. Links are not followed. */
export function readHomeMarker(folder: string): HomeMarker | null {
  const path = join(folder, homeMarkerFile);
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (!stat?.isFile() || stat.size > markerBytesMax) return null;
  const [, version, kind, id] = FORM.exec(readFileSync(path, 'utf8')) ?? [];
  const known = kinds.find((one) => one === kind);
  return known === undefined || id === undefined ? null : { version: Number(version), kind: known, id };
}

/** Writes the marker into a folder that has none, whole or not at all. */
export function markHome(folder: string, kind: HomeKind): HomeMarker {
  const marker = { version: VERSION, kind, id: randomBytes(idBytes).toString('base64url') };
  const draft = join(folder, homeMarkerDraft);
  writeFileSync(draft, markerText(marker), { mode: 0o600, flush: true });
  renameSync(draft, join(folder, homeMarkerFile));
  return marker;
}

/** True for a home of a form that this version knows. */
export function isKnownVersion(marker: HomeMarker): boolean {
  return marker.version === VERSION;
}

function markerText({ version, kind, id }: HomeMarker): string {
  return `starling-home ${version} ${kind} ${id}\nThis folder belongs to Starling. It holds secrets: keep it private, and put nothing else in it.\n`;
}
