// docs/reference/errors.md has every code that a refusal may carry, with its status and meaning, in the order of the code.

import { expect, test } from 'vitest';
import { REJECTIONS } from '../../core/swarm/rejections.ts';
import { API_PROBLEMS } from '../../functions/api/problems.ts';
import { blocksOf, codeIn, read, table } from './docs-pages.ts';

const page = read('docs/reference/errors.md');

/** What a table says: code, status, meaning. */
function said(heading: string): unknown[] {
  return table(page, heading).map(([code, status, meaning, advice]) => {
    expect(advice, `what to do about ${code}`).toMatch(/^\S.*[.]$/);
    return [codeIn(code)[0], Number(status), meaning];
  });
}

const known = (codes: Readonly<Record<string, { status: number; title: string }>>) =>
  Object.entries(codes).map(([code, { status, title }]) => [code, status, title]);

test('the codes of the API are those of the page, in order', () => {
  expect(said('## Of the API')).toEqual(known(API_PROBLEMS));
});

test('the codes of a swarm are those of the page, in order', () => {
  expect(said('## Of a swarm')).toEqual(known(REJECTIONS));
});

test('the example is a problem that the code would say', () => {
  const [block] = blocksOf(page).filter(({ language }) => language === 'json');
  const example = JSON.parse(block?.text ?? '{}');
  const meaning = known(REJECTIONS).find(([code]) => code === example.code);
  expect([example.code, example.status, example.title]).toEqual(meaning);
  expect(example.type).toMatch(new RegExp(`/docs/errors#${example.code}$`));
});

test('the codes of a squad’s answers to an upgrade are on the page', () => {
  const source = read('durable-objects/squad/upgrade.ts');
  const codes = [...source.matchAll(/problem\((\d{3}), '(\w+)'/g)].map(([, status, code]) => `\`${code}\` (${status})`);
  expect(codes.length).toBeGreaterThan(3);
  for (const code of codes) expect(page).toContain(code);
});
