/** The two signature rules and the judgement of keys, without and with the platform's help. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { concat, fromHex, utf8 } from '../src/bytes.js';
import { judgeSignature, keyComplaint } from '../src/ed25519.js';
import { generateKey } from '../src/keys.js';
import { parseReceipt } from '../src/receipt.js';
import { parseStatement, signedBytes } from '../src/statement.js';
import { corpus } from './support/corpus.js';

/** Runs `body` as on a platform whose WebCrypto has no Ed25519. */
async function withoutPlatform(body) {
  const own = SubtleCrypto.prototype.verify;
  SubtleCrypto.prototype.verify = () => Promise.reject(new Error('no such algorithm'));
  try {
    return await body();
  } finally {
    SubtleCrypto.prototype.verify = own;
  }
}

async function judge(key, message, signature) {
  const verdict = await judgeSignature(key, message, signature);
  const alone = await withoutPlatform(() => judgeSignature(key, message, signature));
  assert.deepEqual(verdict, alone, 'the platform must not change a verdict');
  return verdict;
}

// RFC 8032 section 7.1, tests 1 to 3.
const RFC8032 = [
  [
    'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    '',
    'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155' +
      '5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
  ],
  [
    '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    '72',
    '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da' +
      '085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  ],
  [
    'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
    'af82',
    '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac' +
      '18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
  ],
];

test('the vectors of RFC 8032 hold by both rules, and no altered byte does', async () => {
  for (const vector of RFC8032) {
    const [key, message, signature] = vector.map((hex) => fromHex(hex));
    assert.equal(keyComplaint(key), null);
    assert.deepEqual(await judge(key, message, signature), { strict: true, statement: true });
    for (let at = 0; at < 64; at += 5) {
      const copy = signature.slice();
      copy[at] ^= 1;
      assert.deepEqual(await judge(key, message, copy), { strict: false, statement: false });
    }
  }
});

test('fresh signatures hold without the platform too', async () => {
  for (let i = 0; i < 20; i++) {
    const key = await generateKey();
    const message = utf8(`message ${i}`);
    const signature = await key.sign(message);
    const verdict = await judge(key.publicKey, message, signature);
    assert.deepEqual(verdict, { strict: true, statement: true });
    const other = await judge(key.publicKey, utf8('another'), signature);
    assert.deepEqual(other, { strict: false, statement: false });
  }
});

test('S at or above the order of the group is refused', async () => {
  const [key, message, signature] = RFC8032[0].map((hex) => fromHex(hex));
  const order = 2n ** 252n + 27742317777372353535851937790883648493n;
  let s = 0n;
  for (let i = 63; i >= 32; i--) s = (s << 8n) | BigInt(signature[i]);
  const copy = signature.slice();
  for (let i = 32, rest = s + order; i < 64; i++, rest >>= 8n) copy[i] = Number(rest & 0xffn);
  assert.deepEqual(await judge(key, message, copy), { strict: false, statement: false });
});

test('a signature whose R has a small component holds by ZIP-215 only', async () => {
  const { bytes } = corpus('accepted').find(({ name }) => name === 'zip-215-only');
  const statement = parseStatement(parseReceipt(bytes).entry);
  const message = signedBytes(statement);
  const verdict = await judge(statement.key, message, statement.signature);
  assert.deepEqual(verdict, { strict: false, statement: true });
});

test('R and keys of small order are refused by every rule', async () => {
  const identity = new Uint8Array(32);
  identity[0] = 1;
  const zero = new Uint8Array(32);
  // With A and R the identity and S zero, both equations hold for every message.
  const anything = await judge(identity, utf8('any'), concat(identity, zero));
  assert.deepEqual(anything, { strict: false, statement: false });
  const prime = fromHex(`ed${'ff'.repeat(30)}7f`);
  const unreduced = await judge(identity, utf8('any'), concat(prime, zero));
  assert.deepEqual(unreduced, { strict: false, statement: false });
});

test('weak, mixed and malformed keys are not registrable', () => {
  const identity = new Uint8Array(32);
  identity[0] = 1;
  assert.match(keyComplaint(identity), /small order/);
  const eight = fromHex('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a');
  assert.match(keyComplaint(eight), /small order/);
  const negativeZero = identity.slice();
  negativeZero[31] = 0x80;
  assert.match(keyComplaint(negativeZero), /not a canonical/);
  assert.match(keyComplaint(new Uint8Array(32).fill(0xff)), /not a canonical/);
  // The key of RFC 8032's first test plus the point of order eight.
  const mixed = fromHex('9158312a9a8d6e3b34c891d6d61444f8b8211c5117ebad15bdb0bd68b07e0245');
  assert.match(keyComplaint(mixed), /torsion/);
});
