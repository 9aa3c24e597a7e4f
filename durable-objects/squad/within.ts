// A call to another object that is given up after a time. Given up is not undone: the call may still take effect.

import { Fault } from '../../core/assert.ts';

/** @throws Fault (retryable) when there is no answer within `ms`, else whatever the call throws */
export async function within<T>(call: PromiseLike<T>, ms: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Fault(`no answer within ${ms} ms`, { retryable: true })), ms);
  });
  try {
    return await Promise.race([call, late]);
  } finally {
    // A timer that runs keeps the object from hibernating.
    clearTimeout(timer);
  }
}
