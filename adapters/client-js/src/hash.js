/**
 * SHA-256 and SHA-512 (FIPS 180-4), synchronous and incremental.
 *
 * Following a path takes a hash per level, and a document may be larger than memory: neither fits
 * the browser's own digest, which is asynchronous and takes its input whole.
 */
/** Bytes of a SHA-256 digest. */
export const HASH_BYTES = 32;

/** Bytes of a file held at once. */
const CHUNK_BYTES = 4 << 20;

/** The floor of the `degree`-th root of `n`, by Newton's method from above. */
function wholeRoot(n, degree) {
  const less = degree - 1n;
  let root = 1n << BigInt(Math.ceil(n.toString(2).length / Number(degree)));
  for (;;) {
    const next = (less * root + n / root ** less) / degree;
    if (next >= root) return root;
    root = next;
  }
}

/** The first `count` primes. */
function firstPrimes(count) {
  const primes = [];
  for (let n = 2; primes.length < count; n++) {
    if (primes.every((prime) => n % prime !== 0)) primes.push(n);
  }
  return primes;
}

const low64 = (value) => BigInt.asUintN(64, value);
// The constants are the first bits of the fractional parts of roots of primes; those of SHA-256
// are the upper halves of those of SHA-512.
const CUBE_ROOTS = firstPrimes(80).map((p) => low64(wholeRoot(BigInt(p) << 192n, 3n)));
const SQUARE_ROOTS = firstPrimes(8).map((p) => low64(wholeRoot(BigInt(p) << 128n, 2n)));
const upperHalves = (words) => Int32Array.from(words, (w) => Number(w >> 32n) | 0);
const SHA256_K = upperHalves(CUBE_ROOTS.slice(0, 64));
const SHA256_START = upperHalves(SQUARE_ROOTS);

/** Feeds blocks of `blockBytes` to `compress` and pads at the end, as both functions do. */
class BlockHash {
  constructor(blockBytes) {
    this.block = new Uint8Array(blockBytes);
    this.filled = 0;
    this.total = 0;
  }

  /**
   * @param {Uint8Array} data further bytes of the message
   * @returns {this}
   */
  update(data) {
    const size = this.block.length;
    let at = 0;
    this.total += data.length;
    if (this.filled > 0) {
      at = Math.min(size - this.filled, data.length);
      this.block.set(data.subarray(0, at), this.filled);
      this.filled += at;
      if (this.filled < size) return this;
      this.compress(this.block, 0);
      this.filled = 0;
    }
    for (; at + size <= data.length; at += size) this.compress(data, at);
    this.block.set(data.subarray(at), 0);
    this.filled = data.length - at;
    return this;
  }

  finish() {
    const size = this.block.length;
    const bits = BigInt(this.total) * 8n;
    const lengthBytes = size / 8;
    const zeros = (2 * size - lengthBytes - 1 - this.filled) % size;
    const tail = new Uint8Array(1 + zeros + lengthBytes);
    tail[0] = 0x80;
    new DataView(tail.buffer).setBigUint64(tail.length - 8, bits);
    this.update(tail);
  }
}

/** An incremental SHA-256: `new Sha256().update(a).update(b).digest()`. */
export class Sha256 extends BlockHash {
  constructor() {
    super(64);
    this.state = SHA256_START.slice();
    this.words = new Int32Array(64);
  }

  compress(data, at) {
    const w = this.words;
    for (let i = 0, j = at; i < 16; i++, j += 4) {
      w[i] = (data[j] << 24) | (data[j + 1] << 16) | (data[j + 2] << 8) | data[j + 3];
    }
    for (let i = 16; i < 64; i++) {
      const x = w[i - 15];
      const y = w[i - 2];
      const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
      const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
      w[i] = (w[i - 16] + s0 + w[i - 7] + s1) | 0;
    }
    const s = this.state;
    let a = s[0];
    let b = s[1];
    let c = s[2];
    let d = s[3];
    let e = s[4];
    let f = s[5];
    let g = s[6];
    let h = s[7];
    for (let i = 0; i < 64; i++) {
      const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
      const t1 = (h + s1 + ((e & f) ^ (~e & g)) + SHA256_K[i] + w[i]) | 0;
      const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
      const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      h = g;
      g = f;
      f = e;
      e = (d + t1) | 0;
      d = c;
      c = b;
      b = a;
      a = (t1 + t2) | 0;
    }
    s[0] += a;
    s[1] += b;
    s[2] += c;
    s[3] += d;
    s[4] += e;
    s[5] += f;
    s[6] += g;
    s[7] += h;
  }

  /** @returns {Uint8Array} 32 bytes; the hash takes no further data */
  digest() {
    this.finish();
    const out = new Uint8Array(HASH_BYTES);
    const view = new DataView(out.buffer);
    this.state.forEach((word, i) => view.setInt32(4 * i, word));
    return out;
  }
}

/** SHA-512 for the signatures of short messages: clear rather than fast. */
class Sha512 extends BlockHash {
  constructor() {
    super(128);
    this.state = BigUint64Array.from(SQUARE_ROOTS);
    this.words = new BigUint64Array(80);
  }

  compress(data, at) {
    const w = this.words;
    const view = new DataView(data.buffer, data.byteOffset + at, 128);
    const turn = (x, by) => low64((x >> by) | (x << (64n - by)));
    for (let i = 0; i < 16; i++) w[i] = view.getBigUint64(8 * i);
    for (let i = 16; i < 80; i++) {
      const x = w[i - 15];
      const y = w[i - 2];
      const s0 = turn(x, 1n) ^ turn(x, 8n) ^ (x >> 7n);
      const s1 = turn(y, 19n) ^ turn(y, 61n) ^ (y >> 6n);
      w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
    let [a, b, c, d, e, f, g, h] = this.state;
    for (let i = 0; i < 80; i++) {
      const s1 = turn(e, 14n) ^ turn(e, 18n) ^ turn(e, 41n);
      const t1 = h + s1 + ((e & f) ^ (low64(~e) & g)) + CUBE_ROOTS[i] + w[i];
      const s0 = turn(a, 28n) ^ turn(a, 34n) ^ turn(a, 39n);
      const t2 = s0 + ((a & b) ^ (a & c) ^ (b & c));
      [h, g, f, e, d, c, b, a] = [g, f, e, low64(d + t1), c, b, a, low64(t1 + t2)];
    }
    [a, b, c, d, e, f, g, h].forEach((word, i) => {
      this.state[i] += word;
    });
  }

  digest() {
    this.finish();
    const out = new Uint8Array(64);
    const view = new DataView(out.buffer);
    this.state.forEach((word, i) => view.setBigUint64(8 * i, word));
    return out;
  }
}

/**
 * SHA-256 over the concatenation of `parts`.
 * @param {...Uint8Array} parts
 * @returns {Uint8Array} 32 bytes
 */
export function sha256(...parts) {
  const hash = new Sha256();
  for (const part of parts) hash.update(part);
  return hash.digest();
}

/**
 * SHA-512 over the concatenation of `parts`.
 * @param {...Uint8Array} parts
 * @returns {Uint8Array} 64 bytes
 */
export function sha512(...parts) {
  const hash = new Sha512();
  for (const part of parts) hash.update(part);
  return hash.digest();
}

/**
 * SHA-256 of a whole buffer by the platform, which is several times faster where it exists.
 * @param {Uint8Array} data
 * @returns {Promise<Uint8Array>} 32 bytes
 */
export async function sha256Async(data) {
  const subtle = globalThis.crypto?.subtle;
  if (subtle === undefined) return sha256(data);
  return new Uint8Array(await subtle.digest('SHA-256', data));
}

/**
 * SHA-256 of a file or blob of any size in constant memory.
 * @param {Blob} blob
 * @param {(done: number, total: number) => void} [onProgress] bytes hashed so far, bytes in all
 * @param {AbortSignal} [signal]
 * @returns {Promise<Uint8Array>} 32 bytes
 * @throws when the file cannot be read, changed while it was read, or `signal` was aborted
 */
export async function sha256Blob(blob, onProgress, signal) {
  const hash = new Sha256();
  for (let at = 0; at < blob.size; at += CHUNK_BYTES) {
    signal?.throwIfAborted();
    hash.update(new Uint8Array(await blob.slice(at, at + CHUNK_BYTES).arrayBuffer()));
    onProgress?.(Math.min(at + CHUNK_BYTES, blob.size), blob.size);
  }
  return hash.digest();
}
