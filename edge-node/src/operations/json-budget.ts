// Keeps a result under its size: rows are taken while they fit, and what does not fit is counted by the caller.

/** How many bytes of JSON a value takes. */
export function jsonBytes(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value));
}

/** Counts the bytes of JSON that rows would take. */
export interface JsonBudget {
  /** Whether the row still fits; if so its bytes are spent. */
  take(row: unknown): boolean;
}

/** A budget of so many bytes of JSON. */
export function jsonBudget(bytesMax: number): JsonBudget {
  let left = bytesMax;
  return {
    take(row) {
      const bytes = jsonBytes(row) + 1; // The comma between rows.
      if (bytes > left) return false;
      left -= bytes;
      return true;
    },
  };
}
