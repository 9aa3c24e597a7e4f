// The table of commands: names, words, options, and where the code is. Code is loaded when its command is called, so that
// the runtime of a device does not carry the rest.

import type { Command, Option } from './command.ts';

const home: Option = {
  value: 'folder',
  help: 'the home of the device (STARLING_DEVICE_HOME, else ~/.starling-device)',
};
const timeout: Option = { value: 'seconds', help: 'wait at most so long; exit code 7 when it is not over by then' };
const wait: Option = { help: 'wait until it is over' };
const idempotencyKey: Option = {
  value: 'key',
  help: 'a key of your own: the same key and request give the same answer',
};
const at: Option = {
  value: 'moment',
  help: 'as it was then: the seq of an event, RFC 3339, or so long ago (-10m, -2h)',
};
const deadline: Option = { value: 'time', help: 'done by then: 10m, 2h, or RFC 3339' };
const deviceOptions = {
  home,
  'allow-read': { value: 'folder', many: true, help: 'operations may read in this folder' },
  'allow-run-unconfined': {
    value: 'folder',
    many: true,
    help: "and run the project's own programs there, which can do whatever you may",
  },
  'allow-run': { value: 'folder', many: true, help: 'refused: there is no sandbox yet; say --allow-run-unconfined' },
  parallel: { value: 'number', help: 'attempts at once' },
  privacy: { value: 'class', help: 'public, internal, confidential or device-only' },
  capability: { value: 'name', many: true, help: 'something that tasks may require' },
  withhold: { value: 'operation', many: true, help: 'an operation that this device does not offer' },
} as const satisfies Record<string, Option>;

export const COMMANDS: readonly Command[] = [
  {
    name: 'signup',
    summary: 'sign an organization up and keep its API key',
    options: {
      email: { value: 'address', help: 'your e-mail address' },
      organization: { value: 'name', help: 'its name' },
    },
    needsKey: false,
    load: async () => (await import('./commands/account.ts')).signup,
  },
  {
    name: 'login',
    summary: 'get an API key for this machine (password: STARLING_PASSWORD, or asked for)',
    options: {
      email: { value: 'address', help: 'your e-mail address' },
      'with-key': { help: 'keep the API key that stands on standard input instead' },
    },
    needsKey: false,
    load: async () => (await import('./commands/account.ts')).login,
  },
  {
    name: 'logout',
    summary: 'forget the API key, and revoke it if `login` made it',
    needsKey: false,
    load: async () => (await import('./commands/account.ts')).logout,
  },
  {
    name: 'device enrol',
    aliases: ['device enroll'],
    summary: 'make this machine a device of the swarm',
    options: {
      ...deviceOptions,
      name: { value: 'name', help: "what it is called (this machine's name)" },
      token: {
        value: 'token',
        help: 'an enrolment token, - for standard input (STARLING_ENROLLMENT_TOKEN, else one is made)',
      },
    },
    needsKey: false,
    load: async () => (await import('./commands/device.ts')).enrol,
  },
  {
    name: 'device run',
    summary: "run the device: take work and do it, within the owner's permissions",
    options: {
      ...deviceOptions,
      tethered: { help: 'stop when standard input ends: with whoever holds its other end' },
    },
    needsKey: false,
    load: async () => (await import('./commands/device.ts')).run,
  },
  {
    name: 'device status',
    summary: 'how the device on this machine is (exit code 1 when it is not well)',
    options: { home },
    needsKey: false,
    load: async () => (await import('./commands/device.ts')).status,
  },
  {
    name: 'task run',
    words: ['<operation>'],
    summary: 'have an operation done once',
    options: {
      input: { value: 'json', help: 'its input: JSON, @file, or - for standard input ({} if left out)' },
      wait,
      timeout,
      'max-credits': { value: 'credits', help: 'what it may cost' },
      deadline,
      'require-privacy': { value: 'class', help: 'the executor is at least this private' },
      'require-executor': { value: 'who', help: 'device, cloud, or one device (dev_…)' },
      'require-capability': { value: 'name', help: 'the executor has this capability' },
      'idempotency-key': idempotencyKey,
    },
    needsKey: true,
    load: async () => (await import('./commands/task.ts')).run,
  },
  {
    name: 'task get',
    words: ['<task>'],
    summary: 'show a task',
    options: { wait, timeout, at },
    needsKey: true,
    load: async () => (await import('./commands/task.ts')).get,
  },
  {
    name: 'task list',
    summary: 'list tasks, newest first',
    options: {
      limit: { value: 'number', help: 'how many (20)' },
      cursor: { value: 'cursor', help: 'where the last page ended' },
      state: { value: 'state', help: 'only those in this state' },
      at,
    },
    needsKey: true,
    load: async () => (await import('./commands/task.ts')).list,
  },
  {
    name: 'task cancel',
    words: ['<task>'],
    summary: 'cancel a task',
    needsKey: true,
    load: async () => (await import('./commands/task.ts')).cancel,
  },
  {
    name: 'mission run',
    words: ['<plan.json>'],
    summary: 'have a plan done (- for standard input), and wait for it',
    options: {
      name: { value: 'name', help: 'what the mission is called' },
      deadline,
      timeout,
      'no-wait': { help: 'do not wait for it' },
      'idempotency-key': idempotencyKey,
    },
    needsKey: true,
    load: async () => (await import('./commands/mission.ts')).run,
  },
  {
    name: 'mission get',
    words: ['<mission>'],
    summary: 'show a mission',
    options: { wait, timeout, at },
    needsKey: true,
    load: async () => (await import('./commands/mission.ts')).get,
  },
  {
    name: 'journal tail',
    summary: 'show the last events of the journal',
    options: {
      from: { value: 'seq', help: 'from this event on instead' },
      follow: { help: 'and every new one as it happens' },
      at,
    },
    needsKey: true,
    load: async () => (await import('./commands/journal.ts')).tail,
  },
  {
    name: 'ledger',
    summary: 'show accounts and the last transfers',
    options: { limit: { value: 'number', help: 'transfers (10)' }, at },
    needsKey: true,
    load: async () => (await import('./commands/swarm.ts')).ledger,
  },
  {
    name: 'operations',
    summary: 'show what the swarm can do now, and at what price',
    options: { at },
    needsKey: true,
    load: async () => (await import('./commands/swarm.ts')).operations,
  },
  {
    name: 'history diff',
    summary: 'show what has changed between two moments: balances, cost, events, rows',
    options: {
      from: { value: 'moment', help: 'the earlier one: the seq of an event, RFC 3339, or so long ago (-10m, -2h)' },
      to: { value: 'moment', help: 'the later one (now)' },
      limit: { value: 'number', help: 'rows (20)' },
      cursor: { value: 'cursor', help: 'where the last page of rows ended' },
    },
    needsKey: true,
    load: async () => (await import('./commands/history.ts')).diff,
  },
  {
    name: 'history state',
    summary: 'show the hash of the whole state, now or at a moment',
    options: { at },
    needsKey: true,
    load: async () => (await import('./commands/history.ts')).state,
  },
  {
    name: 'fork create',
    words: ['<name>'],
    summary: 'make a swarm of its own from a moment of this one',
    options: {
      from: { value: 'moment', help: 'the seq of an event, RFC 3339, or so long ago (-10m, -2h); now if left out' },
      'idempotency-key': idempotencyKey,
    },
    needsKey: true,
    load: async () => (await import('./commands/fork.ts')).create,
  },
  {
    name: 'fork list',
    summary: 'list forks of this swarm, and of its forks, newest first',
    needsKey: true,
    load: async () => (await import('./commands/fork.ts')).list,
  },
  {
    name: 'fork compare',
    words: ['<fork>'],
    summary: 'compare a fork with its parent, or with another: results, cost, time',
    options: {
      with: { value: 'swarm', help: 'the swarm to compare with (the parent)' },
      limit: { value: 'number', help: 'how many tasks (20)' },
      cursor: { value: 'cursor', help: 'where the last page ended' },
    },
    needsKey: true,
    load: async () => (await import('./commands/fork.ts')).compare,
  },
  {
    name: 'fork what-if',
    words: ['<fork>'],
    summary: "run the parent's later tasks again in a fork, otherwise: a simulation, once in a fork",
    options: {
      price: { value: 'route=credits', many: true, help: 'a route has this price' },
      without: { value: 'route', many: true, help: 'a route is not there' },
      'require-privacy': { value: 'class', help: 'executors are at least this private' },
      'require-executor': { value: 'who', help: 'device, cloud, or one device (dev_…)' },
      'max-credits': { value: 'credits', help: 'what each task may cost' },
      until: { value: 'moment', help: 'how far the record is looked at' },
    },
    needsKey: true,
    load: async () => (await import('./commands/fork.ts')).whatIf,
  },
  {
    name: 'fork effects',
    words: ['<fork>', '<on|off>'],
    summary: 'let a fork act outside, or not: orders to devices, deliveries to webhooks',
    needsKey: true,
    load: async () => (await import('./commands/fork.ts')).effects,
  },
  {
    name: 'fork delete',
    words: ['<fork>'],
    summary: 'delete a fork, with all that it holds',
    needsKey: true,
    load: async () => (await import('./commands/fork.ts')).remove,
  },
  {
    name: 'export',
    summary: 'write the whole journal, with its signed checkpoint, to a file',
    options: {
      format: { value: 'format', help: 'ndjson (a CloudEvent a line) or parquet (ndjson)' },
      output: { value: 'file', help: 'where to; a file that is there is replaced when the new one is whole' },
    },
    needsKey: true,
    load: async () => (await import('./commands/export.ts')).exportJournal,
  },
  {
    name: 'import',
    words: ['<file>'],
    summary: 'bring an export in, as a swarm that is read and never written to',
    options: {
      name: { value: 'name', help: 'what it is called (import)' },
      key: { value: 'base64url', help: "the swarm's public key as you hold it: nobody else's export is taken" },
      'idempotency-key': idempotencyKey,
    },
    needsKey: true,
    load: async () => (await import('./commands/import.ts')).importJournal,
  },
  {
    name: 'verify',
    words: ['[path]'],
    summary:
      'prove the journal, or an export, a proof or an archive on this machine (exit code 5 when it does not hold)',
    options: {
      key: { value: 'base64url', help: "the swarm's public key as you hold it" },
      held: { value: 'file', help: 'a checkpoint that you keep: proves from there on, and then keeps the newer one' },
      quick: { help: 'with --held: only that the journal goes on from it, without reading its events' },
    },
    needsKey: false,
    load: async () => (await import('./commands/verify.ts')).verify,
  },
];

/** Options that every command has. */
export const COMMON_OPTIONS = {
  json: { help: 'JSON for programs, on standard output; failures as JSON on standard error' },
  url: { value: 'url', help: 'the server (STARLING_URL, else the one logged in to, else http://localhost:8787)' },
  help: { help: 'show this' },
} as const satisfies Record<string, Option>;
