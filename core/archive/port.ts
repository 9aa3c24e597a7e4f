// What the recorder asks of object storage, whichever it is: R2, S3, or memory in tests. One contract suite holds them all
// (test/contract/object-store.contract.ts). Bytes cross RPC, so nothing here is larger than `objectBytesMax`.

/** Keys of one listing or deletion: what the platforms take. */
export const objectsPerCallMax = 1_000;

/** One object of a listing. */
export interface StoredObject {
  readonly key: string;
  readonly bytes: number;
}

export interface ObjectStore {
  /**
   * Stores an object whole, readable when the promise resolves. With `ifAbsent`, an object that is there already is left as
   * it is and `present` is answered.
   * @throws a platform's fault; the object may then be stored all the same
   */
  put(
    key: string,
    bytes: Uint8Array,
    options: { readonly contentType: string; readonly ifAbsent?: boolean },
  ): Promise<'stored' | 'present'>;
  /** The object's bytes, or null when there is none. */
  get(key: string): Promise<Uint8Array | null>;
  /**
   * Keys under a prefix in the order of their bytes, at most `limit` (1–1,000), behind the key `cursor`. The answer's cursor
   * is the last key of it, or null at the end; any key may be given, whether it is there or not.
   */
  list(
    prefix: string,
    cursor: string | null,
    limit: number,
  ): Promise<{ readonly objects: readonly StoredObject[]; readonly cursor: string | null }>;
  /** Deletes objects, at most 1,000; one that is not there is as good as deleted. */
  delete(keys: readonly string[]): Promise<void>;
}
