// The HTTPS API as one function from a request to an answer. Made once per isolate; functions/worker.ts calls it.

import { OpenAPIHono } from '@hono/zod-openapi';
import { answer, type OpenCall } from './call.ts';
import type { ApiDeps, PlatformDeps } from './deps.ts';
import { closeFrame, type Frame, openFrame } from './middleware/frame.ts';
import { faultResponse, problemResponse } from './middleware/problem.ts';
import { createLimiter, RATE_LIMITS } from './middleware/rate-limit.ts';
import { METHODS, type Route } from './route.ts';
import { accountRoutes, serveAuthPaths } from './routes/accounts.ts';
import { archiveRoutes } from './routes/archive.ts';
import { deviceEntryRoutes } from './routes/device-entry.ts';
import { deviceRoutes } from './routes/devices.ts';
import { exportRoutes } from './routes/exports.ts';
import { forkRoutes } from './routes/forks.ts';
import { historyRoutes } from './routes/history.ts';
import { importRoutes } from './routes/imports.ts';
import { journalRoutes } from './routes/journal.ts';
import { keyRoutes } from './routes/keys.ts';
import { ledgerRoutes } from './routes/ledger.ts';
import { memberRoutes } from './routes/members.ts';
import { metricsRoutes } from './routes/metrics.ts';
import { missionRoutes } from './routes/missions.ts';
import { platformRoutes } from './routes/platform.ts';
import { taskRoutes } from './routes/tasks.ts';
import { triggerRoutes } from './routes/triggers.ts';
import { webhookRoutes } from './routes/webhooks.ts';
import { serve } from './serve.ts';

/** Every route. Where two paths fit one request, the one that stands first serves it. */
export const ROUTES: readonly Route[] = [
  ...accountRoutes,
  ...memberRoutes,
  ...keyRoutes,
  ...taskRoutes,
  ...missionRoutes,
  ...deviceEntryRoutes,
  ...deviceRoutes,
  ...triggerRoutes,
  ...webhookRoutes,
  ...ledgerRoutes,
  ...journalRoutes,
  ...historyRoutes,
  ...archiveRoutes,
  ...exportRoutes,
  ...importRoutes,
  ...forkRoutes,
  ...metricsRoutes,
  ...platformRoutes(() => ROUTES),
];

export interface Api {
  /** Answers one request. Never throws: a fault is an answer too. */
  fetch(request: Request): Promise<Response>;
}

/** What a request carries through the router. */
interface Bindings {
  readonly frame: Frame;
  readonly deps: ApiDeps;
}

/** The one address that answers under any name: for whoever watches over a machine and knows it by another. */
const HEALTH = '/healthz';
/** Names that something is kept for: more than there are, unless a name is only known by its form. */
const placesMax = 64;

/** Makes the API. No I/O: do it once per isolate and keep it; its limiters count for all names together. */
export function createApp(deps: PlatformDeps): Api {
  const places = new Map<string, ApiDeps>();
  const placeAt = (baseUrl: string): ApiDeps => {
    let place = places.get(baseUrl);
    if (place === undefined) {
      if (places.size >= placesMax) places.clear();
      place = { ...deps, baseUrl, directory: deps.directoryAt(baseUrl) };
      places.set(baseUrl, place);
    }
    return place;
  };
  const limits = deps.rateLimits ?? RATE_LIMITS;
  const limiters: OpenCall['limiters'] = {
    caller: createLimiter('caller', limits.caller, deps.now),
    open: createLimiter('open', limits.open, deps.now),
    trigger: createLimiter('trigger', limits.trigger, deps.now),
  };
  const callOf = (request: Request, bindings: Bindings): OpenCall => ({ request, ...bindings, limiters });
  // The library's own validators read a body without a limit and know no problems; the route's definition is the same one
  // that serve.ts parses with and that the document is made from.
  const app = new OpenAPIHono<{ Bindings: Bindings }>();
  for (const route of ROUTES) {
    const path = route.path.replaceAll(/\{(\w+)\}/g, ':$1');
    app.on(route.method.toUpperCase(), path, (c) => {
      c.env.frame.route = route.path;
      return serve(route, c.req.param(), callOf(c.req.raw, c.env));
    });
  }
  app.all('/api/auth/*', (c) => serveAuthPaths(callOf(c.req.raw, c.env)));
  app.notFound((c) => missing(c.req.raw, c.req.path, c.env));
  app.onError((fault) => {
    throw fault;
  });
  return {
    async fetch(request) {
      const frame = openFrame(request, deps);
      const began = deps.now();
      const baseUrl = deps.names.baseOf(request);
      let response: Response;
      try {
        response =
          baseUrl === null ? elsewhere(request, frame) : await app.fetch(request, { frame, deps: placeAt(baseUrl) });
      } catch (fault) {
        response = faultResponse(fault, frame, { baseUrl: baseUrl ?? '', report: deps.report });
      }
      const { requestId, route } = frame;
      const { method } = request;
      deps.log?.('info', 'request', { requestId, method, route, status: response.status, ms: deps.now() - began });
      return closeFrame(response, frame);
    },
  };
}

/** A request under a name that is not ours. Where ours is, is not said: whoever asks may be a page that should not know. */
function elsewhere(request: Request, frame: Frame): Response {
  const isHealth = request.method === 'GET' && URL.parse(request.url)?.pathname === HEALTH;
  if (isHealth) return answer(200, { status: 'ok' });
  const detail = 'Call the platform by a name that it knows: STARLING_BASE_URL and STARLING_HOSTS say which.';
  return problemResponse({ code: 'misdirected_request', detail }, frame, { baseUrl: '' });
}

/** There is nothing at this address, or nothing for this method. */
function missing(request: Request, path: string, { frame, deps }: Bindings): Response {
  const allow = METHODS.filter((method) => ROUTES.some((route) => route.method === method && fits(route.path, path)));
  if (allow.length === 0) return problemResponse({ code: 'not_found' }, frame, deps);
  const names = allow.flatMap((method) => (method === 'get' ? ['GET', 'HEAD'] : [method.toUpperCase()]));
  const detail = `${request.method.slice(0, 20)} is not for this address; ${names.join(', ')} would be.`;
  return problemResponse({ code: 'method_not_allowed', allow: names, detail }, frame, deps);
}

/** Whether a path is one of a route's. */
function fits(pattern: string, path: string): boolean {
  const wanted = pattern.split('/');
  const given = path.split('/');
  return (
    wanted.length === given.length &&
    wanted.every((part, i) => (part.startsWith('{') ? given[i] !== '' : part === given[i]))
  );
}
