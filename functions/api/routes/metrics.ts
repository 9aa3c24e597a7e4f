// The metrics of a swarm, as Prometheus reads them.

import { CONTENT_TYPES, exposition, formatOf } from '../../../core/metrics/exposition.ts';
import { callSwarm, refuse } from '../call.ts';
import { type Route, route } from '../route.ts';

export const metricsRoutes: readonly Route[] = [
  route({
    method: 'get',
    path: '/v1/metrics',
    operationId: 'getMetrics',
    tag: 'Platform',
    summary: 'Read the metrics of the swarm',
    description:
      'Prometheus text 0.0.4, or OpenMetrics 1.0.0 where `Accept` prefers it. Give the scraper a key with the scope `control:read` and no other: it then reads numbers and nothing else.',
    scope: 'control:read',
    answers: { 200: { description: 'The metrics.', body: { contentType: 'text/plain' } } },
    serve: async (_, call) => {
      const { swarm, actor } = call.caller;
      const found = await callSwarm(swarm, true, (service) => service.metrics(actor), call.deps);
      if (!found.ok) return refuse(found.error, call);
      const format = formatOf(call.request.headers.get('accept'));
      return new Response(exposition(found.value, format), {
        headers: { 'content-type': CONTENT_TYPES[format], vary: 'accept' },
      });
    },
  }),
];
