/**
 * Deterministic CBOR (RFC 8949 section 4.2.1), the part of it that the ledger's formats use:
 * whole numbers, byte and text strings, arrays, maps, tags and null.
 *
 * | CBOR | here |
 * |---|---|
 * | unsigned, negative | `number` while safe, else `bigint` |
 * | byte string, text string | `Uint8Array`, `string` |
 * | array, null | `Array`, `null` |
 * | map, tag | `Map` (entries in order), `CborTag` |
 *
 * A decoder accepts exactly the bytes that the encoder writes for the value read.
 */
import { FormError, concat, equalBytes, exactBytes, fromUtf8, toHex, utf8 } from './bytes.js';

/** Deepest nesting that is read; the ledger's formats need four levels. */
const DEPTH_MAX = 16;

const [UNSIGNED, NEGATIVE, BYTES, TEXT, ARRAY, MAP, TAG, SIMPLE] = [0, 1, 2, 3, 4, 5, 6, 7];
const NULL_BYTE = 0xf6;

/** A tagged value. */
export class CborTag {
  /** @param {number | bigint} tag @param {unknown} value */
  constructor(tag, value) {
    this.tag = tag;
    this.value = value;
  }
}

function head(major, argument) {
  const n = BigInt(argument);
  const first = major << 5;
  if (n < 24n) return Uint8Array.of(first | Number(n));
  const width = n < 0x100n ? 1 : n < 0x10000n ? 2 : n < 0x100000000n ? 4 : 8;
  const bytes = new Uint8Array(1 + width);
  bytes[0] = first | (24 + Math.log2(width));
  for (let i = 0; i < width; i++) bytes[width - i] = Number((n >> BigInt(8 * i)) & 0xffn);
  return bytes;
}

function encodeNumber(value) {
  if (typeof value === 'number' && !Number.isSafeInteger(value)) {
    throw new FormError('CBOR', 'a whole number that was not rounded', value);
  }
  const n = BigInt(value);
  if (n >= 2n ** 64n || n < -(2n ** 64n)) {
    throw new FormError('CBOR', 'a whole number of 64 bits', value);
  }
  return n >= 0n ? head(UNSIGNED, n) : head(NEGATIVE, -1n - n);
}

/**
 * @param {unknown} value of the kinds in the table above
 * @returns {Uint8Array} its one encoding
 * @throws {FormError} for any other kind of value
 */
export function encodeCbor(value) {
  if (value === null) return Uint8Array.of(NULL_BYTE);
  if (typeof value === 'number' || typeof value === 'bigint') return encodeNumber(value);
  if (value instanceof Uint8Array) return concat(head(BYTES, value.length), value);
  if (typeof value === 'string') {
    const bytes = utf8(value);
    return concat(head(TEXT, bytes.length), bytes);
  }
  if (Array.isArray(value)) return concat(head(ARRAY, value.length), ...value.map(encodeCbor));
  if (value instanceof CborTag) return concat(head(TAG, value.tag), encodeCbor(value.value));
  if (value instanceof Map) {
    const entries = [...value].map(([k, v]) => [encodeCbor(k), encodeCbor(v)]);
    entries.sort(([a], [b]) => (toHex(a) < toHex(b) ? -1 : 1));
    return concat(head(MAP, entries.length), ...entries.flat());
  }
  const kinds = 'null, a number, bytes, a text, an array, a map or a tag';
  throw new FormError('CBOR', kinds, typeof value);
}

/** Reads one item after another; every deviation from the deterministic form is an error. */
class CborReader {
  constructor(bytes, field) {
    this.bytes = bytes;
    this.field = field;
    this.at = 0;
  }

  fail(expected, found) {
    return new FormError(this.field, `${expected} at byte ${this.at}`, found);
  }

  take(length) {
    if (length > this.bytes.length - this.at) {
      throw this.fail(`${length} more bytes of CBOR`, `${this.bytes.length - this.at}`);
    }
    this.at += Number(length);
    return this.bytes.subarray(this.at - Number(length), this.at);
  }

  /** The argument of a head in its shortest form. */
  argument(info) {
    if (info < 24) return info;
    if (info > 27) throw this.fail('a definite length', 'another form');
    const width = 2 ** (info - 24);
    let value = 0n;
    for (const byte of this.take(width)) value = (value << 8n) | BigInt(byte);
    const least = width === 1 ? 24n : 1n << BigInt(4 * width);
    if (value < least) throw this.fail('the shortest form of a number (RFC 8949)', 'a longer one');
    return value <= Number.MAX_SAFE_INTEGER ? Number(value) : value;
  }

  item(depth) {
    if (depth > DEPTH_MAX) throw this.fail(`at most ${DEPTH_MAX} levels`, 'more');
    const [first] = this.take(1);
    const major = first >> 5;
    if (major === SIMPLE) {
      if (first === NULL_BYTE) return null;
      throw this.fail('null or another kind of item', `byte ${toHex(Uint8Array.of(first))}`);
    }
    const argument = this.argument(first & 31);
    switch (major) {
      case UNSIGNED:
        return argument;
      case NEGATIVE:
        return typeof argument === 'number' && argument < Number.MAX_SAFE_INTEGER
          ? -1 - argument
          : -1n - BigInt(argument);
      case BYTES:
        return this.take(argument).slice();
      case TEXT:
        return fromUtf8(this.take(argument), this.field);
      case ARRAY:
        return this.array(argument, depth);
      case MAP:
        return this.map(argument, depth);
      default:
        return new CborTag(argument, this.item(depth + 1));
    }
  }

  array(length, depth) {
    const items = [];
    // An item has a byte at least, so a false length ends at the end of the bytes.
    for (let i = 0; i < length; i++) items.push(this.item(depth + 1));
    return items;
  }

  map(length, depth) {
    const entries = new Map();
    let last = '';
    for (let i = 0; i < length; i++) {
      const start = this.at;
      const key = this.item(depth + 1);
      const encoded = toHex(this.bytes.subarray(start, this.at));
      if (encoded <= last) throw this.fail('map keys in ascending order', 'another order');
      last = encoded;
      entries.set(key, this.item(depth + 1));
    }
    return entries;
  }
}

/**
 * @param {Uint8Array} bytes exactly one item
 * @param {string} field named in errors
 * @returns {any} of the kinds in the table above
 * @throws {FormError} when the bytes are not the deterministic encoding of one item
 */
export function decodeCbor(bytes, field) {
  const reader = new CborReader(bytes, field);
  const value = reader.item(0);
  if (reader.at !== bytes.length) throw reader.fail('the end', `${bytes.length - reader.at} bytes`);
  // Builder and reader are checked against each other: what was read is what would be written.
  if (!equalBytes(encodeCbor(value), bytes)) {
    throw new FormError(field, 'deterministic form (RFC 8949 section 4.2.1)', 'another form');
  }
  return value;
}

/**
 * @param {unknown} value
 * @param {number} length
 * @param {string} field
 * @returns {any[]}
 * @throws {FormError} when it is no array of that length
 */
export function cborArray(value, length, field) {
  if (Array.isArray(value) && value.length === length) return value;
  const found = Array.isArray(value) ? `one of ${value.length}` : kindOf(value);
  throw new FormError(field, `an array of ${length}`, found);
}

/**
 * @param {unknown} value
 * @param {number} max
 * @param {string} field
 * @returns {any[]}
 * @throws {FormError} when it is no array of at most `max` items
 */
export function cborArrayUpTo(value, max, field) {
  if (Array.isArray(value) && value.length <= max) return value;
  const found = Array.isArray(value) ? value.length : kindOf(value);
  throw new FormError(field, `at most ${max} items`, found);
}

/**
 * @param {unknown} value
 * @param {string} field
 * @param {number} [bits] 64 or fewer
 * @returns {import('./bytes.js').Uint64}
 * @throws {FormError} when it is no unsigned number of that many bits
 */
export function cborUint(value, field, bits = 64) {
  const number = typeof value === 'number' || typeof value === 'bigint';
  if (number && value >= 0 && value < 2n ** BigInt(bits)) return value;
  throw new FormError(field, `an unsigned number of ${bits} bits`, number ? value : kindOf(value));
}

/** @param {unknown} value @param {string} field @returns {string} @throws {FormError} */
export function cborText(value, field) {
  if (typeof value === 'string') return value;
  throw new FormError(field, 'a text', kindOf(value));
}

/** @param {unknown} value @param {string} field @returns {Uint8Array} @throws {FormError} */
export function cborBytes(value, field) {
  if (value instanceof Uint8Array) return value;
  throw new FormError(field, 'bytes', kindOf(value));
}

/** @param {unknown} value @param {string} field @returns {Uint8Array} 32 @throws {FormError} */
export function cborHash(value, field) {
  return exactBytes(value, 32, field);
}

/**
 * @param {unknown} value
 * @param {number | string} constant
 * @param {string} field
 * @throws {FormError} when it is not that number or text
 */
export function cborConstant(value, constant, field) {
  if (value === constant) return;
  const plain = ['number', 'bigint', 'string'].includes(typeof value);
  throw new FormError(field, constant, plain ? value : kindOf(value));
}

/**
 * @template T
 * @param {unknown} value
 * @param {(value: unknown) => T} read
 * @returns {T | null}
 */
export function cborNullable(value, read) {
  return value === null ? null : read(value);
}

function kindOf(value) {
  if (value === null) return 'null';
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (Array.isArray(value)) return 'an array';
  return value?.constructor?.name ?? typeof value;
}
