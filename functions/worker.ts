// The Worker's entry: what Cloudflare and the local runtime call, and the classes of its objects. Wiring only.

import { handleQueue } from './telemetry/handle-queue.ts';

export { SquadObject } from '../durable-objects/squad/squad.ts';
export { SwarmObject } from '../durable-objects/swarm/swarm.ts';

interface Env {
  readonly ARCHIVE: R2Bucket;
}

export default {
  fetch(request) {
    const { pathname } = new URL(request.url);
    if (pathname === '/healthz') return Response.json({ status: 'ok' });
    return new Response(null, { status: 404 });
  },

  async queue(batch, env) {
    await handleQueue(batch, {
      bucket: env.ARCHIVE,
      now: () => Date.now(),
      report: (about, counts, cause) => console.error(about, counts, cause),
    });
  },
} satisfies ExportedHandler<Env>;
