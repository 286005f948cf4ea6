/**
 * The Merkle tree of RFC 6962 section 2.1 over SHA-256: log, outcomes of a block, batches.
 *
 * All functions take leaf hashes. A tree is kept as levels: a node without a sibling moves up
 * unchanged, which gives the same tree as splitting at the largest power of two below its size.
 */
import { FormError, equalBytes, toHex } from './bytes.js';
import { cborArrayUpTo, cborHash } from './cbor.js';
import { sha256 } from './hash.js';

/** Most hashes of a path: a tree of 2^64 leaves has no longer one. */
export const PATH_MAX = 64;

const LEAF_PREFIX = Uint8Array.of(0);
const NODE_PREFIX = Uint8Array.of(1);

/** @param {Uint8Array} entry @returns {Uint8Array} H(0x00 || entry) */
export function leafHash(entry) {
  return sha256(LEAF_PREFIX, entry);
}

/** @param {Uint8Array} left @param {Uint8Array} right @returns {Uint8Array} */
export function nodeHash(left, right) {
  return sha256(NODE_PREFIX, left, right);
}

/** A tree over given leaf hashes, with the paths of all of them. */
export class MerkleTree {
  /** @param {Uint8Array[]} leaves leaf hashes in order */
  constructor(leaves) {
    this.levels = [leaves];
    for (let level = leaves; level.length > 1; ) {
      const above = [];
      for (let i = 0; i < level.length; i += 2) {
        above.push(i + 1 < level.length ? nodeHash(level[i], level[i + 1]) : level[i]);
      }
      this.levels.push(above);
      level = above;
    }
  }

  /** @returns {number} leaves */
  get size() {
    return this.levels[0].length;
  }

  /** @returns {Uint8Array} 32 bytes; H("") of the empty tree */
  get root() {
    return this.size === 0 ? sha256() : this.levels[this.levels.length - 1][0];
  }

  /**
   * @param {number} index zero-based
   * @returns {Uint8Array[]} siblings from leaf to root
   * @throws {RangeError} when there is no such leaf
   */
  path(index) {
    if (!(index >= 0 && index < this.size)) {
      throw new RangeError(`index: expected one below ${this.size}, found ${index}`);
    }
    const path = [];
    for (const level of this.levels) {
      const sibling = level[index ^ 1];
      if (sibling !== undefined) path.push(sibling);
      index >>>= 1;
    }
    return path;
  }
}

/**
 * The root that a path leads to (RFC 9162 section 2.1.3.2).
 * @param {Uint8Array} leaf its leaf hash
 * @param {import('./bytes.js').Uint64} index
 * @param {import('./bytes.js').Uint64} size leaves of the tree
 * @param {Uint8Array[]} path from leaf to root
 * @returns {Uint8Array}
 * @throws {FormError} when the index is outside, or the path has not the length that both fix
 */
export function rootFromInclusion(leaf, index, size, path) {
  if (!(index < size)) throw new FormError('index', `one below the tree size ${size}`, index);
  let node = BigInt(index);
  let last = BigInt(size) - 1n;
  let hash = leaf;
  let used = 0;
  for (; last > 0n; node >>= 1n, last >>= 1n) {
    const isRight = (node & 1n) === 1n;
    if (!isRight && node === last) continue;
    const sibling = path[used++];
    if (sibling === undefined) break;
    hash = isRight ? nodeHash(sibling, hash) : nodeHash(hash, sibling);
  }
  if (last > 0n || used !== path.length) {
    throw new FormError('path', 'the number of hashes that index and size fix', path.length);
  }
  return hash;
}

/**
 * @param {Uint8Array} leaf
 * @param {import('./bytes.js').Uint64} index
 * @param {import('./bytes.js').Uint64} size
 * @param {Uint8Array[]} path
 * @param {Uint8Array} root
 * @throws {FormError} when the path does not lead from the leaf to the root
 */
export function verifyInclusion(leaf, index, size, path, root) {
  const found = rootFromInclusion(leaf, index, size, path);
  if (!equalBytes(found, root)) throw new FormError('root', toHex(root), toHex(found));
}

/** @param {unknown} value CBOR @param {string} field @returns {Uint8Array[]} @throws {FormError} */
export function cborPath(value, field) {
  return cborArrayUpTo(value, PATH_MAX, field).map((hash) => cborHash(hash, field));
}
