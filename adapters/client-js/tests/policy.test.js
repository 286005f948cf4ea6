/** Policies: what is refused, who meets the quorum, and which time is proven. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FormError, utf8 } from '../src/bytes.js';
import { sha256 } from '../src/hash.js';
import { KEY_TYPES, verifierKey, verifierKeyText } from '../src/note.js';
import { parsePolicy } from '../src/policy.js';
import { CORPUS_POLICY } from './support/corpus.js';

const named = (name, type, key) => verifierKeyText(verifierKey(name, type, sha256(utf8(key))));
const LOG = named('log.example', KEY_TYPES.log, 'log');
const cosigner = (name, key = name) => named(name, KEY_TYPES.cosigner, key);
const [A, B] = [cosigner('a'), cosigner('b')];
const BASE = `log ${LOG}\nwitness a ${A}\nwitness b ${B}\n`;

function nested() {
  let text = `  log\t${LOG} https://log.example/\n\n# a comment\n`;
  for (const name of ['x1', 'x2', 'x3', 'y1', 'y2', 'y3']) {
    text += `witness ${name} ${cosigner(name)} https://w.example/\n`;
  }
  text += 'group x-witnesses 2 x1 x2 x3\ngroup y-witnesses any y1 y2 y3\n';
  return `${text}group both all x-witnesses y-witnesses\nquorum both\n`;
}

test('nested groups are met as their thresholds say', () => {
  const policy = parsePolicy(nested());
  const met = (...signed) => policy.isMetBy(new Set(signed));
  assert.ok(met(0, 1, 3) && met(1, 2, 5) && met(0, 1, 2, 3, 4, 5));
  assert.ok(!met(0, 1, 2) && !met(0, 3, 4, 5) && !met());
  assert.equal(parsePolicy(policy.text).text, policy.text);
});

test('malformed policies are refused at their line', () => {
  const cases = {
    'no quorum': BASE,
    'quorum none': `${BASE}quorum none\n`,
    'two quorums': `${BASE}quorum a\nquorum b\n`,
    'an unknown quorum': `${BASE}quorum c\n`,
    'threshold 0': `${BASE}group g 0 a b\nquorum g\n`,
    'threshold above': `${BASE}group g 3 a b\nquorum g\n`,
    'leading zero': `${BASE}group g 01 a b\nquorum g\n`,
    'a huge threshold': `${BASE}group g 18446744073709551617 a b\nquorum g\n`,
    'a threshold that is a word': `${BASE}group g toString a b\nquorum g\n`,
    'no members': `${BASE}group g 1\nquorum g\n`,
    'a member twice': `${BASE}group g 1 a a\nquorum g\n`,
    'a member of two groups': `${BASE}group g 1 a\ngroup h 1 a\nquorum g\n`,
    'a later member': `${BASE}group g 1 h\ngroup h 1 a\nquorum g\n`,
    'member none': `${BASE}group g 1 none\nquorum g\n`,
    'a taken name': `${BASE}group a 1 b\nquorum a\n`,
    'a group named none': `${BASE}group none 1 b\nquorum none\n`,
    'a duplicate key': `${BASE}witness c ${A}\nquorum a\n`,
    'a duplicate log': `${BASE}log ${LOG}\nquorum a\n`,
    'a log key as witness': `log ${A}\nwitness b ${B}\nquorum b\n`,
    'a witness key as log': `log ${LOG}\nwitness a ${LOG}\nquorum a\n`,
    'no log': `witness a ${A}\nquorum a\n`,
    'an unknown line': `${BASE}witnesses a\nquorum a\n`,
    'a control character': `${BASE}quorum a\r\n`,
    'a quorum of two': `${BASE}quorum a b\n`,
    'no key': `${BASE}witness c\nquorum a\n`,
    'a bad key': `${BASE}witness c example+00000000+AAAA\nquorum a\n`,
    'another key id': `${BASE.replace(/\+[0-9a-f]{8}\+/, '+00000000+')}quorum a\n`,
    'too many lines': `${BASE}quorum a\n${'\n'.repeat(1024)}`,
    'a byte order mark': `\ufeff${BASE}quorum a\n`,
  };
  for (const [what, text] of Object.entries(cases)) {
    assert.throws(() => parsePolicy(text), FormError, what);
  }
  assert.throws(() => parsePolicy(`${BASE}quorum none\n`), /line 4: policy without quorum/);
  // One key under two names is one key: the cosigned message does not hold the name.
  const renamed = `${BASE}witness c ${cosigner('other', 'a')}\nquorum a\n`;
  assert.throws(() => parsePolicy(renamed), /line 4: .*the key of line 2/);
  assert.throws(() => parsePolicy(Uint8Array.of(0xff)), FormError);
});

test('people see organisations and demonstrations', () => {
  const text =
    `# demonstration\nlog ${LOG}\n# organisation a 同济大学 (Tongji University)\n` +
    `# organisation z no one\nwitness a ${A}\nquorum a\n`;
  const policy = parsePolicy(text);
  assert.ok(policy.isDemonstration);
  assert.equal(policy.displayName(0), '同济大学 (Tongji University)');
  assert.equal(parsePolicy(policy.text).text, policy.text);
  const plain = parsePolicy(text.replace('# demonstration\n', ''));
  assert.ok(!plain.isDemonstration);
  assert.notEqual(plain.fingerprint, policy.fingerprint);
  assert.equal(parsePolicy(`# hello\n\n${text}`).fingerprint, policy.fingerprint);
  const demonstration = named('demonstration.example', KEY_TYPES.log, 'l');
  const byName = `log ${demonstration}\nwitness a ${A}\nquorum a\n`;
  assert.ok(parsePolicy(byName).isDemonstration);
});

const policyOf = (n) => {
  const names = Array.from({ length: n }, (_, i) => `v${i + 1}`);
  const witnesses = names.map((name) => `witness ${name} ${cosigner(name)}\n`).join('');
  const quorum = Math.floor((2 * n) / 3) + 1;
  const group = `group validators ${quorum} ${names.join(' ')}\nquorum validators\n`;
  return { policy: parsePolicy(`log ${LOG}\n${witnesses}${group}`), quorum, faults: n - quorum };
};

const members = (bits, n) => Array.from({ length: n }, (_, i) => i).filter((i) => (bits >> i) & 1);

test('a set of one to seven validators decides, and liars move no time', () => {
  for (let n = 1; n <= 7; n++) {
    const { policy, quorum, faults } = policyOf(n);
    for (let set = 0; set < 1 << n; set++) {
      const signed = members(set, n);
      const met = signed.length >= quorum;
      assert.equal(policy.isMetBy(new Set(signed)), met);
      for (let liars = 0; met && liars < 1 << n; liars++) {
        if (members(liars, n).length > faults) continue;
        const times = new Map(signed.map((i) => [i, (liars >> i) & 1 ? 1 : 100]));
        assert.equal(policy.existedBefore(times), 100);
      }
    }
  }
});

test('the proven time is the next above the liars', () => {
  const { policy } = policyOf(4);
  assert.equal(policy.existedBefore(new Map([[0, 30], [1, 10], [2, 20]])), 20);
  assert.equal(policy.existedBefore(new Map([[0, 30], [1, 10], [2, 20], [3, 40]])), 20);
  assert.equal(policy.existedBefore(new Map([[0, 30]])), null);
});

test('the text is frozen', () => {
  const policy = parsePolicy(CORPUS_POLICY);
  const fingerprint = 'ae4af42ae46fc56b3d7aa3f959b2ba8822ef04430095739f04638b6fd3f39d4c';
  assert.equal(policy.text, CORPUS_POLICY);
  assert.equal(policy.fingerprint, fingerprint);
  assert.equal(policy.quorumRule, '3 of 4 in group validators');
});
