// Whether the rows of an object are what an outsider makes of its events.

import { canonical } from '../../../core/json.ts';
import type { RowMap } from '../../../core/swarm/replay.ts';
import { KINDS } from '../../../core/swarm/state.ts';
import type { ObjectHost } from '../platform/object-host.ts';
import type { Findings } from './findings.ts';

/** @param rows what the journal says; it is used up */
export function checkRows(swarm: ObjectHost, rows: RowMap, origin: string, findings: Findings): void {
  const tables = new Set(
    (swarm.database.exec(`SELECT name FROM sqlite_schema WHERE type = 'table'`) as { name: string }[]).map(
      ({ name }) => name,
    ), // as asked
  );
  for (const kind of KINDS) {
    if (!tables.has(kind)) continue;
    const stored = swarm.database.exec(`SELECT id, body FROM ${kind}`) as { id: string; body: string }[]; // as asked
    for (const { id, body } of stored) {
      const told = rows.get(`${kind}/${id}`);
      rows.delete(`${kind}/${id}`);
      // Nearly always written in the same order; when not, by what it says.
      const isSame =
        told !== undefined && (JSON.stringify(told) === body || canonical(told) === canonical(JSON.parse(body)));
      if (!isSame) findings.add('journal', `${origin} ${kind}/${id}`, 'the row is not what the journal says');
    }
  }
  for (const key of rows.keys())
    findings.add('lost', `${origin} ${key}`, 'the journal tells of a row that is not there');
}
