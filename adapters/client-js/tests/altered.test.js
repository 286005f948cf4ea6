/** A receipt altered in any byte, or cut anywhere, is refused, with its document at hand. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsePolicy } from '../src/policy.js';
import { verify } from '../src/verify.js';
import { CORPUS_DOCUMENT, CORPUS_POLICY, corpus } from './support/corpus.js';

const policy = parsePolicy(CORPUS_POLICY);
/** Alterations judged at a time: signatures are verified beside this thread. */
const TOGETHER = 16;
const isAccepted = async (bytes) =>
  (await verify(bytes, policy, { document: CORPUS_DOCUMENT })).accepted;

/** Whether cosignatures beyond the quorum are there: leaving one out is then no alteration. */
const hasSpare = (bytes) => bytes.filter((_, at) => bytes[at] === 0xe2).length > 4;

for (const { name, bytes } of corpus('accepted')) {
  test(`${name}: every byte altered is refused`, async () => {
    assert.ok(await isAccepted(bytes));
    const altered = async (at, value) => {
      const copy = bytes.slice();
      copy[at] = value;
      assert.ok(!(await isAccepted(copy)), `byte ${at} as ${copy[at]}`);
    };
    for (let first = 0; first < bytes.length; first += TOGETHER) {
      const places = Array.from(bytes.subarray(first, first + TOGETHER).keys(), (i) => first + i);
      const flips = places.map((at) => altered(at, bytes[at] ^ (1 << (at % 8))));
      await Promise.all([...flips, ...places.map((at) => altered(at, bytes[at] + 1))]);
    }
  });

  test(`${name}: every cut and every added byte is refused`, async () => {
    const lastLine = bytes.lastIndexOf(0x0a, bytes.length - 2) + 1;
    for (let length = 0; length < bytes.length; length++) {
      if (hasSpare(bytes) && length === lastLine) continue;
      assert.ok(!(await isAccepted(bytes.subarray(0, length))), `cut at ${length}`);
    }
    for (const tail of ['\n', ' ', '\0', 'x', '\n\n']) {
      const longer = new Uint8Array([...bytes, ...new TextEncoder().encode(tail)]);
      assert.ok(!(await isAccepted(longer)), `tail ${JSON.stringify(tail)}`);
    }
    const marked = new Uint8Array([0xef, 0xbb, 0xbf, ...bytes]);
    assert.ok(!(await isAccepted(marked)), 'a byte order mark');
  });

  test(`${name}: every line missing or swapped is refused`, async () => {
    const lines = new TextDecoder().decode(bytes).split(/(?<=\n)/);
    const cosignatures = lines.findIndex((line) => line.startsWith('\u2014')) + 1;
    for (let i = 0; i < lines.length; i++) {
      if (hasSpare(bytes) && i >= cosignatures) continue;
      assert.ok(!(await isAccepted(lines.toSpliced(i, 1).join(''))), `without line ${i}`);
    }
    // The order of cosignature lines proves nothing; all other lines have one place.
    for (let i = 0; i + 1 < cosignatures; i++) {
      const swapped = lines.toSpliced(i, 2, lines[i + 1], lines[i]);
      if (swapped.join('') === lines.join('')) continue;
      assert.ok(!(await isAccepted(swapped.join(''))), `line ${i} swapped`);
    }
  });
}
