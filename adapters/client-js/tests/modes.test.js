/** Receipts of every mode, of batch members and of other epochs, from a network made here. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FormError, fromHex, utf8 } from '../src/bytes.js';
import { buildBatch, memberReceipt } from '../src/batch.js';
import { sha256 } from '../src/hash.js';
import { parsePolicyEntry } from '../src/policy_chain.js';
import { withChain, withSalt } from '../src/receipt.js';
import { verify } from '../src/verify.js';
import {
  DOCUMENT,
  FakeLedger,
  altered,
  makeDeposit,
  makeEpoch,
  policyEntry,
  refusedBy,
} from './support/network.js';

const epoch = await makeEpoch('first');
const options = { document: DOCUMENT };
const SALT = new Uint8Array(32).fill(9);

/** The receipt of a deposit that is the middle one of three in its block. */
async function receiptOf(wish, issue = {}) {
  const ledger = new FakeLedger();
  const [before, ours, after] = [await makeDeposit(), await makeDeposit(wish), await makeDeposit()];
  ledger.addBlock([before.entry, ours.entry, after.entry], issue.code);
  ledger.addBlock([]);
  return { ...ours, receipt: await ledger.receipt(ours.entry, epoch, issue) };
}

const judge = (receipt, given = options) => verify(receipt, epoch.policy, given);

for (const mode of ['digest', 'content', 'body']) {
  test(`${mode}: the document is compared, and nothing may be spare`, async () => {
    const { receipt } = await receiptOf({ mode });
    assert.deepEqual(refusedBy(await judge(receipt)), []);
    const other = await judge(receipt, { document: utf8('the deposited document?') });
    assert.deepEqual(refusedBy(other), ['document']);
    const salted = altered(receipt, () => ({ salt: SALT }));
    for (const given of [options, {}]) {
      assert.deepEqual(refusedBy(await judge(salted, given)), ['document']);
    }
    const member = altered(receipt, () => ({ batch: { index: 0, path: [] } }));
    assert.deepEqual(refusedBy(await judge(member, {})), ['document']);
  });
}

test('commitment: the salt opens it', async () => {
  const { receipt, salt } = await receiptOf({ mode: 'commitment' });
  assert.deepEqual(refusedBy(await judge(receipt)), ['document']);
  assert.deepEqual(refusedBy(await judge(receipt, {})), []);
  assert.deepEqual(refusedBy(await judge(withSalt(receipt, salt))), []);
  assert.deepEqual(refusedBy(await judge(withSalt(receipt, SALT))), ['document']);
});

test('content: up to what an entry holds', async () => {
  const document = new Uint8Array(65_000).fill(7);
  const { receipt } = await receiptOf({ mode: 'content', document });
  assert.ok((await judge(receipt, { document })).accepted);
  for (const length of [0, 65_500, 65_536]) {
    const wish = { mode: 'content', document: new Uint8Array(length) };
    await assert.rejects(makeDeposit(wish), FormError);
  }
});

for (const size of [1, 2, 3, 7, 20]) {
  test(`batch of ${size}: every member has its own receipt`, async () => {
    const documents = Array.from({ length: size }, (_, i) => utf8(`document ${i}`));
    const batch = buildBatch(documents.map((document) => ({ digest: sha256(document) })));
    const { receipt } = await receiptOf({ mode: 'batch', batch });
    assert.deepEqual(refusedBy(await judge(receipt, {})), []);
    assert.deepEqual(refusedBy(await judge(receipt)), ['document']);
    for (const [i, document] of documents.entries()) {
      const member = memberReceipt(receipt, batch.members[i]);
      const report = await judge(member, { document });
      assert.deepEqual(refusedBy(report), []);
      assert.deepEqual([report.evidence.mode, report.evidence.member], ['batch', i]);
      assert.deepEqual(refusedBy(await judge(member)), ['document']);
      const moved = ({ batch: { path } }) => ({ batch: { index: i + 1, path } });
      const elsewhere = altered(member, moved);
      assert.deepEqual(refusedBy(await judge(elsewhere, { document })), ['document']);
      const unsalted = altered(member, () => ({ salt: null }));
      assert.deepEqual(refusedBy(await judge(unsalted, { document })), ['document']);
    }
  });
}

test('batch: a salt without a path is spare, and strangers get no receipt', async () => {
  const batch = buildBatch([{ digest: sha256(DOCUMENT) }]);
  const { receipt } = await receiptOf({ mode: 'batch', batch });
  const salted = altered(receipt, () => ({ salt: SALT }));
  assert.deepEqual(refusedBy(await judge(salted, {})), ['document']);
  const [stranger] = buildBatch([{ digest: sha256(utf8('other')) }]).members;
  assert.throws(() => memberReceipt(receipt, stranger), FormError);
  const { receipt: single } = await receiptOf({ mode: 'digest' });
  assert.throws(() => memberReceipt(single, stranger), FormError);
  assert.throws(() => buildBatch([]), FormError);
});

test('a deposit without effect, too few cosigners and other networks are refused', async () => {
  const { receipt: failed } = await receiptOf({ mode: 'digest' }, { code: 3 });
  assert.deepEqual(refusedBy(await judge(failed)), ['success']);
  const { receipt: few } = await receiptOf({ mode: 'digest' }, { signers: [0, 3] });
  assert.deepEqual(refusedBy(await judge(few)), ['quorum']);
  const { receipt: elsewhere } = await receiptOf({ mode: 'digest', network: 'other' });
  assert.deepEqual(refusedBy(await judge(elsewhere)), ['seal of this entry']);
  const { receipt: origin } = await receiptOf({ mode: 'digest' }, { origin: 'other.example' });
  assert.deepEqual(refusedBy(await judge(origin)), ['origin']);
});

/** Two epochs of one log; the deposit is committed in the second unless `early`. */
async function twoEpochs({ early = false, network } = {}) {
  const second = await makeEpoch('second');
  const ledger = new FakeLedger();
  const entries = [policyEntry(0, epoch, network), policyEntry(1, second, network)];
  const ours = await makeDeposit({ mode: 'digest' });
  ledger.addBlock([entries[0]]);
  ledger.addBlock(early ? [ours.entry, entries[1]] : [entries[1], ours.entry]);
  return { second, ledger, entries, ours };
}

test('chain: from the first epoch to the second, and back', async () => {
  const { second, ledger, entries, ours } = await twoEpochs();
  const forward = await ledger.link(entries[1], epoch);
  const later = await ledger.receipt(ours.entry, second, { chain: [forward] });
  const report = await judge(later);
  assert.deepEqual(refusedBy(report), []);
  assert.equal(report.evidence.signers[0].organisation, 'Court 1 (second)');
  assert.notEqual(report.evidence.policy, report.evidence.checkpointPolicy);
  const names = report.findings.map(({ check }) => check);
  assert.equal(names.indexOf('policy chain') + 1, names.indexOf('origin'));

  const backward = await ledger.link(entries[0], second);
  const earlier = await ledger.receipt(ours.entry, epoch, { chain: [backward] });
  assert.deepEqual(refusedBy(await verify(earlier, second.policy, options)), []);
  // There and back again ends with the first policy.
  const round = await ledger.receipt(ours.entry, epoch, { chain: [forward, backward] });
  assert.deepEqual(refusedBy(await judge(round)), []);
  const plain = await ledger.receipt(ours.entry, second);
  assert.equal(withChain(plain, [forward]), later);
  assert.throws(() => withChain(plain, Array(65).fill(forward)), FormError);
});

test('chain: without a link, or with a false one, nothing is proven', async () => {
  const { second, ledger, entries, ours } = await twoEpochs();
  const chained = async (chain) => judge(await ledger.receipt(ours.entry, second, { chain }));
  const unlinked = await chained([]);
  assert.ok(refusedBy(unlinked).includes('log signature'));
  const good = await ledger.link(entries[1], epoch);
  const logLine = good.checkpoint.split('\n')[4];
  const bad = {
    'signed by the later epoch only': await ledger.link(entries[1], second),
    'signed by too few': await ledger.link(entries[1], epoch, [0, 1]),
    'another index': { ...good, index: good.index + 1 },
    'another path': { ...good, path: good.path.slice(1) },
    'another entry': { ...good, entry: entries[0] },
    'a checkpoint with a tail': { ...good, checkpoint: `${good.checkpoint}\n` },
    'a second log line': { ...good, checkpoint: `${good.checkpoint}${logLine}\n` },
    'no policy': { ...good, entry: utf8('entry') },
  };
  for (const [what, link] of Object.entries(bad)) {
    assert.ok(refusedBy(await chained([link])).includes('policy chain'), what);
    const first = refusedBy(await chained([link, good]));
    assert.ok(first.includes('policy chain'), `${what}, then good`);
    // After a good link the later epoch is trusted, and may sign.
    const later = refusedBy(await chained([good, link])).includes('policy chain');
    assert.equal(later, what !== 'signed by the later epoch only', `good, then ${what}`);
  }
  assert.deepEqual(refusedBy(await chained(Array(64).fill(good))), []);
  assert.deepEqual(refusedBy(await chained(Array(65).fill(good))), ['receipt form']);
});

test('chain: an entry of another network is refused', async () => {
  const { second, ledger, entries, ours } = await twoEpochs({ network: 'other' });
  const chain = [await ledger.link(entries[1], epoch)];
  const report = await judge(await ledger.receipt(ours.entry, second, { chain }));
  assert.ok(refusedBy(report).includes('policy chain'));
});

test('chain: every byte of a link altered is refused', async () => {
  const { second, ledger, entries, ours } = await twoEpochs();
  const good = await ledger.link(entries[1], epoch);
  const receipt = await ledger.receipt(ours.entry, second, { chain: [good] });
  const encoded = new TextEncoder().encode(good.checkpoint);
  for (let at = 0; at < encoded.length; at += 3) {
    const copy = encoded.slice();
    copy[at] = encoded[at] === 0x41 ? 0x42 : 0x41;
    const checkpoint = new TextDecoder().decode(copy);
    const spoilt = altered(receipt, () => ({ chain: [{ ...good, checkpoint }] }));
    assert.ok(!(await judge(spoilt)).accepted, `byte ${at}`);
  }
});

test('policy entries are read strictly', () => {
  const entry = policyEntry(2n ** 60n, epoch);
  assert.equal(parsePolicyEntry(entry).epoch, 2n ** 60n);
  assert.equal(parsePolicyEntry(entry).receiptKeys.length, 4);
  assert.throws(() => parsePolicyEntry(fromHex('80')), FormError);
  assert.throws(() => parsePolicyEntry(entry.slice(0, -1)), FormError);
});
