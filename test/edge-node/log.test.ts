// What a device tells the person who runs it: each message is one line, whatever a server has put into it.

import { expect, test } from 'vitest';
import { createLog } from '../../edge-node/src/log.ts';

const at = '1970-01-01T00:00:00.000Z';
const why = `bye\n${at} info forged\r\u001b[2J\u009b8m\u2028\u202e`;

test('[DEVICE-22] no words of a server begin a line of their own, or do something to a terminal', () => {
  const lines: string[] = [];
  const log = createLog((line) => lines.push(line), { json: false, now: () => 0 });
  log('warn', 'not connected', { why });
  expect(lines).toEqual([`${at} warn: not connected why=bye ${at} info forged  [2J 8m  \n`]);
});

test('[DEVICE-22] as JSON a message is one line too, and says the same', () => {
  const lines: string[] = [];
  const log = createLog((line) => lines.push(line), { json: true, now: () => 0 });
  log('warn', 'not connected', { why });
  expect(lines).toHaveLength(1);
  expect(lines[0]?.trimEnd().split('\n')).toHaveLength(1);
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({ message: 'not connected', why });
});
