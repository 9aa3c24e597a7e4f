// Rules about the pages: links lead somewhere, and every rule of a specification has a test that carries its id.

import { dirname, join } from 'node:path/posix';
import { isTest, titlesOf } from './file-rules.ts';
import { type SourceFile, violation } from './repository.ts';

const LINK = /\[[^\]]*\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)|^\[[^\]]+\]:\s*(\S+)/gm;
const ELSEWHERE = /^([a-z][a-z0-9+.-]*:|\/)/i;

/** Relative links in Markdown that lead to no file, folder or heading. `folders` are all folders of the repository. */
export function linkViolations(files: readonly SourceFile[]): string[] {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const folders = new Set(files.flatMap((file) => parents(file.path)));
  return files
    .filter((file) => file.path.endsWith('.md'))
    .flatMap((file) =>
      [...withoutCode(file.text).matchAll(LINK)].flatMap((match) => {
        const link = match[1] ?? match[2] ?? '';
        if (ELSEWHERE.test(link)) return [];
        const [path = '', anchor] = decodeURI(link).split('#', 2);
        const target = path === '' ? file.path : join(dirname(file.path), path).replace(/\/$/, '');
        const page = byPath.get(target);
        if (page === undefined) {
          return folders.has(target) ? [] : [violation(file, match.index, `no such file: ${link}`)];
        }
        const isThere = anchor === undefined || !target.endsWith('.md') || anchorsOf(page).has(anchor);
        return isThere ? [] : [violation(file, match.index, `no such heading: ${link}`)];
      }),
    );
}

function parents(path: string): string[] {
  const parent = dirname(path);
  return parent === '.' ? ['.'] : [parent, ...parents(parent)];
}

/** The same text with code blanked out, so that offsets stay. */
function withoutCode(text: string): string {
  const blank = (code: string) => code.replace(/[^\n]/g, ' ');
  return text.replace(/^(```|~~~)[\s\S]*?^\1/gm, blank).replace(/`[^`\n]+`/g, blank);
}

/** Headings as GitHub names them in links. */
function anchorsOf(page: SourceFile): Set<string> {
  const text = page.text.replace(/^(```|~~~)[\s\S]*?^\1/gm, '');
  const names = [...text.matchAll(/^#{1,6}\s+(.+?)\s*#*$/gm)].map((match) =>
    (match[1] ?? '')
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/\s/g, '-'),
  );
  // The second heading of a name gets -1, and so on.
  return new Set(names.flatMap((name, i) => [name, `${name}-${names.slice(0, i).filter((n) => n === name).length}`]));
}

/** A rule's id as it stands in a page or a title: `[LEASE-4]`. */
const RULE_ID = /\[([A-Z][A-Z0-9]*-\d+)\]/g;

/** Rules without a test, tests of rules that no page lists, and pages of the specification that list none. */
export function ruleViolations(files: readonly SourceFile[]): string[] {
  const spec = files.filter((file) => file.path.startsWith('docs/spec/'));
  const pages = spec.filter((file) => file.path.endsWith('.md'));
  const listed = new Map<string, string>();
  const found = spec.length > 0 && pages.length === 0 ? ['docs/spec: no page in it'] : [];
  for (const page of pages) {
    const ids = [...withoutCode(page.text).matchAll(RULE_ID)];
    if (ids.length === 0) found.push(`${page.path}: lists no rule`);
    for (const id of ids)
      if (id[1] !== undefined && !listed.has(id[1])) listed.set(id[1], violation(page, id.index, ''));
  }
  const tested = new Set<string>();
  for (const file of files.filter(isTest)) {
    for (const { title, node } of titlesOf(file)) {
      for (const [, id = ''] of title.matchAll(RULE_ID)) {
        tested.add(id);
        if (!listed.has(id)) found.push(violation(file, node, `${id} is listed in no page of docs/spec`));
      }
    }
  }
  for (const [id, place] of listed) if (!tested.has(id)) found.push(`${place}${id} has no test that carries its id`);
  return found;
}
