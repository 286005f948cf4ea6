/**
 * Ed25519 (RFC 8032) verification by the two rules of the ledger, and the judgement of keys.
 *
 * | rule | judges | equation | A, R |
 * |---|---|---|---|
 * | strict | log lines, cosignatures | [S]B = R + [k]A | not of small order, R canonical |
 * | statement | depositors | ZIP-215: [8][S]B = [8]R + [8][k]A | R canonical, not of small order |
 *
 * The platform's own check only shortens the way to a yes: what it accepts is accepted by the
 * equation of the strict rule, and what it refuses is judged again here. So a verdict does not
 * depend on the browser. Nothing here touches a secret, so nothing must run in constant time.
 */
import { equalBytes, fromHex, toHex } from './bytes.js';
import { sha512 } from './hash.js';

const P = 2n ** 255n - 19n;
const L = 2n ** 252n + 27742317777372353535851937790883648493n;

const mod = (n) => {
  const rest = n % P;
  return rest < 0n ? rest + P : rest;
};

function power(base, exponent) {
  let result = 1n;
  for (let square = mod(base); exponent > 0n; exponent >>= 1n) {
    if (exponent & 1n) result = (result * square) % P;
    square = (square * square) % P;
  }
  return result;
}

const D = mod(-121665n * power(121666n, P - 2n));
const TWICE_D = (2n * D) % P;
const SQRT_MINUS_ONE = power(2n, (P - 1n) / 4n);

function littleEndian(bytes) {
  return BigInt(`0x${toHex(Uint8Array.from(bytes).reverse()) || '0'}`);
}

/** A point in extended coordinates (X : Y : Z : T), x = X/Z, y = Y/Z, xy = T/Z. */
class Point {
  constructor(x, y, z, t) {
    this.x = x;
    this.y = y;
    this.z = z;
    this.t = t;
  }

  /** RFC 8032 section 5.1.4. */
  add(other) {
    const a = ((this.y - this.x + P) * (other.y - other.x + P)) % P;
    const b = ((this.y + this.x) * (other.y + other.x)) % P;
    const c = (((this.t * TWICE_D) % P) * other.t) % P;
    const d = (2n * this.z * other.z) % P;
    return Point.complete(b - a, d - c, d + c, b + a);
  }

  double() {
    const a = (this.x * this.x) % P;
    const b = (this.y * this.y) % P;
    const h = a + b;
    const xy = this.x + this.y;
    const e = h - ((xy * xy) % P);
    const g = a - b;
    const f = ((2n * this.z * this.z) % P) + g;
    return Point.complete(e, f, g, h);
  }

  static complete(e, f, g, h) {
    return new Point(mod(e * f), mod(g * h), mod(f * g), mod(e * h));
  }

  negate() {
    return new Point(P - this.x, this.y, this.z, P - this.t);
  }

  isIdentity() {
    return mod(this.x) === 0n && mod(this.y - this.z) === 0n;
  }

  timesEight() {
    return this.double().double().double();
  }

  /** RFC 8032 section 5.1.2. */
  encode() {
    const inverse = power(this.z, P - 2n);
    const x = mod(this.x * inverse);
    let rest = mod(this.y * inverse) | ((x & 1n) << 255n);
    const bytes = new Uint8Array(32);
    for (let i = 0; i < 32; i++, rest >>= 8n) bytes[i] = Number(rest & 0xffn);
    return bytes;
  }

  /**
   * As ZIP-215 decodes: y may be at or above the prime, and a zero x may be marked negative.
   * @returns {Point | null} null when the bytes are no point
   */
  static decode(bytes) {
    const encoded = littleEndian(bytes);
    const sign = encoded >> 255n;
    const y = mod(encoded & (2n ** 255n - 1n));
    const square = (y * y) % P;
    const u = mod(square - 1n);
    const v = mod(D * square + 1n);
    const v3 = (((v * v) % P) * v) % P;
    const seventh = (((v3 * v3) % P) * v) % P;
    let x = (u * ((v3 * power(u * seventh, (P - 5n) / 8n)) % P)) % P;
    const check = (((v * x) % P) * x) % P;
    if (check === mod(-u)) x = (x * SQRT_MINUS_ONE) % P;
    else if (check !== u) return null;
    if ((x & 1n) !== sign) x = mod(-x);
    return new Point(x, y, 1n, (x * y) % P);
  }
}

const IDENTITY = new Point(0n, 1n, 1n, 0n);
const BASE_Y = mod(4n * power(5n, P - 2n));
const BASE = Point.decode(new Point(0n, BASE_Y, 1n, 0n).encode());

/** [a]first + [b]second, both scalars read two bits at a time. */
function sumOfTwo(a, first, b, second) {
  const multiples = (point) => {
    const twice = point.double();
    return [IDENTITY, point, twice, twice.add(point)];
  };
  const [ofFirst, ofSecond] = [multiples(first), multiples(second)];
  const table = ofFirst.flatMap((p) => ofSecond.map((q) => p.add(q)));
  let sum = IDENTITY;
  for (let shift = 254n; shift >= 0n; shift -= 2n) {
    sum = sum.double().double();
    const digit = Number((a >> shift) & 3n) * 4 + Number((b >> shift) & 3n);
    if (digit !== 0) sum = sum.add(table[digit]);
  }
  return sum;
}

/** y-coordinates of the eight points of small order. */
const SMALL_ORDER_Y = new Set([
  0n,
  1n,
  P - 1n,
  littleEndian(fromHex('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a')),
  littleEndian(fromHex('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05')),
]);

/** y as encoded, the sign of x left out. */
function encodedY(bytes) {
  return littleEndian(bytes) & (2n ** 255n - 1n);
}

/** A canonical encoding has y below the prime, and a zero x belongs to small order only. */
function isAcceptableR(r) {
  const y = encodedY(r);
  return y < P && !SMALL_ORDER_Y.has(y);
}

/** [S]B - [k]A - R; null when A or R is no point, or S is not below the group's order. */
function difference(key, message, signature) {
  const r = signature.subarray(0, 32);
  const s = littleEndian(signature.subarray(32));
  const [a, point] = [Point.decode(key), Point.decode(r)];
  if (s >= L || a === null || point === null) return null;
  const k = littleEndian(sha512(r, key, message)) % L;
  return sumOfTwo(s, BASE, k, a.negate()).add(point.negate());
}

/** What is known of keys: a verifier meets the same few again and again. */
class KeyMemory {
  /** @param {(key: Uint8Array) => any} learn */
  constructor(learn) {
    this.learn = learn;
    this.known = new Map();
  }

  of(key) {
    const name = toHex(key);
    if (!this.known.has(name)) {
      if (this.known.size >= KEYS_KNOWN_MAX) this.known.clear();
      this.known.set(name, this.learn(key));
    }
    return this.known.get(name);
  }
}

const KEYS_KNOWN_MAX = 256;
const ALGORITHM = Object.freeze({ name: 'Ed25519' });
const IMPORTED = new KeyMemory((key) =>
  globalThis.crypto.subtle.importKey('raw', key, ALGORITHM, false, ['verify']),
);

async function platformAccepts(key, message, signature) {
  const subtle = globalThis.crypto?.subtle;
  if (subtle === undefined) return false;
  try {
    return await subtle.verify(ALGORITHM, await IMPORTED.of(key), signature, message);
  } catch {
    // Without Ed25519, or with a key that the platform refuses, the own arithmetic decides.
    return false;
  }
}

/**
 * Judges a signature by both rules; what holds by the strict one holds by the other.
 * @param {Uint8Array} key 32 bytes
 * @param {Uint8Array} message
 * @param {Uint8Array} signature 64 bytes
 * @returns {Promise<{strict: boolean, statement: boolean}>}
 */
export async function judgeSignature(key, message, signature) {
  const refused = { strict: false, statement: false };
  if (key.length !== 32 || signature.length !== 64) return refused;
  if (!isAcceptableR(signature.subarray(0, 32))) return refused;
  const isStrong = !SMALL_ORDER_Y.has(mod(encodedY(key)));
  if (isStrong && (await platformAccepts(key, message, signature))) {
    return { strict: true, statement: true };
  }
  const rest = difference(key, message, signature);
  if (rest === null) return refused;
  // R has one encoding, so that equal points are equal bytes, as the strict rule asks.
  return { strict: isStrong && rest.isIdentity(), statement: rest.timesEight().isIdentity() };
}

/**
 * The strict rule alone: RFC 8032 without cofactor, R canonical, neither A nor R of small order.
 * @param {Uint8Array} key 32 bytes
 * @param {Uint8Array} message
 * @param {Uint8Array} signature 64 bytes
 * @returns {Promise<boolean>}
 */
export async function verifyStrict(key, message, signature) {
  return (await judgeSignature(key, message, signature)).strict;
}

/**
 * Why a key may not be registered on the ledger.
 * @param {Uint8Array} key 32 bytes
 * @returns {string | null} null when it may: canonical, of prime order
 */
export function keyComplaint(key) {
  return COMPLAINTS.of(key);
}

const COMPLAINTS = new KeyMemory(judgeKey);

function judgeKey(key) {
  const point = key.length === 32 ? Point.decode(key) : null;
  if (point === null || !equalBytes(point.encode(), key)) {
    return 'not a canonical Ed25519 public key';
  }
  if (point.timesEight().isIdentity()) return 'weak key: of small order';
  const multiple = sumOfTwo(L, point, 0n, IDENTITY);
  return multiple.isIdentity() ? null : 'weak key: has a torsion component';
}
