// Which folders hold what is made or fetched, not what is written. A name alone does not say it: `build` is also a package of
// somebody's. So a folder that people write in under such a name is read, unless what makes it stands beside it or in it.

/** Always fetched or made. */
const FETCHED = new Set(
  'node_modules bower_components jspm_packages vendor __pycache__ site-packages DerivedData Pods'.split(' '),
);

const OF_JAVASCRIPT = ['package.json', 'tsconfig.json', 'deno.json'];
const OF_PYTHON = ['setup.py', 'setup.cfg', 'pyproject.toml'];
const OF_THE_JVM = ['build.gradle', 'build.gradle.kts', 'pom.xml', 'build.sbt', 'project.clj'];
const OF_C = ['CMakeLists.txt', 'meson.build', 'configure', 'Makefile'];

/** Made by the tool whose file stands beside them. */
const MADE_BESIDE: Readonly<Record<string, readonly string[]>> = {
  build: [...OF_JAVASCRIPT, ...OF_PYTHON, ...OF_THE_JVM, ...OF_C],
  dist: [...OF_JAVASCRIPT, ...OF_PYTHON, ...OF_C],
  out: [...OF_JAVASCRIPT, ...OF_THE_JVM, ...OF_C],
  output: [...OF_JAVASCRIPT, ...OF_PYTHON, ...OF_C],
  target: ['Cargo.toml', ...OF_THE_JVM],
  coverage: [...OF_JAVASCRIPT, ...OF_PYTHON],
  obj: [...OF_C],
};

/** Files that only a folder of Python's environment holds, or a package that people write. */
const ENVIRONMENT = 'pyvenv.cfg';
const PACKAGE = '__init__.py';

/** What is asked of the folder itself. */
export interface Inside {
  has(file: string): boolean;
}

/**
 * Whether a folder is left out, and whether that is worth a word.
 * @param beside the names of the files beside it
 */
export function isMade(name: string, beside: ReadonlySet<string>, inside: Inside): 'no' | 'made' | 'fetched' {
  if (name.startsWith('.') || FETCHED.has(name)) return 'fetched';
  if ((name === 'env' || name === 'venv') && inside.has(ENVIRONMENT)) return 'fetched';
  const makers = MADE_BESIDE[name];
  if (makers === undefined || inside.has(PACKAGE)) return 'no';
  const isBesideProject = name === 'obj' && [...beside].some((file) => /\.(?:cs|fs|vb|vcx)proj$/.test(file));
  return isBesideProject || makers.some((file) => beside.has(file)) ? 'made' : 'no';
}
