/** Keys, statements and what is kept before a statement is sent. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FormError, fromHex, toHex, utf8 } from '../src/bytes.js';
import { parsePending, pendingText } from '../src/client.js';
import { sha256 } from '../src/hash.js';
import { exportPem, generateKey, importPem, signStatement } from '../src/keys.js';
import { buildDeposit, parseStatement, statementId } from '../src/statement.js';

// The depositor of the frozen vectors: SHA-256("wutong/derive-key/depositor/v1\0" || 7 * 32).
const SEED = sha256(utf8('wutong/derive-key/depositor/v1\0'), new Uint8Array(32).fill(7));

function pemOf(seed) {
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]);
  return `-----BEGIN PRIVATE KEY-----\n${der.toString('base64')}\n-----END PRIVATE KEY-----\n`;
}

const depositor = await importPem(pemOf(SEED));
const claims = { issuer: 'urn:example:notary', subject: 'case 2026-17' };
const common = { network: 'trial', namespace: 'notary', declaredTimeMs: null };

test('a plain statement has the frozen id', async () => {
  const value = fromHex('2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881');
  const { deposit, salt } = buildDeposit({ ...common, mode: 'digest', digest: value });
  const { id } = await signStatement(depositor, deposit, claims);
  const frozen = '8b6f7d243f6eb9ea517af5e5e5075786d5c3b9db5e69f6eaa67a2e81b5be72a5';
  assert.equal(toHex(id), frozen);
  assert.equal(salt, null);
});

test('a full statement has the frozen id and reads back', async () => {
  const wish = {
    ...common,
    mode: 'digest',
    digest: sha256(utf8('a commitment')),
    declaredTimeMs: 1_700_000_000_123,
    notBefore: sha256(utf8('a checkpoint')),
    references: [sha256(utf8('first')), sha256(utf8('second'))],
  };
  const { deposit } = buildDeposit(wish);
  // The vector lodges the value as a commitment; no salt is known for it.
  const lodged = { ...deposit, mode: 'commitment' };
  const { entry, id, statement } = await signStatement(depositor, lodged, claims);
  const frozen = '2263d6bde3931b97dfcfdd08cba0c723464aa14a422074837e57dd9410739671';
  assert.equal(toHex(id), frozen);
  assert.deepEqual(parseStatement(entry), statement);
  assert.deepEqual(statement.deposit, lodged);
});

test('every byte of an entry altered gives another statement or none', async () => {
  const { deposit } = buildDeposit({ ...common, document: utf8('d') });
  const { entry, id } = await signStatement(depositor, deposit, claims);
  for (let at = 0; at < entry.length; at++) {
    const copy = entry.slice();
    copy[at] ^= 1;
    assert.notDeepEqual(statementId(copy), id);
    try {
      parseStatement(copy);
    } catch (error) {
      assert.ok(error instanceof FormError, String(error));
    }
  }
});

test('impossible deposits are refused, and name their field', async () => {
  const cases = {
    network: { network: 'Trial' },
    namespace: { namespace: '' },
    mode: { mode: 'photo' },
    digest: { digest: new Uint8Array(31) },
    document: { document: undefined },
    'declared time': { declaredTimeMs: -1 },
    references: { references: Array(17).fill(SEED) },
    'not before': { notBefore: new Uint8Array(3) },
    salt: { salt: new Uint8Array(5) },
  };
  for (const [field, wish] of Object.entries(cases)) {
    const whole = { ...common, document: utf8('d'), ...wish };
    assert.throws(() => buildDeposit(whole), (error) => error.field === field, field);
  }
  const { deposit } = buildDeposit({ ...common, document: utf8('d') });
  for (const issuer of ['', 'x'.repeat(257), 'a\nb', 'a\u0085b']) {
    await assert.rejects(signStatement(depositor, deposit, { issuer }), FormError);
  }
  await assert.rejects(signStatement(depositor, deposit, { subject: '' }), FormError);
});

test('salts differ, and times above 2^53 are kept', async () => {
  const salts = [1, 2].map(() => buildDeposit({ ...common, document: utf8('d') }).salt);
  assert.notDeepEqual(salts[0], salts[1]);
  const { deposit } = buildDeposit({ ...common, document: utf8('d'), declaredTimeMs: 2n ** 60n });
  const { entry } = await signStatement(depositor, deposit);
  assert.equal(parseStatement(entry).deposit.declaredTimeMs, 2n ** 60n);
});

test('keys made for a browser cannot be read out; others make a round trip', async () => {
  const key = await generateKey();
  assert.equal(key.privateKey.extractable, false);
  await assert.rejects(exportPem(key));
  const open = await generateKey({ extractable: true });
  const again = await importPem(await exportPem(open));
  assert.deepEqual(again.publicKey, open.publicKey);
  assert.equal(again.privateKey.extractable, false);
  assert.equal(toHex(depositor.publicKey).slice(0, 8), 'c38ebf28');
});

test('other key files are refused', async () => {
  const short = pemOf(SEED.slice(1));
  for (const text of ['', 'hello', short, pemOf(SEED).replace('MC4C', 'MC5C')]) {
    await assert.rejects(importPem(text), FormError, JSON.stringify(text));
  }
});

test('a signer that signs something else is noticed', async () => {
  const { deposit } = buildDeposit({ ...common, document: utf8('d') });
  const false1 = { publicKey: depositor.publicKey, sign: () => depositor.sign(utf8('other')) };
  await assert.rejects(signStatement(false1, deposit), FormError);
});

test('what is kept before sending reads back, and only with its own id', async () => {
  const { deposit, salt } = buildDeposit({ ...common, document: utf8('d') });
  const { entry } = await signStatement(depositor, deposit);
  assert.deepEqual(parsePending(pendingText(entry, salt)), { entry, salt });
  assert.deepEqual(parsePending(pendingText(entry, null)), { entry, salt: null });
  const kept = JSON.parse(pendingText(entry, salt));
  assert.throws(() => parsePending(JSON.stringify({ ...kept, id: '00' })), FormError);
  assert.throws(() => parsePending('{}'), FormError);
});
