// Has V8 collect the garbage of the Worker, through the inspector that the platform opened for it.

/** The isolate of the Worker and of its objects. */
const ISOLATE = 'core:user:starling';
const answerMsMax = 30_000;

/** @param port of the inspector. @throws when there is no answer in time */
export async function collectGarbage(port: number): Promise<void> {
  // A connection for each: one that stays open may get no answers any more.
  const socket = new WebSocket(`ws://127.0.0.1:${port}/${ISOLATE}`);
  try {
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('the inspector does not answer')), answerMsMax);
      const end = (then: () => void) => () => {
        clearTimeout(timer);
        then();
      };
      socket.addEventListener('open', () =>
        socket.send(JSON.stringify({ id: 1, method: 'HeapProfiler.collectGarbage' })),
      );
      socket.addEventListener('message', ({ data }) => {
        if ((JSON.parse(String(data)) as { id?: number }).id === 1) end(resolve)();
      });
      socket.addEventListener(
        'error',
        end(() => reject(new Error('the inspector cannot be reached'))),
      );
    });
  } finally {
    socket.close();
  }
}
