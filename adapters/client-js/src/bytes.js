/**
 * Bytes, texts and 64-bit numbers, read strictly: whatever is read is written back byte for byte.
 *
 * A 64-bit number is a `number` while it is safe (at most 2^53 - 1) and a `bigint` above, so that
 * two equal values are also `===`, and none is ever rounded.
 * @typedef {number | bigint} Uint64
 */

/**
 * Bytes or a text that are not of the expected form.
 * `field` names the place; `expected` and `found` are texts for people.
 */
export class FormError extends Error {
  /**
   * @param {string} field
   * @param {string} expected
   * @param {string | number | bigint} found
   */
  constructor(field, expected, found) {
    super(`${field}: expected ${expected}, found ${found}`);
    this.name = 'FormError';
    this.field = field;
    this.expected = expected;
    this.found = String(found);
  }
}

const U64_MAX = 2n ** 64n - 1n;
const HEX_FORM = /^(?:[0-9a-fA-F]{2})*$/;
const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const BASE64_VALUE = new Int16Array(128).fill(-1);
for (let i = 0; i < 64; i++) BASE64_VALUE[BASE64.charCodeAt(i)] = i;

const ENCODER = new TextEncoder();
// A byte order mark is a byte like any other: swallowing it would hide an altered file.
const DECODER = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** @param {string} text @returns {Uint8Array} its UTF-8 bytes */
export function utf8(text) {
  return ENCODER.encode(text);
}

/**
 * @param {Uint8Array} bytes
 * @param {string} field named in the error
 * @returns {string}
 * @throws {FormError} when the bytes are not UTF-8
 */
export function fromUtf8(bytes, field) {
  try {
    return DECODER.decode(bytes);
  } catch {
    throw new FormError(field, 'UTF-8 text', 'other bytes');
  }
}

/** @param {Uint8Array} bytes @returns {string} lower-case hexadecimal */
export function toHex(bytes) {
  let text = '';
  for (const byte of bytes) text += (byte < 16 ? '0' : '') + byte.toString(16);
  return text;
}

/**
 * @param {string} text
 * @param {string} [field]
 * @returns {Uint8Array}
 * @throws {FormError} when the text is not an even number of hexadecimal digits
 */
export function fromHex(text, field = 'hexadecimal') {
  if (typeof text !== 'string' || !HEX_FORM.test(text)) {
    throw new FormError(field, 'hexadecimal digits in pairs', JSON.stringify(text));
  }
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = parseInt(text.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}

/** @param {Uint8Array} bytes @returns {string} base64 of RFC 4648 section 4, with padding */
export function toBase64(bytes) {
  let text = '';
  for (let i = 0; i < bytes.length; i += 3) {
    const left = bytes.length - i;
    const group = (bytes[i] << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
    text += BASE64[group >> 18] + BASE64[(group >> 12) & 63];
    text += left > 1 ? BASE64[(group >> 6) & 63] : '=';
    text += left > 2 ? BASE64[group & 63] : '=';
  }
  return text;
}

/**
 * Canonical base64 of RFC 4648 section 4: padded, no spaces, no stray bits.
 * @param {string} text
 * @param {string} field named in the error
 * @returns {Uint8Array}
 * @throws {FormError}
 */
export function fromBase64(text, field) {
  const malformed = () => new FormError(field, 'canonical base64', JSON.stringify(text));
  if (text.length % 4 !== 0) throw malformed();
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const bytes = new Uint8Array((text.length / 4) * 3 - padding);
  let buffer = 0;
  let bits = 0;
  let filled = 0;
  for (let i = 0; i < text.length - padding; i++) {
    const code = text.charCodeAt(i);
    const value = code < 128 ? BASE64_VALUE[code] : -1;
    if (value < 0) throw malformed();
    buffer = ((buffer << 6) | value) & 0xffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes[filled++] = (buffer >> bits) & 0xff;
    }
  }
  if ((buffer & ((1 << bits) - 1)) !== 0) throw malformed();
  return bytes;
}

/** @param {...Uint8Array} parts @returns {Uint8Array} */
export function concat(...parts) {
  const bytes = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** @param {Uint8Array} a @param {Uint8Array} b @returns {boolean} */
export function equalBytes(a, b) {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

/**
 * The one form of a 64-bit number.
 * @param {number | bigint} value
 * @param {string} field named in the error
 * @returns {Uint64}
 * @throws {FormError} when it is no whole number from 0 to 2^64 - 1, or was already rounded
 */
export function uint64(value, field) {
  const whole = typeof value === 'bigint' || Number.isSafeInteger(value);
  if (!whole || value < 0 || value > U64_MAX) {
    throw new FormError(field, 'a whole number from 0 to 2^64 - 1', String(value));
  }
  return value <= Number.MAX_SAFE_INTEGER ? Number(value) : BigInt(value);
}

/**
 * A decimal number without sign or leading zeros that fits 64 bits.
 * @param {string} text
 * @returns {Uint64 | null} null when it is none
 */
export function parseDecimal(text) {
  if (!/^(?:0|[1-9][0-9]{0,19})$/.test(text)) return null;
  const value = BigInt(text);
  return value > U64_MAX ? null : uint64(value, 'number');
}

/** @param {Uint64} value @returns {Uint8Array} eight bytes, big endian */
export function toBigEndian64(value) {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value));
  return bytes;
}

/** @param {Uint8Array} bytes at least eight @returns {Uint64} the first eight, big endian */
export function fromBigEndian64(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return uint64(view.getBigUint64(0), 'number');
}

/**
 * @param {unknown} value
 * @param {number} length in bytes
 * @param {string} field named in the error
 * @returns {Uint8Array}
 * @throws {FormError} when it is no byte array of that length
 */
export function exactBytes(value, length, field) {
  if (value instanceof Uint8Array && value.length === length) return value;
  const found = value instanceof Uint8Array ? `${value.length} bytes` : typeof value;
  throw new FormError(field, `${length} bytes`, found);
}
