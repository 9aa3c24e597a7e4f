// One tenant reaches for another's things, over every route that names something.

import { randomUUID } from 'node:crypto';
import { beforeAll, expect, test } from 'vitest';
import { type Organization, send, signUp, told } from '../conformance/client.ts';
import { asked, type Operation, scopedOperations } from '../conformance/operations.ts';
import { sized } from './whole.ts';

let operations: readonly Operation[];
let victim: Organization;
let attacker: Organization;
let task: string;
const marker = `marker ${randomUUID()}`;

beforeAll(async () => {
  [victim, attacker, operations] = await Promise.all([signUp('Victim'), signUp('Attacker'), scopedOperations()]);
  const made = await send('POST', '/v1/tasks', {
    key: victim.key,
    json: { operation: 'swarm.echo', input: marker },
    headers: { prefer: 'wait=10' },
  });
  task = made.json.id;
});

test('[P13] no route shows or changes what is another tenant’s, whatever id it is given', async () => {
  const ids = [task, victim.keyId, victim.swarm, victim.tenant, victim.user];
  const before = (await send('GET', '/v1/journal/checkpoint', { key: victim.key })).json.size;
  let requests = 0;
  for (let round = 0; round < sized(1, 20); round++)
    for (const operation of operations)
      for (const id of ids) {
        if (!operation.path.includes('{')) continue;
        requests++;
        const answer = await send(operation.method, asked(operation, id), { key: attacker.key, ...operation.sent });
        expect(answer.text, operation.operationId).not.toContain(marker);
        expect(answer.status, `${operation.operationId} ${told(answer)[1]}`).toBeGreaterThanOrEqual(400);
        expect(answer.status, `${operation.operationId} ${told(answer)[1]}`).toBeLessThan(500);
      }
  expect(requests).toBeGreaterThan(100);
  expect((await send('GET', '/v1/journal/checkpoint', { key: victim.key })).json.size).toBe(before);
});
