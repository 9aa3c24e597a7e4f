// JSON Pointer (RFC 6901), reading only own members: a pointer never reaches a prototype.

import type { Json } from './json.ts';

/** What `pointer` names in `value`; undefined when there is no such thing. The empty pointer is the whole. */
export function pointTo(value: Json, pointer: string): Json | undefined {
  if (pointer === '') return value;
  if (!pointer.startsWith('/')) return undefined;
  let here: Json | undefined = value;
  for (const part of pointer.slice(1).split('/')) {
    const name = part.replaceAll('~1', '/').replaceAll('~0', '~');
    if (here === null || typeof here !== 'object') return undefined;
    if (Array.isArray(here)) {
      here = /^(0|[1-9]\d*)$/.test(name) ? (here[Number(name)] as Json | undefined) : undefined;
    } else {
      here = Object.hasOwn(here, name) ? (here as { readonly [key: string]: Json })[name] : undefined;
    }
    if (here === undefined) return undefined;
  }
  return here;
}
