// JSON that can be read in one way only: what proves something, and what is said beside a proof.

import type { Json } from '../../../core/json.ts';
import { hasRepeatedMember } from '../../../core/json-text.ts';

/** Undefined for what is not JSON, or says something twice: a proof that can be read in two ways proves neither. */
export function parse(text: string): unknown {
  try {
    const value = JSON.parse(text) as Json; // what JSON.parse gives is Json
    return hasRepeatedMember(value, text) ? undefined : value;
  } catch {
    return undefined;
  }
}
