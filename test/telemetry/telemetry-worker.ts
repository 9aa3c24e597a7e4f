// A Worker with nothing but the telemetry queues and the bucket, for queue.test.ts: POST puts messages into the queue,
// GET lists and reads what became of them.

import type { TenantId } from '../../core/ids.ts';
import { logLine } from '../../core/log-line.ts';
import { r2Store } from '../../functions/storage/r2-store.ts';
import { listDeadLetters, readDeadLetter } from '../../functions/telemetry/dead-letters.ts';
import { handleQueue } from '../../functions/telemetry/handle-queue.ts';

interface Env {
  readonly ARCHIVE: R2Bucket;
  readonly TELEMETRY: Queue;
}

const reports: unknown[] = [];

export default {
  async fetch(request, env) {
    const { pathname, searchParams: query } = new URL(request.url);
    // The test sends the id of a tenant.
    const tenant = query.get('tenant') as TenantId;
    if (request.method === 'POST') {
      const bodies: unknown[] = await request.json();
      await env.TELEMETRY.sendBatch(bodies.map((body) => ({ body })));
      return new Response('sent');
    }
    if (pathname === '/reports') return Response.json(reports);
    if (pathname === '/letters') {
      const page = { limit: Number(query.get('limit') ?? 20), cursor: query.get('cursor') };
      return Response.json(await listDeadLetters(r2Store(env.ARCHIVE), tenant, page));
    }
    return Response.json(await readDeadLetter(r2Store(env.ARCHIVE), tenant, query.get('id') ?? ''));
  },

  async queue(batch, env) {
    await handleQueue(batch, {
      store: r2Store(env.ARCHIVE),
      now: () => Date.now(),
      report: (about, said) => reports.push(JSON.parse(logLine('error', about, said))),
    });
  },
} satisfies ExportedHandler<Env>;
