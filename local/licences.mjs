// The page of the licences, made from the lock file: what others have written that Starling runs with, and on what terms.

/** Terms that ask for nothing but their own text beside a copy. */
export const FREE = [
  '0BSD',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'CC0-1.0',
  'ISC',
  'MIT',
  'MIT OR Apache-2.0',
  'PSF-2.0',
  'Unlicense',
];

/** Packages on other terms: which, and why they may be here. None of them is part of what is deployed or published. */
export const EXCEPTIONS = [
  {
    name: /^@img\/sharp-/,
    licences: /^(Apache-2\.0 AND )?LGPL-3\.0-or-later( AND MIT)?$/,
    reason: 'image libraries that Miniflare brings; unchanged, only on the developer’s machine, never called by us',
  },
  {
    name: /^lightningcss(-|$)/,
    licences: /^MPL-2\.0$/,
    reason: 'a style compiler that Vitest brings; unchanged, only on the developer’s machine, never called by us',
  },
];

/**
 * Every package of the lock file that somebody else wrote: its name, version, licence, and whether only developers need it. npm's
 * own marks do not say the last: it counts what others could be used with as used.
 */
export function packagesOf(lock) {
  const running = runningOf(lock.packages);
  return Object.entries(lock.packages)
    .filter(([place, entry]) => place.includes('node_modules/') && !entry.link)
    .map(([place, { version, license = 'none', integrity, hasInstallScript = false }]) => {
      const name = place.slice(place.lastIndexOf('node_modules/') + 'node_modules/'.length);
      return { place, name, version, licence: license, isDev: !running.has(place), integrity, hasInstallScript };
    });
}

/** The places that our own packages reach by what they depend on. */
function runningOf(packages) {
  const places = new Set();
  const visit = (from) => {
    const { dependencies, optionalDependencies, peerDependencies, peerDependenciesMeta = {} } = packages[from];
    const peers = Object.keys(peerDependencies ?? {}).filter((name) => !peerDependenciesMeta[name]?.optional);
    for (const name of [...Object.keys({ ...dependencies, ...optionalDependencies }), ...peers]) {
      const place = placeOf(packages, from, name);
      if (place === null || places.has(place)) continue;
      places.add(place);
      visit(place);
    }
  };
  for (const own of Object.keys(packages)) if (!own.includes('node_modules/')) visit(own);
  return places;
}

/** Where a package that asks for a name finds it: beside itself, or in a folder above. */
function placeOf(packages, from, name) {
  for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/')))) {
    const place = `${folder === '' ? '' : `${folder}/`}node_modules/${name}`;
    if (place in packages) return place;
    if (folder === '') return null;
  }
}

/** The page's text. */
export function licencesPage(lock) {
  const packages = packagesOf(lock);
  const rows = (isDev) => {
    const byLicence = Map.groupBy(
      packages.filter((one) => one.isDev === isDev),
      ({ licence }) => licence,
    );
    return [...byLicence]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([licence, some]) => {
        const names = [...new Set(some.map(({ name }) => `\`${name}\``))].toSorted().join(', ');
        return `| ${licence} | ${names} |`;
      });
  };
  return [
    '# Licences',
    '',
    'For whoever must know what others have written that Starling uses, and on what terms. This page is reference: it is made',
    'by `npm run lock` from the lock file, and a test compares it. Starling itself is under Apache-2.0.',
    '',
    '## What runs',
    '',
    'What the Worker, the device and the command are built from.',
    '',
    '| licence | packages |',
    '|---|---|',
    ...rows(false),
    '',
    '## What developers use',
    '',
    'Tests, tools and the local runtime. Nothing of it is deployed or published. Two are on terms that ask for more, and may be',
    'here because they are used unchanged:',
    '',
    ...EXCEPTIONS.map(({ reason, name }) => `- \`${name.source}\`: ${reason}`),
    '',
    '| licence | packages |',
    '|---|---|',
    ...rows(true),
    '',
  ].join('\n');
}
