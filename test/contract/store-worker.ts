// A Worker that has nothing but object storage, so that the contract runs on the stores as they are in workerd. One address
// a key; the test's side of it is `storeOverHttp`.

import { r2Store } from '../../functions/storage/r2-store.ts';
import { s3Store } from '../../functions/storage/s3-store.ts';

interface Env {
  readonly ARCHIVE: R2Bucket;
  /** Of a server of S3; R2 without it. */
  readonly S3_ENDPOINT?: string;
}

export default {
  async fetch(request, env) {
    const store =
      env.S3_ENDPOINT === undefined
        ? r2Store(env.ARCHIVE)
        : s3Store({
            region: 'eu-central-1',
            endpoint: env.S3_ENDPOINT,
            credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
            bucket: 'starling-in-workerd',
          });
    // Written by the other end, in the test.
    const asked = JSON.parse(request.headers.get('asked') ?? '') as { call: string; args: never[] };
    const [first, second, third] = asked.args;
    try {
      switch (asked.call) {
        case 'put':
          return Response.json(
            await store.put(first as never, new Uint8Array(await request.arrayBuffer()), second as never),
          );
        case 'get': {
          const bytes = await store.get(first as never);
          return bytes === null ? new Response(null, { status: 204 }) : new Response(bytes);
        }
        case 'list':
          return Response.json(await store.list(first as never, second as never, third as never));
        default:
          await store.delete(first as never);
          return Response.json(null);
      }
    } catch (cause) {
      return new Response(String(cause), { status: 500 });
    }
  },
} satisfies ExportedHandler<Env>;
