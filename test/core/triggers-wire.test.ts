import { expect, test } from 'vitest';
import { createTrigger, firesOn, templateOf } from '../../core/wire/triggers.ts';

const base = {
  name: 'review',
  preset: 'github',
  task: { operation: 'code.review', input: { text: '{{/pull_request/title}}' } },
};
const generic = { signatureHeader: 'X-Signature', algorithm: 'sha256', encoding: 'hex' };
const problems = (body: unknown) => {
  const parsed = createTrigger.safeParse(body);
  return parsed.success ? [] : parsed.error.issues.map((issue) => issue.path.join('/'));
};

test.each([
  ['the least', base],
  ['a mission', { name: 'm', preset: 'stripe', mission: { plan: { tasks: [] } }, secret: 'whsec_0123456789abcdef' }],
  [
    'every member',
    {
      ...base,
      task: {
        ...base.task,
        maxCreditsMicro: 1,
        require: { privacy: 'internal', executor: 'device', capability: 'gpu' },
      },
      secret: 'It-is-a-secret-to-everybody',
      events: ['pull_request', 'issues.opened', 'push.*', 'orders/create'],
      mapping: { '/number': '/number', '/text': '{{/a|b}}' },
    },
  ],
  ['a generic sender', { ...base, preset: 'generic', generic }],
  [
    'a standard secret',
    { ...base, preset: 'standard-webhooks', secret: `whsec_${Buffer.alloc(24, 1).toString('base64')}` },
  ],
  ['a public key', { ...base, preset: 'standard-webhooks', secret: `whpk_${Buffer.alloc(32, 1).toString('base64')}` }],
])('[MAP-5] %s makes a trigger', (_, body) => {
  expect(problems(body)).toEqual([]);
});

test.each([
  ['neither task nor mission', { ...base, task: undefined }, ['task']],
  ['both task and mission', { ...base, mission: { plan: {} } }, ['task']],
  ['generic missing', { ...base, preset: 'generic' }, ['generic']],
  ['generic with another preset', { ...base, generic }, ['generic']],
  [
    'a header name with a blank',
    { ...base, preset: 'generic', generic: { ...generic, idHeader: 'X Id' } },
    ['generic/idHeader'],
  ],
  [
    'another algorithm',
    { ...base, preset: 'generic', generic: { ...generic, algorithm: 'md5' } },
    ['generic/algorithm'],
  ],
  ['a short secret', { ...base, secret: 'short' }, ['secret']],
  [
    'a standard secret of 23 bytes',
    { ...base, preset: 'standard-webhooks', secret: `whsec_${Buffer.alloc(23).toString('base64')}` },
    ['secret'],
  ],
  [
    'a standard secret of 65 bytes',
    { ...base, preset: 'standard-webhooks', secret: `whsec_${Buffer.alloc(65).toString('base64')}` },
    ['secret'],
  ],
  [
    'a standard secret that is not base64',
    { ...base, preset: 'standard-webhooks', secret: 'whsec_not-base64-not-base64-not-base64' },
    ['secret'],
  ],
  [
    'a public key of 31 bytes',
    { ...base, preset: 'standard-webhooks', secret: `whpk_${Buffer.alloc(31).toString('base64')}` },
    ['secret'],
  ],
  ['a Stripe secret of another kind', { ...base, preset: 'stripe', secret: 'sk_live_0123456789' }, ['secret']],
  ['no events', { ...base, events: [] }, ['events']],
  ['an event with a blank', { ...base, events: ['pull request'] }, ['events/0']],
  ['a template that cannot work', { ...base, task: { ...base.task, input: { a: '{{b}}' } } }, ['mapping']],
  ['a mapping that cannot work', { ...base, mapping: { '/a': 'number' } }, ['mapping//a']],
  [
    'too many entries',
    { ...base, mapping: Object.fromEntries(Array.from({ length: 101 }, (_, i) => [`/${i}`, '/a'])) },
    ['mapping'],
  ],
  ['an unknown member', { ...base, url: 'x' }, ['']],
  ['an unknown operation form', { ...base, task: { operation: 'Review', input: {} } }, ['task/operation']],
])('[MAP-5] %s is a clear problem', (_, body, paths) => {
  expect(problems(body)).toEqual(paths);
});

test('[MAP-5] an input nested very deeply is a problem, not a crash', () => {
  const deep = JSON.parse(`${'['.repeat(900)}${']'.repeat(900)}`);
  expect(problems({ ...base, task: { ...base.task, input: deep } })).toEqual(['task/input', 'mapping']);
});

test('[MAP-1] the template is the input of the task, or the plan of the mission', () => {
  expect(templateOf(createTrigger.parse(base))).toEqual({ text: '{{/pull_request/title}}' });
  expect(templateOf({ mission: { plan: { tasks: [1] } } })).toEqual({ tasks: [1] });
});

test.each([
  [undefined, null, {}, true],
  [undefined, 'push', {}, true],
  [['push'], null, {}, false],
  [['push'], 'push', {}, true],
  [['push'], 'pusher', {}, false],
  [['pull_request'], 'pull_request', { action: 'closed' }, true],
  [['pull_request.opened'], 'pull_request', { action: 'closed' }, false],
  [['pull_request.opened', 'push'], 'pull_request', { action: 'opened' }, true],
  [['invoice.*'], 'invoice.paid', {}, true],
  [['invoice.*'], 'invoice', {}, false],
  [['*'], 'anything', [], true],
  [['a.b'], 'a', { action: 1 }, false],
])('[MAP-6] events %j and a delivery of type %j with %j: fires %j', (events, type, payload, fires) => {
  expect(firesOn(events, type, payload)).toBe(fires);
});
