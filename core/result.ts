// The two outcomes of a decision: a value, or a rejection as plain data. A thrown class would arrive without its class
// over Durable Object RPC, so nothing that a caller must act on is thrown.

export type Result<T, E> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: E };

/** A successful result. */
export function ok<T>(value: T): { readonly ok: true; readonly value: T } {
  return { ok: true, value };
}

/** A refused result. */
export function err<E>(error: E): { readonly ok: false; readonly error: E } {
  return { ok: false, error };
}
