/** The common corpus: good receipts are accepted, bad ones refused by the check that they name. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sha256 } from '../src/hash.js';
import { verify } from '../src/verify.js';
import { CORPUS_DOCUMENT, CORPUS_POLICY, LATER_POLICY, corpus } from './support/corpus.js';
import { refusedBy } from './support/network.js';

const options = { document: CORPUS_DOCUMENT };

for (const { name, bytes } of corpus('accepted')) {
  test(`accepted: ${name}`, async () => {
    const report = await verify(bytes, CORPUS_POLICY, options);
    assert.deepEqual(report.failures, []);
    assert.equal(report.verdict, 'verified');
    assert.equal(report.evidence.documentMatched, true);
    assert.equal(report.evidence.strict, name !== 'zip-215-only');
  });
}

for (const { name, bytes } of corpus('later')) {
  test(`accepted by the later policy only: ${name}`, async () => {
    assert.deepEqual(refusedBy(await verify(bytes, LATER_POLICY, options)), []);
    assert.equal((await verify(bytes, CORPUS_POLICY, options)).accepted, false);
  });
}

for (const { name, bytes } of corpus('refused')) {
  test(`refused: ${name}`, async () => {
    const report = await verify(bytes, CORPUS_POLICY, options);
    const check = name.split('--')[0].replaceAll('-', ' ');
    assert.equal(report.accepted, false);
    assert.ok(refusedBy(report).includes(check), `${check}: ${refusedBy(report).join(', ')}`);
    assert.ok(report.failures.every(({ next }) => next !== ''));
  });
}

test('the corpus is not empty', () => {
  assert.ok(corpus('accepted').length >= 8 && corpus('refused').length >= 43);
});

test('a good receipt proves who, what and when, in the frozen words', async () => {
  const { bytes } = corpus('accepted').find(({ name }) => name === 'commitment');
  const report = await verify(bytes, CORPUS_POLICY, { digest: sha256(CORPUS_DOCUMENT) });
  const root = 'fe066cd18c2d82b73d193266e79f30a294c32b6357277686557e9ea8f47bff47';
  assert.deepEqual(
    report.findings.map(({ check, verdict, found }) => `${verdict} ${check}: ${found}`),
    [
      'passed receipt form: a receipt in canonical form',
      'passed statement form: application/vnd.wutong.deposit.v1+cbor',
      'passed depositor key: key 33c19ad525ebea0e',
      'passed depositor signature: valid, by key 33c19ad525ebea0e',
      'passed signature rule: strict',
      'passed document: commitment ' +
        'f76c374c0d7e3151f2ea842f87b769195dc537089d3e094be92b109668bc1bf3',
      `passed inclusion in the log: leaf 4 of the tree of 8 with root ${root}`,
      'passed origin: ledger.example/trial',
      'passed log signature: ledger.example/trial with key id f88dbd1d',
      'passed cosignatures: 3 valid cosignatures',
      'passed quorum: 3 of 4 in group validators (3 valid: Court 1, Court 2, Court 3)',
      'passed seal form: a seal in canonical form',
      `passed seal in the log: leaf 6 of the tree of 8 with root ${root}`,
      'passed seal of this entry: block 2 of network trial, entries 3 to 6',
      'passed outcome: outcome 1 of 3 in block 2',
      'passed success: done',
      'passed time: existed before 2023-11-14T22:15:01Z',
    ],
  );
  const { evidence } = report;
  assert.equal(evidence.issuer, 'urn:example:notary');
  assert.equal(evidence.existedBeforeS, 1_700_000_101);
  assert.deepEqual([evidence.height, evidence.index], [2, 4]);
  const names = evidence.signers.map(({ organisation }) => organisation);
  assert.deepEqual(names, ['Court 1', 'Court 2', 'Court 3']);
});

test('a signature by ZIP-215 only is accepted and noted', async () => {
  const { bytes } = corpus('accepted').find(({ name }) => name === 'zip-215-only');
  const report = await verify(bytes, CORPUS_POLICY, options);
  const finding = report.findings.find(({ check }) => check === 'signature rule');
  assert.deepEqual([finding.verdict, finding.found], ['noted', 'ZIP-215 only']);
});

test('a pinned fingerprint refuses every other policy', async () => {
  const [{ bytes }] = corpus('accepted');
  const own = 'AE4AF42AE46FC56B3D7AA3F959B2BA8822EF04430095739F04638B6FD3F39D4C';
  assert.ok((await verify(bytes, CORPUS_POLICY, { ...options, fingerprint: own })).accepted);
  const other = await verify(bytes, CORPUS_POLICY, { ...options, fingerprint: '00'.repeat(32) });
  assert.deepEqual(refusedBy(other), ['trust anchor']);
});

test('a demonstration says so, by its mark or by its name', async () => {
  const [{ bytes }] = corpus('accepted');
  const report = await verify(bytes, `# demonstration\n${CORPUS_POLICY}`, options);
  assert.equal(report.verdict, 'demonstration');
  assert.equal(report.findings.at(-1).check, 'trust anchor');
});

test('without a document only the statement is proven', async () => {
  const [{ bytes }] = corpus('accepted');
  const report = await verify(bytes, CORPUS_POLICY);
  assert.equal(report.evidence.documentMatched, false);
  assert.equal(report.findings.find(({ check }) => check === 'document').verdict, 'noted');
});

test('a report is JSON', async () => {
  const [{ bytes }] = corpus('accepted');
  const plain = JSON.parse(JSON.stringify(await verify(bytes, CORPUS_POLICY, options)));
  assert.deepEqual(Object.keys(plain), ['accepted', 'demonstration', 'findings', 'evidence']);
});
