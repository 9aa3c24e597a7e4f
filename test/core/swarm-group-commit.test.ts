// Group commit with a disk that the test moves by hand.

import { describe, expect, test } from 'vitest';
import type { Execute, Executed } from '../../core/swarm/service.ts';
import { groupCommit } from '../../durable-objects/swarm/group-commit.ts';

const command = (id: string): Execute => ({
  id,
  actor: { kind: 'system', id: 'test' },
  command: { type: 'CloseCycle', cycle: 1 },
  remember: false,
});

/** A disk whose writes are durable when the test says so. */
function aDisk(fails: readonly string[] = []) {
  const groups: string[][] = [];
  const syncs: (() => void)[] = [];
  const submit = groupCommit({
    execute(commands) {
      const ids = commands.map(({ id }) => id);
      if (ids.some((id) => fails.includes(id))) throw new Error(`cannot: ${ids.join()}`);
      groups.push(ids);
      return ids.map((id): Executed => ({ result: { ok: true, value: { id, view: null } }, replayed: false }));
    },
    durable: () => new Promise((resolve) => void syncs.push(resolve)),
    moment: async () => {},
    giveWay: () => null,
  });
  /** Everything that can go on does; then the oldest wait for the disk ends. */
  const turn = async () => {
    await new Promise((resolve) => setImmediate(resolve));
    syncs.shift()?.();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { submit, groups, turn };
}

const idsOf = (executed: readonly Executed[]) => executed.map(({ result }) => (result.ok ? result.value.id : null));

describe('group commit', () => {
  test('[SWARM-18] a call that comes alone is executed at once', async () => {
    const { submit, groups } = aDisk();
    expect(idsOf(await submit([command('a')]))).toEqual(['a']);
    expect(groups).toEqual([['a']]);
  });

  test('[SWARM-18] calls that come while the disk is busy share the next transaction, in their order, each with its own answers', async () => {
    const { submit, groups, turn } = aDisk();
    const first = submit([command('a')]);
    const second = submit([command('b'), command('c')]);
    const third = submit([command('d')]);
    expect(groups).toEqual([['a']]);
    await turn();
    expect(groups).toEqual([['a'], ['b', 'c', 'd']]);
    expect([idsOf(await first), idsOf(await second), idsOf(await third)]).toEqual([['a'], ['b', 'c'], ['d']]);
  });

  test('[SWARM-18] a call that cannot be executed fails alone', async () => {
    const { submit, groups, turn } = aDisk(['bad']);
    await submit([command('a')]);
    const calls = Promise.allSettled(['b', 'bad', 'c'].map((id) => submit([command(id)])));
    await turn();
    expect((await calls).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(groups).toEqual([['a'], ['b'], ['c']]);
  });

  test('[SWARM-18] one transaction takes a bounded number of commands', async () => {
    const { submit, groups, turn } = aDisk();
    await submit([command('a')]);
    const many = Array.from({ length: 600 }, (_, n) => command(`m${n}`));
    const calls = Promise.all([submit(many), submit(many), submit(many)]);
    for (let i = 0; i < 4; i++) await turn();
    await calls;
    expect(groups.map((group) => group.length)).toEqual([1, 600, 600, 600]);
  });

  test('[TURN-1] one transaction takes a bounded number of rows and bytes; a call is never cut', async () => {
    const { submit, groups, turn } = aDisk();
    await submit([command('a')]);
    const large = (id: string): Execute => ({
      ...command(id),
      command: { type: 'RequestTask', operation: 'swarm.echo', input: 'x'.repeat(190_000) },
    });
    const calls = Promise.all(Array.from({ length: 12 }, (_, n) => submit([large(`l${n}`)])));
    const small = Promise.all(Array.from({ length: 40 }, (_, n) => submit([command(`s${n}`)])));
    for (let i = 0; i < 12; i++) await turn();
    await Promise.all([calls, small]);
    expect(groups.map((group) => group.length)).toEqual([1, 2, 2, 2, 2, 2, 16, 16, 10]);
  });

  test('[TURN-1] the next transaction waits until others have had their turn', async () => {
    let open: (() => void) | null = null;
    const executed: string[] = [];
    const submit = groupCommit({
      execute(commands) {
        executed.push(...commands.map(({ id }) => id));
        return commands.map(({ id }) => ({ result: { ok: true, value: { id, view: null } }, replayed: false }));
      },
      durable: async () => {},
      moment: async () => {},
      giveWay: () =>
        executed.length === 0
          ? null
          : new Promise((resolve) => {
              open = resolve;
            }),
    });
    await submit([command('a')]);
    const second = submit([command('b')]);
    await new Promise((resolve) => setImmediate(resolve));
    expect(executed).toEqual(['a']);
    (open as (() => void) | null)?.();
    await second;
    expect(executed).toEqual(['a', 'b']);
  });
});
