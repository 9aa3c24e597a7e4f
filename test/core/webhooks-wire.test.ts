import { expect, test } from 'vitest';
import { createWebhook, wantsEvent } from '../../core/wire/webhooks.ts';

const problems = (body: unknown) => {
  const parsed = createWebhook.safeParse(body);
  return parsed.success ? [] : [...new Set(parsed.error.issues.map((issue) => issue.path.join('/')))];
};

test.each(['https://hooks.example.com/in?token=1', 'http://example.com:8080', 'http://127.0.0.1:9999/here'])(
  '[WANT-1] %s has the form of an address',
  (url) => {
    expect(problems({ url, events: ['task.*', '*', 'task.succeeded'], description: 'mine' })).toEqual([]);
  },
);

test.each([
  'ftp://example.com',
  'example.com',
  'https://',
  'javascript:alert(1)',
  'https://user:pass@example.com',
  'https://example.com/#part',
  `https://example.com/${'a'.repeat(2_048)}`,
  7,
])('[WANT-1] %s is no address', (url) => {
  expect(problems({ url, events: ['*'] })).toEqual(['url']);
});

test.each([[[]], [['task.']], [['*.task']], [['task.**']], [['a b']], [['']], [Array.from({ length: 51 }, () => '*')]])(
  '[WANT-1] the events %j are a problem',
  (events) => {
    expect(problems({ url: 'https://example.com', events })[0]).toMatch(/^events/);
  },
);

test('[WANT-2] a pattern wants its own type, or what stands under its prefix', () => {
  const wanted = ['task.succeeded', 'mission.*'];
  expect(
    ['task.succeeded', 'task.succeeded.x', 'mission.started', 'mission', 'missions.x'].map((type) =>
      wantsEvent(wanted, type),
    ),
  ).toEqual([true, false, true, false, false]);
  expect(wantsEvent(['*'], 'anything')).toBe(true);
});
