// Tasks and missions through the API: commands as the swarm gets them, answers as clients do.

import { beforeEach, expect, test } from 'vitest';
import { taskInputBytesMax } from '../../core/limits.ts';
import { anApi, at, id, type TestApi } from './an-api.ts';

let api: TestApi;
beforeEach(() => {
  api = anApi();
});

const echo = { operation: 'swarm.echo', input: { hello: 'swarm' } };

test('a task is answered with 202 and its address, and is there under it', async () => {
  const made = await api.send('POST', '/v1/tasks', { json: echo });
  expect(made.status).toBe(202);
  expect(made.json).toMatchObject({ state: 'leased', operation: 'swarm.echo', origin: 'api' });
  expect(made.headers.get('location')).toBe(`/v1/tasks/${made.json.id}`);
  const shown = await api.send('GET', `/v1/tasks/${made.json.id}`);
  expect(shown.status).toBe(200);
  expect(shown.json).toEqual(made.json);
});

test('with Prefer: wait a task that ends is answered with 200, and the preference is said to be applied', async () => {
  const made = await api.send('POST', '/v1/tasks', { json: echo, headers: { prefer: 'respond-async, wait=5' } });
  expect(made.status).toBe(200);
  expect(made.json).toMatchObject({ state: 'succeeded', result: { hello: 'swarm' } });
  expect(made.headers.get('preference-applied')).toBe('wait=5');
});

test('with Prefer: wait a task that does not end is answered with 202, and waits 30 s at most', async () => {
  api.first.service.idle = true;
  const made = await api.send('POST', '/v1/tasks', { json: echo, headers: { prefer: 'wait=3600' } });
  expect(made.status).toBe(202);
  expect(made.headers.get('preference-applied')).toBe('wait=30');
  const shown = await api.send('GET', `/v1/tasks/${made.json.id}`, { headers: { prefer: 'Wait=1' } });
  expect(shown.status).toBe(202);
  api.first.service.idle = false;
  const ended = await api.send('GET', `/v1/tasks/${made.json.id}`, { headers: { prefer: 'wait=1' } });
  expect(ended.status).toBe(200);
});

test.each(['wait', 'wait=soon', 'wait=-1', 'return=minimal', ''])(
  'a preference "%s" is not applied',
  async (prefer) => {
    const made = await api.send('POST', '/v1/tasks', { json: echo, headers: { prefer } });
    expect(made.status).toBe(202);
    expect(made.headers.has('preference-applied')).toBe(false);
  },
);

test('the trace of a request stands in its command and in its answer; without one there is a new one', async () => {
  const trace = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
  const made = await api.send('POST', '/v1/tasks', { json: echo, headers: { traceparent: trace } });
  expect(made.headers.get('traceparent')).toBe(trace);
  expect(made.json.trace).toBe(trace);
  for (const bad of ['00-00000000000000000000000000000000-00f067aa0ba902b7-01', 'nonsense']) {
    const other = await api.send('POST', '/v1/tasks', { json: echo, headers: { traceparent: bad } });
    expect(other.headers.get('traceparent')).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    expect(other.json.trace).toBe(other.headers.get('traceparent'));
  }
});

test('what the swarm refuses is a problem with its code, its status and the page that explains it', async () => {
  const refused = await api.send('POST', '/v1/tasks', { json: { operation: 'no.such', input: {} } });
  expect(refused.status).toBe(422);
  expect(refused.headers.get('content-type')).toBe('application/problem+json');
  expect(refused.json).toMatchObject({
    type: 'http://localhost:8787/docs/errors#operation_unknown',
    title: 'Nobody in this swarm offers this operation',
    status: 422,
    code: 'operation_unknown',
    requestId: refused.headers.get('x-request-id'),
  });
});

test.each([
  ['a budget of nought', { ...echo, maxCreditsMicro: 0 }, '/maxCreditsMicro'],
  ['a budget that is a text', { ...echo, maxCreditsMicro: '5' }, '/maxCreditsMicro'],
  ['an unknown member', { ...echo, budget: 5 }, '/budget'],
  ['an unknown member within', { ...echo, require: { privacy: 'public', speed: 'fast' } }, '/require/speed'],
  ['no operation', { input: {} }, '/operation'],
  ['no input', { operation: 'swarm.echo' }, '/input'],
  ['a deadline that is no time', { ...echo, deadline: 'tomorrow' }, '/deadline'],
  ['a list', [], ''],
  ['null', null, ''],
])('%s is refused with the place of the mistake, and nothing is executed', async (_, json, pointer) => {
  const refused = await api.send('POST', '/v1/tasks', { json });
  expect(refused.status).toBe(400);
  expect(refused.json.code).toBe('invalid_request');
  expect(at(refused.json, 'errors', 0, 'pointer')).toBe(pointer);
  expect(api.first.service.commands).toEqual([]);
});

test('a deadline in the past is the swarm’s to refuse', async () => {
  const refused = await api.send('POST', '/v1/tasks', { json: { ...echo, deadline: '2020-01-01T00:00:00Z' } });
  expect([refused.status, refused.json.code]).toEqual([422, 'deadline_past']);
});

test('[P15] an input is taken up to its limit, and refused one over it', async () => {
  const textOf = (bytes: number) => 'x'.repeat(bytes - 2);
  const fits = await api.send('POST', '/v1/tasks', { json: { ...echo, input: textOf(taskInputBytesMax) } });
  expect(fits.status).toBe(202);
  const over = await api.send('POST', '/v1/tasks', { json: { ...echo, input: textOf(taskInputBytesMax + 1) } });
  expect([over.status, over.json.code]).toEqual([413, 'content_too_large']);
  // Numbers may be written shorter than they are kept.
  const grows = `{"operation":"swarm.echo","input":[${Array.from({ length: 12_000 }, () => '1E20').join(',')}]}`;
  const grown = await api.send('POST', '/v1/tasks', { body: grows, headers: { 'content-type': 'application/json' } });
  expect([grown.status, grown.json.code]).toEqual([413, 'content_too_large']);
});

test('tasks are listed newest first, by page and by state', async () => {
  const ids: unknown[] = [];
  for (let i = 0; i < 3; i++) {
    api.clock.now += 1_000;
    ids.unshift((await api.send('POST', '/v1/tasks', { json: echo })).json.id);
  }
  const first = await api.send('GET', '/v1/tasks?limit=2');
  expect([at(first.json, 'data', 0, 'id'), at(first.json, 'data', 1, 'id')]).toEqual(ids.slice(0, 2));
  const second = await api.send('GET', `/v1/tasks?limit=2&cursor=${first.json.nextCursor}`);
  expect(at(second.json, 'data', 0, 'id')).toBe(ids[2]);
  expect(second.json.nextCursor).toBeNull();
  expect((await api.send('GET', '/v1/tasks?state=succeeded')).json.data).toEqual([]);
});

test.each([
  'limit=0',
  'limit=101',
  'limit=x',
  'limit=1.5',
  'limit=',
  'limit=+5',
  'limit=5&limit=6',
  'state=done',
  'at=x',
  'cursor=',
  'cursor=%00',
  '__proto__=1',
])('the query %s is refused', async (query) => {
  const refused = await api.send('GET', `/v1/tasks?${query}`);
  expect([refused.status, refused.json.code]).toEqual([400, 'invalid_request']);
  expect(api.first.service.calls).toBe(0);
});

test('a cancelled task is shown cancelled; again, it has finished', async () => {
  const made = await api.send('POST', '/v1/tasks', { json: echo });
  const cancelled = await api.send('POST', `/v1/tasks/${made.json.id}/cancel`);
  expect([cancelled.status, cancelled.json.state]).toEqual([200, 'cancelled']);
  const again = await api.send('POST', `/v1/tasks/${made.json.id}/cancel`);
  expect([again.status, again.json.code]).toEqual([409, 'task_already_finished']);
});

test('the proof of a task holds its events, its transfers and a checkpoint', async () => {
  const made = await api.send('POST', '/v1/tasks', { json: echo, headers: { prefer: 'wait=1' } });
  const proof = await api.send('GET', `/v1/tasks/${made.json.id}/proof`);
  expect(proof.status).toBe(200);
  expect(at(proof.json, 'transfers', 0, 'reference')).toBe(`task/${made.json.id}`);
  expect(at(proof.json, 'events', 0, 'type')).toBe('starling.task.requested');
});

test('an id that is not well formed and one that is nobody’s get the same answer', async () => {
  const answers = await Promise.all(
    ['tsk_', 'nonsense', id('msn'), id('tsk'), `${id('tsk')}x`, '%00', 'tsk_%'].map((one) =>
      api.send('GET', `/v1/tasks/${one}`),
    ),
  );
  const bodies = answers.map(({ status, json }) => JSON.stringify({ status, ...json, requestId: '' }));
  expect(new Set(bodies).size).toBe(1);
  expect(answers[0]?.json.code).toBe('task_not_found');
});

test('a mission starts with its plan, is shown with its tasks, and is cancelled', async () => {
  const plan = {
    tasks: [
      { key: 'a', operation: 'swarm.echo', input: 1 },
      { key: 'b', operation: 'swarm.echo', input: { $result: 'a' }, after: ['a'] },
    ],
  };
  const started = await api.send('POST', '/v1/missions', { json: { name: 'two', plan } });
  expect(started.status).toBe(202);
  expect(started.headers.get('location')).toBe(`/v1/missions/${started.json.id}`);
  expect(at(started.json, 'tasks', 1, 'state')).toBe('waiting');
  expect((await api.send('GET', `/v1/missions/${started.json.id}`)).json.name).toBe('two');
  const cancelled = await api.send('POST', `/v1/missions/${started.json.id}/cancel`);
  expect(cancelled.json.state).toBe('cancelled');
  expect(at((await api.send('GET', '/v1/missions')).json, 'data', 0, 'id')).toBe(started.json.id);
});

test.each([
  [
    'a cycle',
    [
      { key: 'a', after: ['b'] },
      { key: 'b', after: ['a'] },
    ],
    422,
    'plan_cyclic',
  ],
  ['a key that is not there', [{ key: 'a', after: ['z'] }], 422, 'plan_key_unknown'],
  ['a key that stands twice', [{ key: 'a' }, { key: 'a' }], 422, 'plan_key_repeated'],
  ['no tasks', [], 400, 'invalid_request'],
])('a plan with %s is refused', async (_, tasks, status, code) => {
  const plan = { tasks: tasks.map((task) => ({ operation: 'swarm.echo', input: {}, ...task })) };
  const refused = await api.send('POST', '/v1/missions', { json: { plan } });
  expect([refused.status, refused.json.code]).toEqual([status, code]);
  expect((await api.send('GET', '/v1/missions')).json.data).toEqual([]);
});
