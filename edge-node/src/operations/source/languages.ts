// Which language a file is in, by its name, and which grammar reads it. Languages without a grammar are counted by files
// and lines only: their grammars are large (C++ 5.4 MB, C# 5.1 MB) and the device has little memory.

/** Names of the grammars that are read on the device. */
export type Grammar = 'typescript' | 'tsx' | 'javascript' | 'python' | 'go' | 'rust' | 'java';

/** A language as it is called in results, and its grammar when declarations can be read. */
export interface Language {
  readonly name: string;
  readonly grammar: Grammar | null;
}

const parsed: readonly (readonly [name: string, grammar: Grammar, extensions: string])[] = [
  ['TypeScript', 'typescript', 'ts mts cts'],
  ['TypeScript', 'tsx', 'tsx'],
  ['JavaScript', 'javascript', 'js mjs cjs jsx'],
  ['Python', 'python', 'py pyi'],
  ['Go', 'go', 'go'],
  ['Rust', 'rust', 'rs'],
  ['Java', 'java', 'java'],
];

const counted: readonly (readonly [name: string, extensions: string])[] = [
  ['C', 'c h'],
  ['C++', 'cc cpp cxx hh hpp hxx'],
  ['C#', 'cs'],
  ['CSS', 'css scss less'],
  ['Dart', 'dart'],
  ['Elixir', 'ex exs'],
  ['Erlang', 'erl'],
  ['GraphQL', 'graphql gql'],
  ['Haskell', 'hs'],
  ['HTML', 'html htm'],
  ['JSON', 'json jsonc json5'],
  ['Kotlin', 'kt kts'],
  ['Lua', 'lua'],
  ['Markdown', 'md mdx markdown'],
  ['OCaml', 'ml mli'],
  ['PHP', 'php'],
  ['Protocol Buffers', 'proto'],
  ['Ruby', 'rb'],
  ['Scala', 'scala'],
  ['Shell', 'sh bash zsh'],
  ['SQL', 'sql'],
  ['Svelte', 'svelte'],
  ['Swift', 'swift'],
  ['TOML', 'toml'],
  ['Vue', 'vue'],
  ['XML', 'xml'],
  ['YAML', 'yaml yml'],
  ['Zig', 'zig'],
];

const byExtension = new Map<string, Language>();
for (const [name, extensions] of counted) {
  for (const extension of extensions.split(' ')) byExtension.set(extension, { name, grammar: null });
}
for (const [name, grammar, extensions] of parsed) {
  for (const extension of extensions.split(' ')) byExtension.set(extension, { name, grammar });
}

/** The language of a file by its name, or null when it is not source. Lock files and minified files are not source. */
export function languageOf(fileName: string): Language | null {
  const name = fileName.toLowerCase();
  if (notWritten.test(name)) return null;
  return byExtension.get(name.slice(name.lastIndexOf('.') + 1)) ?? null;
}

/** Made by tools, not written by people: their lines would drown the rest. */
const notWritten =
  /(?:^|[.-])(?:min|bundle)\.(?:js|mjs|cjs|css)$|(?:-lock|\.lock)\.(?:json|ya?ml)$|^npm-shrinkwrap\.json$/;
