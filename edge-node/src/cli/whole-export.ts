// Whether an export has come to its end. A stream that breaks off has no other sign of it.

import { readExportHeader } from '../../../core/journal/export-lines.ts';
import type { ExportFormat } from '../../../core/swarm/service.ts';

export interface ExportEnd {
  push(chunk: Uint8Array): void;
  isWhole(): boolean;
}

/** The first line is shorter than this. */
const headerBytesMax = 4_096;

export function exportEnd(format: ExportFormat): ExportEnd {
  return format === 'ndjson' ? linesEnd() : parquetEnd();
}

/** As many lines as the first one says. */
function linesEnd(): ExportEnd {
  let head = Buffer.alloc(0);
  let lines = 0;
  let isEnded = false;
  return {
    push(chunk) {
      if (head.length < headerBytesMax) head = Buffer.concat([head, chunk.subarray(0, headerBytesMax)]);
      for (let at = chunk.indexOf(0x0a); at >= 0; at = chunk.indexOf(0x0a, at + 1)) lines++;
      if (chunk.length > 0) isEnded = chunk.at(-1) === 0x0a;
    },
    isWhole() {
      const checkpoint = readExportHeader(head.toString('utf8').split('\n', 1)[0] ?? '');
      return checkpoint !== null && isEnded && lines === checkpoint.size + 1;
    },
  };
}

/** A Parquet file ends as it begins. */
function parquetEnd(): ExportEnd {
  let tail = Buffer.alloc(0);
  return {
    push(chunk) {
      tail = Buffer.concat([tail, chunk]).subarray(-4);
    },
    isWhole: () => tail.toString('latin1') === 'PAR1',
  };
}
