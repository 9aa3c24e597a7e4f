// The module through which the local port enters the Worker: it exports what the bundle exports, and one entrypoint more.
// A direct socket serves three to four times the requests/s of Miniflare's development entry, and shows no error pages
// with stacks. But such a socket also takes Cap'n Proto calls (an HTTP CONNECT to a fixed host), through which anyone who
// reaches the port could call every handler of the entrypoint: queue(), scheduled(). This one has fetch and nothing else.

/** Name of the entrypoint. */
export const DOOR = 'LocalDoor';

/** Headers that Cloudflare's edge, or Miniflare, would set: from a client they are a lie. */
const FORGED =
  '["cf-connecting-ip", "cf-worker", "cf-ray", "mf-cf-blob", "mf-original-url", "mf-custom-fetch-service"]';

/** The module's source. `main` is the bundle's file name. */
export function doorModule(main: string): string {
  return `
import { WorkerEntrypoint } from 'cloudflare:workers';
import worker from './${main}';
export * from './${main}';
export default worker;

const FORGED = ${FORGED};

export class ${DOOR} extends WorkerEntrypoint {
  fetch(request) {
    if (FORGED.some((name) => request.headers.has(name))) {
      request = new Request(request);
      for (const name of FORGED) request.headers.delete(name);
    }
    return worker.fetch(request, this.env, this.ctx);
  }
}
`;
}
