// docs/reference/configuration.md names every environment variable that the code reads, every binding and every setting.

import { describe, expect, it } from 'vitest';
import { deviceSettings } from '../../edge-node/src/settings.ts';
import { codeIn, read, rowsOf, sectionsOf, table } from './docs-pages.ts';
import { isCode, readRepository, topFolder } from './repository.ts';

const page = read('docs/reference/configuration.md');
const wrangler = read('wrangler.toml');

/** What the system, the tools and our own programs set for each other: nothing that an operator of Starling sets. */
const NOT_SET_BY_PEOPLE = new Set([
  'PATH',
  'TMPDIR',
  'CI',
  'WRANGLER_LOG',
  'STARLING_COMPILED',
  'STARLING_ATTACK',
  'STARLING_WORKERD',
  'MINIFLARE_WORKERD_PATH',
]);

/** Names of wrangler.toml's bindings, of every kind. */
const bindings = [...wrangler.matchAll(/^(?:binding|name) = "([A-Z_]+)"$/gm)].map(([, name = '']) => name);
/** What the local platform binds beside them. */
const localBindings = [...read('local/platform.ts').matchAll(/^ {10}([A-Z_]+): \w+\(\),$/gm)].map(
  ([, name = '']) => name,
);
/** What runs, whatever it is for; tests set what they like. */
const sources = readRepository().filter((file) => isCode(file) && !['test', 'docs'].includes(topFolder(file.path)));

/** Every variable that the code reads: `env.NAME`, `{ NAME } = process.env`, and names of ours that stand alone. */
function variablesRead(): Set<string> {
  const found = new Set<string>();
  for (const { text } of sources) {
    for (const [, name = ''] of text.matchAll(/\benv\??\.([A-Z][A-Z0-9_]+)\b/g)) found.add(name);
    for (const [, names = ''] of text.matchAll(/\{([A-Z0-9_,\s]+)\} = process\.env/g))
      for (const name of names.split(',')) found.add(name.trim());
    for (const [, name = ''] of text.matchAll(/'(STARLING_[A-Z0-9_]+)'/g)) found.add(name);
  }
  for (const name of [...bindings, ...localBindings, ...NOT_SET_BY_PEOPLE]) found.delete(name);
  return found;
}

describe('the page of the configuration', () => {
  it('names every variable that the code reads, and no other', () => {
    const headings = [...sectionsOf(page).keys()].filter((heading) => heading.startsWith('## Variables of'));
    const named = headings.flatMap((heading) => table(page, heading).map(([name]) => codeIn(name)[0] ?? ''));
    expect(named.length).toBeGreaterThan(10);
    expect([...new Set(named)].toSorted()).toEqual([...variablesRead()].toSorted());
  });

  it('names the defaults of the local platform as the program that reads them does', () => {
    const comment = read('local/serve.ts').match(/^(\/\/.*\n)+/)?.[0] ?? '';
    for (const [name] of table(page, '## Variables of the local platform')) expect(comment).toContain(codeIn(name)[0]);
  });

  it('names every binding of wrangler.toml, and no other', () => {
    expect(bindings.length).toBeGreaterThan(4);
    expect(
      table(page, '## Bindings')
        .map(([name]) => codeIn(name)[0])
        .toSorted(),
    ).toEqual(bindings.toSorted());
  });

  it('names every binding that the local platform has beside them, and no other', () => {
    expect(localBindings).toEqual(['PASSWORDS']);
    expect(table(page, '## Bindings of the local platform').map(([name]) => codeIn(name)[0])).toEqual(localBindings);
  });

  it('names the resources behind the bindings as they are called', () => {
    const named = [...wrangler.matchAll(/^(?:class_name|database_name|bucket_name|queue|entrypoint) = "([^"]+)"$/gm)];
    for (const [, name = ''] of named) expect(page).toContain(`\`${name}\``);
  });

  it('names the secrets that wrangler.toml requires', () => {
    const required = wrangler.match(/^required = \[(.*)\]$/m)?.[1] ?? '';
    const rows = rowsOf(sectionsOf(page).get('## Variables of the Worker') ?? '');
    const needed = rows.filter(([, value]) => value?.includes('required')).map(([name]) => codeIn(name)[0]);
    expect(needed).toEqual([...required.matchAll(/"([^"]+)"/g)].map(([, name]) => name));
  });

  it('names every setting of a device, and no other', () => {
    expect(table(page, '## Settings of a device').map(([name]) => codeIn(name)[0])).toEqual(
      Object.keys(deviceSettings.shape),
    );
  });
});
