// The module through which the local port enters the Worker: it exports what the bundle exports, and one entrypoint more.
// A direct socket serves three to four times the requests/s of Miniflare's development entry, and shows no error pages
// with stacks. But such a socket also takes Cap'n Proto calls (an HTTP CONNECT to a fixed host), through which anyone who
// reaches the port could call every handler of the entrypoint: queue(), scheduled(). This one has fetch and nothing else.
//
// It opens when the directory's database is up to date. That is done here, inside, so that nothing outside needs a way to it.

import type { Migration } from './migrations.ts';

/** Name of the entrypoint. */
export const DOOR = 'LocalDoor';
/** The file that applies migrations; it stands beside the door's module. */
export const MIGRATE_MODULE = 'migrate-directory.mjs';

/** Headers that Cloudflare's edge, or Miniflare, would set: from a client they are a lie. */
const FORGED =
  '["cf-connecting-ip", "cf-worker", "cf-ray", "mf-cf-blob", "mf-original-url", "mf-custom-fetch-service"]';

/**
 * The module's source. Until the migrations are applied it answers 503 to everybody; a request for the health applies them, and
 * is answered with 500 and the reason when that fails.
 * @param main the bundle's file name
 * @param migrations of the database that is bound as DIRECTORY
 */
export function doorModule(main: string, migrations: readonly Migration[]): string {
  return `
import { WorkerEntrypoint } from 'cloudflare:workers';
import worker from './${main}';
import { migrateDirectory } from './${MIGRATE_MODULE}';
export * from './${main}';
export default worker;

const FORGED = ${FORGED};
const MIGRATIONS = ${JSON.stringify(migrations)};
let state = MIGRATIONS.length === 0 ? 'open' : 'closed';

export class ${DOOR} extends WorkerEntrypoint {
  fetch(request) {
    if (state !== 'open') return this.#whileClosed(request);
    if (FORGED.some((name) => request.headers.has(name))) {
      request = new Request(request);
      for (const name of FORGED) request.headers.delete(name);
    }
    return worker.fetch(request, this.env, this.ctx);
  }

  // Nobody is let through here. Without this handler workerd answers CONNECT with 500 and writes an error for each; with one, it
  // has said 200 before it asks: so the connection ends at once, and nothing of ours is behind it [LOCAL-7].
  async connect(socket) {
    await socket.close();
  }

  async #whileClosed(request) {
    if (state === 'migrating' || new URL(request.url).pathname !== '/healthz')
      return new Response('starting', { status: 503, headers: { 'retry-after': '1' } });
    state = 'migrating';
    const migrated = migrateDirectory(this.env.DIRECTORY, MIGRATIONS).then(
      (names) => {
        state = 'open';
        for (const name of names) console.info('directory: applied ' + name);
        return null;
      },
      (error) => {
        state = 'closed';
        return String(error);
      },
    );
    // Whoever asked may go away; it goes on to its end.
    this.ctx.waitUntil(migrated);
    const reason = await migrated;
    return reason === null ? this.fetch(request) : new Response(reason, { status: 500 });
  }
}
`;
}
