// Calls to object storage side by side, as many as a Worker may have open at once.

/** Open connections that Cloudflare gives one invocation. */
export const lanesMax = 6;

/** Does `work` for each item, at most `lanes` at a time; results in the order of the items. The first to fail fails all. */
export async function inLanes<T, R>(
  items: readonly T[],
  lanes: number,
  work: (item: T) => Promise<R>,
): Promise<readonly R[]> {
  const results: R[] = new Array(items.length);
  const waiting = items.entries();
  const lane = async () => {
    // One iterator for all lanes: each item is taken once.
    for (const [index, item] of waiting) results[index] = await work(item);
  };
  await Promise.all(Array.from({ length: Math.min(lanes, items.length) }, lane));
  return results;
}
