// Group commit: calls that arrive while the disk is still busy with the ones before them share the next transaction, and so one
// wait for the disk. A call that comes alone is executed at once. Each call is answered by itself, and one that cannot be
// executed does not take the others with it.

import { commandsPerCallMax, turnBytes, turnRows } from '../../core/limits.ts';
import { costOf } from '../../core/swarm/command-cost.ts';
import type { Execute, Executed } from '../../core/swarm/service.ts';

export interface GroupDeps {
  /** Executes in one transaction, in this order. */
  execute(commands: readonly Execute[]): readonly Executed[];
  /** Resolves when what was written so far is durable. */
  durable(): Promise<void>;
  /** Lets what has arrived come in: a turn of the event loop. */
  moment(): Promise<void>;
  /** To be awaited before the next transaction; null when there is nothing to wait for [TURN-1]. */
  giveWay(): Promise<void> | null;
}

interface Call {
  readonly commands: readonly Execute[];
  resolve(executed: readonly Executed[]): void;
  reject(cause: unknown): void;
}

/** Takes a call's commands; answers when they are executed. What leaves the object is held until that is durable. */
export type Submit = (commands: readonly Execute[]) => Promise<readonly Executed[]>;

export function groupCommit(deps: GroupDeps): Submit {
  const waiting: Call[] = [];
  let isBusy = false;
  let wereSeveral = false;

  async function commitWaiting(): Promise<void> {
    isBusy = true;
    try {
      // Callers who shared a commit come back together: the first of them waits for the others, a moment.
      if (wereSeveral) await deps.moment();
      while (waiting.length > 0) {
        const turn = deps.giveWay();
        if (turn) await turn;
        const group = nextGroup(waiting);
        wereSeveral = group.length > 1;
        commit(group, deps);
        await deps.durable();
      }
    } finally {
      isBusy = false;
    }
  }

  return (commands) =>
    new Promise((resolve, reject) => {
      waiting.push({ commands, resolve, reject });
      // What is lost with the storage is lost with the object: its callers are told by the platform.
      if (!isBusy) commitWaiting().catch(() => {});
    });
}

/** A transaction takes more than one turn's worth: each costs a wait for the disk, which all of its callers share. */
const turnsPerGroup = 2;

/** The calls that share the next transaction: in order, as many as it may have commands, rows and bytes; one at least. */
function nextGroup(waiting: Call[]): readonly Call[] {
  // Alone it goes whatever it costs: nothing is weighed.
  if (waiting.length === 1) return waiting.splice(0, 1);
  let [commands, rows, bytes, calls] = [0, 0, 0, 0];
  for (const call of waiting) {
    commands += call.commands.length;
    for (const { command } of call.commands) {
      const cost = costOf(command);
      rows += cost.rows;
      bytes += cost.bytes;
    }
    const isFull =
      commands > commandsPerCallMax || rows > turnsPerGroup * turnRows || bytes > turnsPerGroup * turnBytes;
    if (calls > 0 && isFull) break;
    calls++;
  }
  return waiting.splice(0, calls);
}

function commit(group: readonly Call[], deps: GroupDeps): void {
  let executed: readonly Executed[];
  try {
    executed = deps.execute(group.flatMap(({ commands }) => commands));
  } catch (cause) {
    // Rolled back whole: each by itself then, so that it is known which of them it was.
    if (group.length > 1) for (const call of group) commit([call], deps);
    else for (const call of group) call.reject(cause);
    return;
  }
  let from = 0;
  for (const { commands, resolve } of group) {
    resolve(executed.slice(from, from + commands.length));
    from += commands.length;
  }
}
