// The first mission: this repository, looked at by the device that stands in it. Its plan is made from the folders that it is
// made of; everything in it is done by operations that need no model and no network.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { MissionRequest, PlanTask } from '../core/missions/commands.ts';
import { foldersOf } from './local-grants.ts';

/** What everything else imports: the symbols that are used most are there. */
const HEART = 'core';

/**
 * Outlines each folder and finds the most used symbols of the heart of it, summarises the README, and puts a report together
 * when all of that is done.
 * @param root the absolute path of the repository; the device may read what it is made of
 */
export function firstMission(root: string): MissionRequest {
  const folders = foldersOf(root);
  const tasks: PlanTask[] = folders.map((folder) => ({
    key: `outline-${keyOf(folder)}`,
    operation: 'code.outline',
    input: { path: join(root, folder), resultBytesMax: 16_000 },
  }));
  tasks.push({ key: 'symbols', operation: 'code.locate', input: { path: join(root, HEART), mostReferenced: 12 } });
  const readme = join(root, 'README.md');
  const hasReadme = existsSync(readme);
  if (hasReadme) tasks.push({ key: 'readme', operation: 'text.summarize', input: { path: readme, sentences: 3 } });
  const rows = folders.map((folder) => {
    const total = (name: string) => ({ $result: `outline-${keyOf(folder)}`, path: `/totals/${name}` });
    // Members of JSON stand in sorted order: these names put the columns of the table in theirs.
    return {
      folder,
      'in files': total('files'),
      lines: total('lines'),
      symbols: total('declarations'),
      'symbols exported': total('exported'),
    };
  });
  const sections = [
    ...(hasReadme ? [{ heading: 'What it says it is', body: { $result: 'readme' } }] : []),
    { heading: 'What it is made of', body: rows },
    { heading: 'What is used most', body: { $result: 'symbols' } },
  ];
  tasks.push({
    key: 'report',
    operation: 'report.assemble',
    input: { title: 'The repository that this platform stands in', sections },
    after: tasks.map(({ key }) => key),
  });
  return { name: 'first mission', plan: { tasks } };
}

function keyOf(folder: string): string {
  return folder.replace(/[^A-Za-z0-9._-]/g, '_');
}
