/** Hashes against the platform's, trees against the definition of RFC 6962 section 2.1. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { FormError, toHex, utf8 } from '../src/bytes.js';
import { Sha256, sha256, sha256Async, sha256Blob, sha512 } from '../src/hash.js';
import { MerkleTree, leafHash, nodeHash } from '../src/merkle.js';
import { rootFromInclusion, verifyInclusion } from '../src/merkle.js';

const platform = (name, data) => createHash(name).update(data).digest('hex');

test('SHA-256 and SHA-512 of every length up to three blocks', async () => {
  for (let length = 0; length <= 390; length++) {
    const data = Uint8Array.from({ length }, (_, i) => (i * 31 + length) & 0xff);
    assert.equal(toHex(sha256(data)), platform('sha256', data));
    assert.equal(toHex(sha512(data)), platform('sha512', data));
    const pieces = new Sha256();
    for (let at = 0; at < length; at += 37) pieces.update(data.subarray(at, at + 37));
    assert.equal(toHex(pieces.digest()), platform('sha256', data));
  }
});

test('SHA-256 of a blob larger than a chunk, with its progress', async () => {
  const data = Uint8Array.from({ length: (9 << 20) + 5 }, (_, i) => (i >> 3) & 0xff);
  const told = [];
  const digest = await sha256Blob(new Blob([data]), (done, total) => told.push(done / total));
  assert.equal(toHex(digest), platform('sha256', data));
  assert.equal(toHex(await sha256Async(data)), platform('sha256', data));
  assert.equal(told.length, 3);
  assert.equal(told.at(-1), 1);
  const stop = AbortSignal.abort(new Error('stopped'));
  await assert.rejects(sha256Blob(new Blob([data]), undefined, stop), /stopped/);
});

test('the length of a message beyond 4 GiB is counted in 64 bits', () => {
  // As if 2^32 bytes had gone by: the last block is then the mark, zeros and 2^35 bits.
  const hash = new Sha256();
  hash.total = 2 ** 32;
  const block = new Uint8Array(64);
  block[0] = 0x80;
  block[59] = 8;
  const expected = new Sha256();
  expected.compress(block, 0);
  const words = [...expected.state].map((word) => (word >>> 0).toString(16).padStart(8, '0'));
  assert.equal(toHex(hash.digest()), words.join(''));
});

/** The definition, word by word. */
function definedRoot(leaves) {
  if (leaves.length === 0) return sha256();
  if (leaves.length === 1) return leaves[0];
  let split = 1;
  while (2 * split < leaves.length) split *= 2;
  return nodeHash(definedRoot(leaves.slice(0, split)), definedRoot(leaves.slice(split)));
}

function definedPath(leaves, index) {
  if (leaves.length <= 1) return [];
  let split = 1;
  while (2 * split < leaves.length) split *= 2;
  const [left, right] = [leaves.slice(0, split), leaves.slice(split)];
  if (index < split) return [...definedPath(left, index), definedRoot(right)];
  return [...definedPath(right, index - split), definedRoot(left)];
}

test('roots and paths of all trees of 1 to 40 leaves', () => {
  for (let size = 1; size <= 40; size++) {
    const leaves = Array.from({ length: size }, (_, i) => leafHash(utf8(`leaf ${i}`)));
    const tree = new MerkleTree(leaves);
    assert.deepEqual(tree.root, definedRoot(leaves));
    for (let index = 0; index < size; index++) {
      const path = tree.path(index);
      assert.deepEqual(path, definedPath(leaves, index));
      const judge = (at, hashes) => verifyInclusion(leaves[index], at, size, hashes, tree.root);
      judge(index, path);
      assert.throws(() => judge(index, [...path, leaves[0]]), FormError);
      if (path.length > 0) assert.throws(() => judge(index, path.slice(1)), FormError);
      for (let other = 0; other < size; other++) {
        if (other !== index) assert.throws(() => judge(other, path), FormError);
      }
    }
    assert.throws(() => tree.path(size), RangeError);
    assert.throws(() => rootFromInclusion(leaves[0], size, size, []), FormError);
  }
});

test('an empty tree has a root and no leaf', () => {
  assert.deepEqual(new MerkleTree([]).root, sha256());
  assert.throws(() => rootFromInclusion(sha256(), 0, 0, []), FormError);
});

test('positions of 64 bits are not rounded', () => {
  const size = 2n ** 64n - 1n;
  const path = Array.from({ length: 64 }, (_, i) => sha256(Uint8Array.of(i)));
  const [a, b] = [0n, 2n ** 53n].map((i) => toHex(rootFromInclusion(path[0], i, size, path)));
  assert.notEqual(a, b);
});
