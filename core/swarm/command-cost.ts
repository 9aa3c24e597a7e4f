// What a command is likely to cost, before it is decided: rows or events, and bytes. Only a guess, by which work is cut into
// turns; what it has cost in truth is counted afterwards.

import type { Cost } from '../steps.ts';
import type { SwarmCommand } from './commands.ts';

/** Events of one task from its request to its payment, and the rows that they change. */
const rowsOfTask = 8;

export function costOf(command: SwarmCommand): Cost {
  return { rows: rowsOf(command), bytes: JSON.stringify(command).length };
}

function rowsOf(command: SwarmCommand): number {
  switch (command.type) {
    case 'StartMission':
      return rowsOfTask * command.plan.tasks.length;
    default:
      return rowsOfTask;
  }
}
