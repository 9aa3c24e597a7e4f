// Thrift's compact protocol, of which a Parquet file's footer and the heads of its pages are made. It reads what somebody
// else wrote: each value costs at least a byte, and what becomes an object is counted.

/** A file that is not as ours are, or that would take more than it may. */
export class NotOurs extends Error {}

export type Struct = ReadonlyMap<number, Value>;
export type Value = number | boolean | Uint8Array | readonly Value[] | Struct;

const depthMax = 16;
/** Bytes for each object that comes of them: ours have twice as many, and a hostile one has a single byte. */
const objectBytesMin = 3;
/** A short text has a few. */
const objectsFree = 64;

export class Thrift {
  readonly #bytes: Uint8Array;
  #objectsLeft: number;
  at: number;

  /** @param to where it must have ended: what follows belongs to something else */
  constructor(bytes: Uint8Array, at = 0, to = bytes.length) {
    this.#bytes = bytes.subarray(0, to);
    this.#objectsLeft = objectsFree + (this.#bytes.length - at) / objectBytesMin;
    this.at = at;
  }

  byte(): number {
    const byte = this.#bytes[this.at++];
    if (byte === undefined) throw new NotOurs('it ends too early');
    return byte;
  }

  take(count: number): Uint8Array {
    if (!(count >= 0 && this.at + count <= this.#bytes.length)) throw new NotOurs('it ends too early');
    this.at += count;
    return this.#bytes.subarray(this.at - count, this.at);
  }

  varint(): number {
    let value = 0;
    for (let unit = 1; ; unit *= 128) {
      const byte = this.byte();
      value += (byte & 127) * unit;
      if (byte < 128) return value;
      if (unit >= 2 ** 63) throw new NotOurs('a number does not end');
    }
  }

  zigzag(): number {
    const value = this.varint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  /** All 64 bits of it. */
  bigZigzag(): bigint {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.byte();
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return (value >> 1n) ^ -(value & 1n);
      if (shift >= 63n) throw new NotOurs('a number does not end');
    }
  }

  struct(depth = 0): Struct {
    this.#countObject(depth);
    const fields = new Map<number, Value>();
    for (let last = 0; ; ) {
      const head = this.byte();
      if (head === 0) return fields;
      last = head >> 4 === 0 ? this.zigzag() : last + (head >> 4);
      const kind = head & 15;
      // The head of a field says itself whether it is true.
      fields.set(last, kind === 1 || kind === 2 ? kind === 1 : this.#value(kind, depth));
    }
  }

  #countObject(depth: number): void {
    if (depth > depthMax) throw new NotOurs('it is nested too deeply');
    if (--this.#objectsLeft < 0) throw new NotOurs('it has more parts than bytes for them');
  }

  #value(kind: number, depth: number): Value {
    if (kind >= 1 && kind <= 3) return this.byte();
    if (kind >= 4 && kind <= 6) return this.zigzag();
    if (kind === 12) return this.struct(depth + 1);
    this.#countObject(depth);
    if (kind === 7) return this.take(8);
    if (kind === 8) return this.take(this.varint());
    if (kind !== 9 && kind !== 10) throw new NotOurs('it has a part of no kind that it should have');
    const head = this.byte();
    const count = head >> 4 === 15 ? this.varint() : head >> 4;
    const values: Value[] = [];
    // Each value takes a byte at least: the end of the bytes ends a count that lies.
    for (let i = 0; i < count; i++) values.push(this.#value(head & 15, depth + 1));
    return values;
  }
}

/** A whole number that is no less than nothing. */
export function count(value: Value | undefined): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw new NotOurs('a number is missing');
  return value;
}

export function structOf(value: Value | undefined): Struct {
  if (!(value instanceof Map)) throw new NotOurs('a part is missing');
  return value;
}

export function structsOf(value: Value | undefined): readonly Struct[] {
  if (!Array.isArray(value)) throw new NotOurs('a list is missing');
  return value.map(structOf);
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** @throws TypeError when it is not UTF-8 */
export function textOf(value: Value | undefined): string {
  if (!(value instanceof Uint8Array)) throw new NotOurs('a text is missing');
  return strict.decode(value);
}
