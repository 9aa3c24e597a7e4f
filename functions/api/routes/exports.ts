// The whole journal, taken out: as lines of CloudEvents or as one Parquet file, up to a checkpoint that goes with it.

import { z } from 'zod';
import { EXPORT_FORMATS, type ExportFormat } from '../../../core/swarm/service.ts';
import { callSwarm, read, refuse } from '../call.ts';
import { type Route, route } from '../route.ts';

const CONTENT_TYPES: Readonly<Record<ExportFormat, string>> = {
  ndjson: 'application/x-ndjson',
  parquet: 'application/vnd.apache.parquet',
};

export const exportRoutes: readonly Route[] = [
  route({
    method: 'get',
    path: '/v1/export',
    operationId: 'exportJournal',
    tag: 'Exports',
    summary: 'Export the whole journal',
    description:
      'A stream: as fast as you read, and over when you stop; who takes nothing for a minute is cut off. `ndjson`: a first line with the signed checkpoint, then one CloudEvent a line, up to the checkpoint’s size whatever is written meanwhile. `parquet`: one file with the columns of the archive’s segments, the checkpoint in its metadata as `starling.checkpoint`.',
    scope: 'journal:read',
    query: z.strictObject({
      format: z.enum(EXPORT_FORMATS).optional().meta({ description: '`ndjson` when left out.' }),
    }),
    answers: {
      200: {
        description: 'The export. With `format=parquet` its type is another.',
        body: { contentType: CONTENT_TYPES.ndjson },
      },
    },
    refuses: ['too_many_readers', 'history_expired', 'swarm_halted', 'signing_halted'],
    serve: async ({ query }, call) => {
      const { format = 'ndjson' } = query;
      const { swarm, actor } = call.caller;
      const headers = {
        'content-type': CONTENT_TYPES[format],
        'content-disposition': `attachment; filename="${swarm}.${format}"`,
      };
      if (call.request.method === 'HEAD') {
        // Nobody would read the stream, and it would stay open.
        const inForce = await read({ type: 'status' }, call);
        return inForce.ok ? new Response(null, { headers }) : refuse(inForce.error, call);
      }
      const exported = await callSwarm(swarm, true, (service) => service.exportJournal(actor, format), call.deps);
      return exported.ok ? new Response(exported.value, { headers }) : refuse(exported.error, call);
    },
  }),
];
