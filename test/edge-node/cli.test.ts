// The `starling` command in this process, against a small server that checks what it is sent.

import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { chain } from '../../core/journal/event.ts';
import { EXIT } from '../../edge-node/src/cli/exit-codes.ts';
import { runCommand } from '../../edge-node/src/cli/main.ts';
import { credits, microOf, printable, table, timeOf } from '../../edge-node/src/cli/output.ts';
import { createEventParser, eventCharsMax } from '../../edge-node/src/cli/sse.ts';
import type { Terminal } from '../../edge-node/src/cli/terminal.ts';
import { openHome } from '../../edge-node/src/home.ts';
import { readEnrolment } from '../../edge-node/src/identity.ts';
import { root } from '../tidy/repository.ts';
import { anId, aTask, origin, problem, startTestApi, type TestApi } from './test-api.ts';

let api: TestApi;
let folder = '';
beforeEach(async () => {
  api = await startTestApi();
  folder = mkdtempSync(join(tmpdir(), 'starling-cli-'));
});
afterEach(async () => {
  await api.stop();
  rmSync(folder, { recursive: true });
});

interface World {
  stdin?: string;
  password?: string;
  env?: Record<string, string>;
  interrupt?: AbortSignal;
  watched?: boolean;
}

/** Runs a command; time passes only by its pauses, which take none. */
async function starling(line: string | readonly string[], world: World = {}) {
  let out = '';
  let err = '';
  let now = Date.now();
  const terminal: Terminal = {
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    isWatched: world.watched ?? false,
    env: {
      STARLING_CONFIG: join(folder, 'config.json'),
      STARLING_DEVICE_HOME: join(folder, 'device'),
      STARLING_URL: api.url,
      ...world.env,
    },
    cwd: folder,
    readAll: async (bytesMax) => ((world.stdin ?? '').length > bytesMax ? null : (world.stdin ?? '')),
    inputEnded: async () => {},
    askSecret: async () => world.password ?? null,
    interrupted: world.interrupt ?? new AbortController().signal,
    fetch,
    now: () => now,
    pause: async (ms) => {
      now += ms;
      await new Promise((resolve) => setImmediate(resolve));
    },
    random: () => 0.5,
  };
  const exit = await runCommand(typeof line === 'string' ? line.split(' ') : line, terminal);
  return { exit, out, err };
}
const signedIn = (line: string | readonly string[], world: World = {}) =>
  starling(line, { ...world, env: { STARLING_API_KEY: api.key, ...world.env } });
const config = () =>
  JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')) as { key: { id: string; secret: string } | null };
const paths = () => api.seen.map(({ method, path }) => `${method} ${path}`);

describe('the command line', () => {
  test.each([
    [[], EXIT.usage],
    [['help'], EXIT.ok],
    [['task'], EXIT.usage],
    [['task', 'fly'], EXIT.usage],
    [['task', 'run'], EXIT.usage],
    [['task', 'run', 'a.b', 'c'], EXIT.usage],
    [['task', 'run', '--nonsense'], EXIT.usage],
    [['task', 'run', '--help'], EXIT.ok],
    [['verify', '--key'], EXIT.usage],
  ] as const)('%j ends with %i, without a word to the server', async (line, exit) => {
    expect((await signedIn(line)).exit).toBe(exit);
    expect(api.seen).toEqual([]);
  });

  test('shows every command in its help', async () => {
    const { out } = await starling('help');
    for (const name of ['signup', 'device enrol', 'task run', 'mission run', 'journal tail', 'verify'])
      expect(out).toContain(name);
  });

  test('that names a server which is none is refused', async () => {
    expect((await signedIn(['ledger', '--url', 'file:///etc/passwd'])).exit).toBe(EXIT.usage);
    expect((await signedIn(['ledger', '--url', 'nonsense'])).exit).toBe(EXIT.usage);
  });
});

describe('accounts', () => {
  test('signup shows the key once and keeps it for its owner alone', async () => {
    const { exit, out } = await starling(['signup', '--email', 'a@b.example', '--organization', 'A B'], {
      password: 'pass word',
    });
    expect(exit).toBe(EXIT.ok);
    expect(out.split(api.key)).toHaveLength(2);
    expect(api.seen[0]?.body).toEqual({ email: 'a@b.example', password: 'pass word', organization: 'A B' });
    expect(config().key?.secret).toBe(api.key);
    expect((statSync(join(folder, 'config.json')).mode & 0o777).toString(8)).toBe('600');
    expect((await starling('ledger')).exit).toBe(EXIT.ok);
  });

  test('a password is never taken from the command line', async () => {
    expect((await starling('signup --email a@b.example --organization A --password x')).exit).toBe(EXIT.usage);
    expect((await starling('signup --email a@b.example --organization A')).exit).toBe(EXIT.usage);
    expect(api.seen).toEqual([]);
    const { exit } = await starling('signup --email a@b.example --organization A', {
      env: { STARLING_PASSWORD: 'from the environment' },
    });
    expect(exit).toBe(EXIT.ok);
  });

  test('login makes a key for this machine and ends its session; logout revokes the key', async () => {
    const { exit, out } = await starling('login --email a@b.example', { password: 'p' });
    expect(exit).toBe(EXIT.ok);
    expect(out).not.toContain(api.key);
    expect(paths()).toEqual(['POST /v1/login', 'POST /v1/keys', 'POST /v1/logout']);
    const { id } = config().key ?? { id: '' };
    expect((await starling('logout')).exit).toBe(EXIT.ok);
    expect(paths().at(-1)).toBe(`POST /v1/keys/${id}/revoke`);
    expect(config().key).toBeNull();
    expect((await starling('ledger')).exit).toBe(EXIT.forbidden);
  });

  test('logout only forgets a key that signing up made', async () => {
    await starling('signup --email a@b.example --organization A', { password: 'p' });
    const before = api.seen.length;
    expect((await starling('logout')).exit).toBe(EXIT.ok);
    expect(api.seen).toHaveLength(before);
    expect(config().key).toBeNull();
  });

  test('login takes a key from standard input, checks it, and keeps no other', async () => {
    expect((await starling('login --with-key', { stdin: 'not a key' })).exit).toBe(EXIT.usage);
    expect((await starling('login --with-key', { stdin: 'sk_wrong.mac' })).exit).toBe(EXIT.forbidden);
    expect((await starling('login --with-key', { stdin: `${api.key}\n` })).exit).toBe(EXIT.ok);
    expect(config().key?.secret).toBe(api.key);
  });

  test('a stored key goes to no other server', async () => {
    await starling('signup --email a@b.example --organization A', { password: 'p' });
    const other = await startTestApi();
    const { exit } = await starling('ledger', { env: { STARLING_URL: other.url } });
    expect(exit).toBe(EXIT.forbidden);
    expect(other.seen).toEqual([]);
    await other.stop();
  });

  test('a configuration that is damaged is told, not replaced', async () => {
    writeFileSync(join(folder, 'config.json'), '{"key":"sk_secret');
    const { exit, err } = await starling('ledger');
    expect(exit).toBe(EXIT.usage);
    expect(err).not.toContain('sk_secret');
  });
});

describe('tasks', () => {
  const ended = (over: Parameters<typeof aTask>[0]) => api.tasks.set('next', aTask(over));

  test('run sends what is asked, in the units of the wire', async () => {
    writeFileSync(join(folder, 'input.json'), '{"text":"hello"}');
    const { exit, out } = await signedIn(
      'task run text.summarize --input @input.json --max-credits 0.25 --deadline 10m --require-privacy internal --require-executor device --json',
    );
    expect(exit).toBe(EXIT.ok);
    expect(api.seen[0]?.body).toMatchObject({
      ...{ operation: 'text.summarize', input: { text: 'hello' }, maxCreditsMicro: 250_000 },
      ...{ deadline: expect.stringMatching(/^\d{4}-.*Z$/), require: { privacy: 'internal', executor: 'device' } },
    });
    expect(JSON.parse(out)).toMatchObject({ state: 'queued' });
  });

  test.each([
    ['--input {', 'is not JSON'],
    ['--input @missing.json', 'cannot be read (ENOENT)'],
    ['--max-credits 1.0000001', '--max-credits'],
    ['--max-credits 0', '--max-credits'],
    ['--deadline soon', '--deadline'],
    ['--require-privacy secret', '--require-privacy'],
    ['--require-executor you', '--require-executor'],
    ['--timeout long', '--timeout'],
  ])('run %s is misuse, said before anything is sent', async (flags, words) => {
    const { exit, err } = await signedIn(`task run text.summarize ${flags}`);
    expect([exit, err]).toEqual([EXIT.usage, expect.stringContaining(words)]);
    expect(api.seen).toEqual([]);
  });

  test('run --wait prints the result alone on standard output', async () => {
    ended({ state: 'succeeded', result: { summary: 'short' }, cost: { heldMicro: 0, settledMicro: 2_500 } });
    const { exit, out, err } = await signedIn('task run text.summarize --wait', { stdin: '' });
    expect([exit, JSON.parse(out)]).toEqual([EXIT.ok, { summary: 'short' }]);
    expect(err).toContain('for 0.0025 credits');
    expect(api.seen[0]?.headers.prefer).toBe('wait=30');
  });

  test('run --wait looks until the task is over', async () => {
    const id = anId('tsk');
    ended({ id, state: 'queued' });
    api.intercept = ({ path }) => {
      if (path !== `/v1/tasks/${id}` || api.seen.length < 4) return undefined;
      return { status: 200, body: aTask({ id, state: 'succeeded', result: 7 }) };
    };
    const { exit, out } = await signedIn('task run text.summarize --wait', { watched: true });
    expect([exit, out]).toEqual([EXIT.ok, '7\n']);
    expect(paths()).toEqual(['POST /v1/tasks', ...Array(3).fill(`GET /v1/tasks/${id}`)]);
  });

  test.each(['failed', 'cancelled', 'expired'] as const)(
    'run --wait of a task that %s ends with 1 and says why',
    async (state) => {
      ended({ state, error: { code: 'too_long', message: 'It is too long.', retryable: false } });
      const { exit, out, err } = await signedIn('task run text.summarize --wait --json');
      expect([exit, JSON.parse(out).state, JSON.parse(err).error.code]).toEqual([EXIT.failed, state, 'too_long']);
    },
  );

  test('run --timeout ends with 7 when the task is not over, and names it', async () => {
    const id = anId('tsk');
    ended({ id, state: 'leased' });
    const { exit, err } = await signedIn('task run text.summarize --timeout 0');
    expect([exit, err]).toEqual([EXIT.unfinished, expect.stringContaining(id)]);
  });

  test('get, list and cancel show tasks; a task that is not there ends with 6', async () => {
    const one = aTask({ state: 'cancelled' });
    api.tasks.set(one.id, one);
    expect((await signedIn(`task get ${one.id}`)).out).toContain(`${one.id}  cancelled`);
    expect((await signedIn('task list')).out).toContain(one.id);
    expect((await signedIn(`task cancel ${one.id}`)).exit).toBe(EXIT.ok);
    const missing = await signedIn(`task get ${anId('tsk')} --json`);
    expect([missing.exit, JSON.parse(missing.err)]).toMatchObject([
      EXIT.refused,
      { error: { code: 'task_not_found', status: 404 } },
    ]);
  });
});

describe('missions', () => {
  const plan = { tasks: [{ key: 'a', operation: 'text.summarize', input: {} }] };
  const aMission = (state: 'running' | 'succeeded' | 'failed') => ({
    ...{ id: anId('msn'), name: 'M', state, failedKey: state === 'failed' ? 'a' : null, origin: 'api' },
    tasks: [
      {
        key: 'a',
        taskId: anId('tsk'),
        operation: 'text.summarize',
        after: [],
        state: 'queued' as const,
        executor: null,
        settledMicro: 0,
      },
    ],
    ...{
      cost: { heldMicro: 0, settledMicro: 5 },
      createdAt: new Date().toISOString(),
      updatedAt: new Date().toISOString(),
    },
  });

  test('run takes a plan or a whole request from a file, and waits', async () => {
    writeFileSync(join(folder, 'plan.json'), JSON.stringify(plan));
    const running = aMission('running');
    api.missions.set('next', running);
    api.intercept = ({ method }) => {
      if (method === 'GET' && api.seen.length > 3) api.missions.set(running.id, { ...running, state: 'succeeded' });
      return undefined;
    };
    const { exit, out } = await signedIn(['mission', 'run', 'plan.json', '--name', 'my mission']);
    expect([exit, out]).toEqual([EXIT.ok, expect.stringContaining('succeeded')]);
    expect(api.seen[0]?.body).toEqual({ plan, name: 'my mission' });
    expect((await signedIn('mission run - --no-wait', { stdin: JSON.stringify({ plan, name: 'whole' }) })).exit).toBe(
      EXIT.ok,
    );
  });

  test('run of a mission that fails ends with 1; a plan that is refused with 6; a file that is no plan with 2', async () => {
    writeFileSync(join(folder, 'plan.json'), JSON.stringify(plan));
    api.missions.set('next', aMission('failed'));
    expect((await signedIn('mission run plan.json')).exit).toBe(EXIT.failed);
    api.missions.delete('next');
    expect((await signedIn('mission run plan.json')).exit).toBe(EXIT.refused);
    writeFileSync(join(folder, 'plan.json'), '[]');
    expect((await signedIn('mission run plan.json')).exit).toBe(EXIT.usage);
  });

  test('get shows one', async () => {
    const one = aMission('failed');
    api.missions.set(one.id, one);
    expect((await signedIn(`mission get ${one.id}`)).exit).toBe(EXIT.ok);
    expect((await signedIn(`mission get ${one.id} --wait`)).exit).toBe(EXIT.failed);
  });
});

describe('the journal', () => {
  beforeEach(() => {
    for (let i = 0; i < 250; i++) api.append(i === 0 ? 'swarm.created' : 'thing.happened');
  });

  test('tail shows the last twenty, or those from a place on', async () => {
    const last = await signedIn('journal tail --json');
    expect(
      last.out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).seq),
    ).toEqual(Array.from({ length: 20 }, (_, i) => 231 + i));
    const from = await signedIn('journal tail --from 40');
    expect(from.out.trim().split('\n')).toHaveLength(211);
    expect((await signedIn('journal tail --from nought')).exit).toBe(EXIT.usage);
  });

  test('tail --follow comes back after every cut and shows each event once, in order', async () => {
    api.cutStreamAfter = 3;
    for (let i = 0; i < 10; i++) api.append('thing.happened');
    const stop = new AbortController();
    api.intercept = ({ path, headers }) => {
      if (path !== '/v1/journal/stream') return undefined;
      if (api.seen.length === 3) for (let i = 0; i < 10; i++) api.append('thing.later');
      if (headers['last-event-id'] === '270') stop.abort();
      return undefined;
    };
    const { exit, out } = await signedIn('journal tail --from 245 --follow --json', { interrupt: stop.signal });
    expect(exit).toBe(EXIT.interrupted);
    expect(
      out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).seq),
    ).toEqual(Array.from({ length: 26 }, (_, i) => 245 + i));
    expect(paths().filter((path) => path === 'GET /v1/journal/stream').length).toBeGreaterThan(3);
  });

  test('tail --follow ends when it is not allowed', async () => {
    api.intercept = ({ path }) => (path === '/v1/journal/stream' ? problem(403, 'scope_missing') : undefined);
    expect((await signedIn('journal tail --follow')).exit).toBe(EXIT.forbidden);
  });

  test('verify proves it, from the first event to the signed head', async () => {
    const { exit, out } = await signedIn('verify --json');
    expect([exit, JSON.parse(out)]).toMatchObject([EXIT.ok, { ok: true, size: 250, head: api.events[249]?.hash }]);
    expect((await signedIn(['verify', '--key', 'another-key'])).exit).toBe(EXIT.unproved);
  });

  test.each([
    ['a changed body', () => Object.assign(api.events[99] ?? {}, { body: '{"n":7}' }), 100],
    ['a missing event', () => api.events.splice(49, 1), 50],
    ['a changed last event', () => Object.assign(api.events[249] ?? {}, { actor: 'user/eve' }), 250],
  ])('[P7] verify finds %s and ends with 5', async (_what, tamper, seq) => {
    tamper();
    const { exit, err } = await signedIn('verify --json');
    expect([exit, JSON.parse(err).error.seq]).toEqual([EXIT.unproved, seq]);
  });
});

describe('verify', () => {
  beforeEach(() => {
    for (let n = 0; n < 250; n++) api.append('thing.done');
  });
  const held = () => JSON.parse(readFileSync(join(folder, 'held.json'), 'utf8')) as { size: number; head: string };
  const pages = () =>
    api.seen.filter(({ path }) => path === '/v1/journal').map(({ query }) => Number(query.cursor ?? 0));

  test('[VERIFY-5] keeps a checkpoint, then proves from there on, and reads nothing when it must be quick', async () => {
    expect((await signedIn('verify --held held.json')).exit).toBe(EXIT.ok);
    expect(held().size).toBe(250);
    expect((statSync(join(folder, 'held.json')).mode & 0o777).toString(8)).toBe('600');
    for (let n = 0; n < 30; n++) api.append('thing.done');
    api.seen.length = 0;
    const { exit, out } = await signedIn('verify --held held.json');
    expect([exit, held().size, pages()]).toEqual([EXIT.ok, 280, [250]]);
    expect(out).toContain('30 events after the 250 that are held');
    api.append('thing.done');
    api.seen.length = 0;
    expect((await signedIn('verify --held held.json --quick')).exit).toBe(EXIT.ok);
    expect([held().size, pages()]).toEqual([281, []]);
    // Nothing new is nothing wrong.
    expect((await signedIn('verify --held held.json')).exit).toBe(EXIT.ok);
    expect((await signedIn('verify --held held.json --key another-key')).exit).toBe(EXIT.unproved);
  });

  test.each([
    ['an event under what is held was changed', (events: TestApi['events']) => rewrite(events, 99)],
    ['the journal was cut', (events: TestApi['events']) => events.splice(200)],
  ])('[VERIFY-5] finds that %s, in every way, and overwrites nothing', async (_, tamper) => {
    await signedIn('verify --held held.json');
    const kept = held();
    tamper(api.events);
    for (const quick of ['', ' --quick']) {
      expect((await signedIn(`verify --held held.json${quick}`)).exit).toBe(EXIT.unproved);
    }
    expect(held()).toEqual(kept);
  });

  test('[VERIFY-5] says the seq of an event since that does not hold', async () => {
    await signedIn('verify --held held.json');
    for (let n = 0; n < 30; n++) api.append('thing.done');
    Object.assign(api.events[264] ?? {}, { body: '{"n":7}' });
    const { exit, err } = await signedIn('verify --held held.json --json');
    expect([exit, JSON.parse(err).error.seq]).toEqual([EXIT.unproved, 265]);
  });

  test('proves files without a server or a key, and says what they are', async () => {
    const vectors = join(root, 'docs/verify/vectors');
    for (const [file, words] of [
      ['export.ndjson', 'an export'],
      ['export.parquet', 'an export'],
      ['archive', 'an archive'],
      ['task.json', 'a task'],
      ['event.json', 'an event'],
      ['checkpoint.json', 'a checkpoint'],
    ]) {
      const { exit, out } = await starling(['verify', join(vectors, file ?? '')]);
      expect([file, exit, out.includes(words ?? '')]).toEqual([file, EXIT.ok, true]);
    }
    const consistency = ['verify', join(vectors, 'consistency.json')];
    expect((await starling(consistency)).exit).toBe(EXIT.usage);
    expect((await starling([...consistency, '--held', join(vectors, 'held.json')])).exit).toBe(EXIT.ok);
    writeFileSync(join(folder, 'changed.json'), readFileSync(join(vectors, 'task.json'), 'utf8').replace('400', '399'));
    expect((await starling('verify changed.json')).exit).toBe(EXIT.unproved);
    expect(api.seen).toEqual([]);
  });

  test('refuses what it cannot read, and to be quick about nothing', async () => {
    writeFileSync(join(folder, 'other.json'), '{"size":1}');
    for (const words of ['nothing.json', 'other.json', '--held other.json', '--quick', '--quick --held new.json'])
      expect([words, (await signedIn(`verify ${words}`)).exit]).toEqual([words, EXIT.usage]);
    expect((await starling('verify')).exit).toBe(EXIT.forbidden);
  });
});

/** Another past, with all its hashes: as somebody with the database could write it. */
function rewrite(events: TestApi['events'], at: number): void {
  for (let index = at; index < events.length; index++) {
    const { type, subject, body, at: time, actor, command } = events[index] as TestApi['events'][number];
    const said = { type, subject, body: index === at ? '{"n":0}' : body };
    const previous = events[index - 1]?.hash ?? '';
    events[index] = chain(origin, previous, index + 1, said, { at: time, actor, command, trace: null });
  }
}

test('operations and ledger show credits, not micro-credits', async () => {
  expect((await signedIn('operations')).out).toContain('0.0025');
  expect((await signedIn('ledger')).out).toContain('999.9975');
  expect(JSON.parse((await signedIn('ledger --json')).out).accounts[0].postedMicro).toBe(999_997_500);
});

describe('the device', () => {
  test('enrol makes a token, proves the key, and keeps what it is given with the owner’s permissions', async () => {
    const { exit, out } = await signedIn(
      'device enrol --name laptop --allow-read . --allow-run-unconfined /srv --parallel 3 --json',
    );
    expect(exit).toBe(EXIT.ok);
    expect(paths()).toEqual(['POST /v1/devices/enrollments', 'POST /v1/devices/enroll']);
    expect(api.seen[1]?.headers.authorization).toBeUndefined();
    expect(JSON.parse(out).settings.grants).toEqual([
      { path: folder, read: true, run: false, runUnconfined: false },
      { path: '/srv', read: true, run: false, runUnconfined: true },
    ]);
    expect(out).not.toContain('dvc_');
    expect(readEnrolment(join(folder, 'device'))).toMatchObject({ name: 'laptop', credential: 'dvc_x.y' });
    expect((await signedIn('device enroll')).exit).toBe(EXIT.device);
  });

  test('enrol takes a token and then needs no key', async () => {
    expect((await starling('device enrol --token -', { stdin: 'ent_given.mac\n' })).exit).toBe(EXIT.ok);
    expect(api.seen[0]?.body).toMatchObject({ token: 'ent_given.mac' });
  });

  test('enrol without key or token is forbidden; with a token that is used, refused', async () => {
    expect((await starling('device enrol')).exit).toBe(EXIT.forbidden);
    api.intercept = () => problem(409, 'enrollment_used');
    expect((await starling('device enrol --token ent_x.y')).exit).toBe(EXIT.refused);
  });

  test('run and status without a device end with 8; settings that cannot be read, too', async () => {
    expect((await starling('device run')).exit).toBe(EXIT.device);
    expect((await starling('device status')).exit).toBe(EXIT.device);
    openHome(join(folder, 'device'));
    writeFileSync(join(folder, 'device', 'settings.json'), '{');
    expect((await starling('device run')).exit).toBe(EXIT.device);
  });

  test('run with flags that cannot be read is misuse', async () => {
    expect((await starling('device run --parallel many')).exit).toBe(EXIT.usage);
    expect((await starling('device run --privacy none')).exit).toBe(EXIT.usage);
  });

  test('run --tethered stops when standard input ends', async () => {
    await starling('device enrol --token t');
    expect((await starling('device run --tethered')).exit).toBe(EXIT.ok);
  });

  test('run stops at once when it is interrupted, and status then shows an idle home', async () => {
    await starling('device enrol --token t');
    const stop = new AbortController();
    stop.abort();
    expect((await starling('device run', { interrupt: stop.signal })).exit).toBe(EXIT.ok);
    const { exit, out } = await starling('device status --json');
    expect([exit, JSON.parse(out)]).toMatchObject([EXIT.ok, { running: false, health: 'idle', outbox: { facts: 0 } }]);
  });
});

describe('the way to the server', () => {
  test('a POST that fails in passing is repeated under the same key, and then succeeds', async () => {
    api.intercept = () =>
      api.seen.length === 1 ? 'hang up' : api.seen.length === 2 ? problem(503, 'unavailable') : undefined;
    expect((await signedIn('task run text.summarize')).exit).toBe(EXIT.ok);
    const keys = api.seen.map(({ headers }) => headers['idempotency-key']);
    expect(keys).toHaveLength(3);
    expect(new Set(keys).size).toBe(1);
  });

  test('[P18] gives up after five tries, with 4', async () => {
    api.intercept = () => problem(503, 'unavailable');
    expect((await signedIn('ledger --json')).exit).toBe(EXIT.unreachable);
    expect(paths().filter((path) => path.endsWith('accounts'))).toHaveLength(5);
  });

  test('does what Retry-After says, unless it says too long', async () => {
    api.intercept = () =>
      api.seen.length === 1
        ? { ...(problem(429, 'rate_limited') as object), status: 429, headers: { 'retry-after': '7' } }
        : undefined;
    expect((await signedIn('operations')).exit).toBe(EXIT.ok);
    api.intercept = () => ({ status: 429, body: {}, headers: { 'retry-after': '3600' } });
    const before = api.seen.length;
    expect((await signedIn('operations')).exit).toBe(EXIT.unreachable);
    expect(api.seen).toHaveLength(before + 1);
  });

  test.each([
    [401, EXIT.forbidden],
    [403, EXIT.forbidden],
    [402, EXIT.refused],
    [404, EXIT.refused],
    [409, EXIT.refused],
    [422, EXIT.refused],
  ])('a refusal with %i ends with %i and is not repeated', async (status, exit) => {
    api.intercept = () => problem(status, 'some_code', { errors: [{ pointer: '/input', message: 'is wrong' }] });
    const { exit: ended, err } = await signedIn('task run text.summarize');
    expect([ended, api.seen.length]).toEqual([exit, 1]);
    expect(err).toContain('some_code');
    expect(err).toContain('/input: is wrong');
  });

  test('nobody there ends with 4', async () => {
    const { exit, err } = await signedIn('ledger', { env: { STARLING_URL: 'http://127.0.0.1:1' } });
    expect([exit, err]).toEqual([EXIT.unreachable, expect.stringContaining('cannot reach')]);
  });

  test('something else there ends with 4: a page, another shape, a redirect that would take the key along', async () => {
    api.intercept = () => ({ status: 200, body: { data: 'a page' } });
    expect((await signedIn('task list')).exit).toBe(EXIT.unreachable);
    api.intercept = () => ({ status: 302, headers: { location: 'http://127.0.0.1:1/' } });
    expect((await signedIn('task list')).exit).toBe(EXIT.unreachable);
  });

  test('no key is ever printed', async () => {
    for (const line of ['ledger', 'task list', 'operations --json', `task get ${anId('tsk')}`, 'journal tail']) {
      const { out, err } = await signedIn(line);
      expect(out + err).not.toContain(api.key);
    }
  });
});

describe('output', () => {
  test('credits are exact both ways', () => {
    for (const [micro, text] of [
      [0, '0'],
      [1, '0.000001'],
      [2_500, '0.0025'],
      [1_500_000, '1.5'],
      [-2_000_000, '-2'],
    ] as const) {
      expect(credits(micro)).toBe(text);
      if (micro >= 0) expect(microOf(text)).toBe(micro);
    }
    for (const text of ['', '.5', '1.', '1e3', '-1', '0.0000001', '1,5']) expect(microOf(text)).toBeNull();
  });

  test('times are from now on, or of the calendar', () => {
    expect(timeOf('90s', 0)).toBe('1970-01-01T00:01:30.000Z');
    expect(timeOf('2026-01-01T00:00:00+02:00', 0)).toBe('2025-12-31T22:00:00.000Z');
    for (const text of ['', 'tomorrow', '10', '10y', '2026-13-01T00:00:00Z', '2026-01-01'])
      expect(timeOf(text, 0)).toBeNull();
  });

  test('what comes from elsewhere cannot steer the terminal', () => {
    expect(printable('a\u001b[2Jb\u202ec\nd')).toBe('a [2Jb c d');
    expect(table(['A', 'B'], [['x\u0007', 'y\r']])).toBe('A   B\nx   y \n');
  });
});

describe('server-sent events', () => {
  test('are read whole, wherever they are cut', () => {
    const text = ': comment\n\nid: 1\nevent: a\ndata: {"x":\ndata: 1}\n\r\nid:2\r\ndata: two\r\n\r\n';
    for (let size = 1; size < text.length; size++) {
      const parse = createEventParser();
      const found = [];
      for (let i = 0; i < text.length; i += size) found.push(...parse(text.slice(i, i + size)));
      expect(found).toEqual([
        { id: '1', event: 'a', data: '{"x":\n1}' },
        { id: '2', event: '', data: 'two' },
      ]);
    }
  });

  test('[P15] that never end are refused', () => {
    expect(() => createEventParser()('x'.repeat(eventCharsMax + 1))).toThrow(RangeError);
    const parse = createEventParser();
    expect(() => {
      for (let i = 0; i < 20; i++) parse(`data: ${'x'.repeat(100_000)}\n`);
    }).toThrow(RangeError);
  });
});
