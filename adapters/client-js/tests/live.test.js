/** Against a running network: WUTONG_URL names its nodes, separated by commas. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildBatch, memberReceipt } from '../src/batch.js';
import { toHex, utf8 } from '../src/bytes.js';
import { fetchNetwork, fetchPolicy, lookup, putBody, statementOf } from '../src/client.js';
import { submit, waitForReceipt } from '../src/client.js';
import { follow } from '../src/follow.js';
import { sha256 } from '../src/hash.js';
import { call } from '../src/http.js';
import { generateKey, signStatement } from '../src/keys.js';
import { buildDeposit } from '../src/statement.js';
import { verify } from '../src/verify.js';

const urls = (process.env.WUTONG_URL ?? '').split(',').filter((url) => url !== '');
const skip = urls.length === 0 && 'WUTONG_URL is not set';
const document = utf8(`a document of ${Date.now()}, ${Math.random()}`);
const common = { namespace: 'public', document };

/** Deposits and returns the verified receipt; null where the network does not know the mode. */
async function deposit(wish) {
  const network = await fetchNetwork({ urls });
  const policy = await fetchPolicy({ urls });
  const { deposit: payload, salt } = buildDeposit({ network, ...common, ...wish });
  const { entry, id } = await signStatement(await generateKey(), payload);
  const answer = await submit(entry, { urls, salt, policy, waitMs: 20_000 });
  if (answer.status === 'refused' && answer.detail.includes('mode')) return null;
  assert.equal(answer.status, 'committed', JSON.stringify(answer));
  return { ...answer, entry, id, salt, policy };
}

for (const mode of ['digest', 'commitment', 'content', 'body']) {
  test(`live: ${mode}`, { skip }, async (t) => {
    if (mode === 'body') {
      const kept = await putBody(document, sha256(document), { urls }).catch(() => null);
      if (kept === null) return t.skip('this network keeps no bodies');
    }
    const done = await deposit({ mode });
    if (done === null) return t.skip('this network does not know the mode');
    const report = await verify(done.receipt, done.policy, { document });
    assert.deepEqual(report.failures, []);
    const again = await waitForReceipt(done.entry, { urls, salt: done.salt });
    assert.equal(again.status, 'committed');
    assert.equal((await statementOf(done.id, { urls })).status, 'committed');
    if (mode === 'digest') {
      const [found] = await lookup(sha256(document), { urls });
      assert.equal(found.id, toHex(done.id));
    }
    console.log(`live: ${mode} deposited and verified: entry ${done.index} of ${done.url}`);
    return undefined;
  });
}

test('live: batch', { skip }, async (t) => {
  const documents = [0, 1, 2].map((i) => utf8(`member ${i} ${Math.random()}`));
  const batch = buildBatch(documents.map((member) => ({ digest: sha256(member) })));
  const done = await deposit({ mode: 'batch', batch });
  if (done === null) return t.skip('this network does not know the mode');
  for (const [i, member] of documents.entries()) {
    const receipt = memberReceipt(done.receipt, batch.members[i]);
    const report = await verify(receipt, done.policy, { document: member });
    assert.deepEqual(report.failures, []);
  }
  return undefined;
});

test('live: events', { skip }, async (t) => {
  const { status } = await call(`${urls[0]}/v1/events?after=0`, { method: 'HEAD' });
  if (status === 404 || status === 405) return t.skip('this network has no events');
  const done = await deposit({ mode: 'digest', document: utf8(String(Math.random())) });
  const signal = AbortSignal.timeout(20_000);
  for await (const event of follow({ urls, signal })) {
    if (event.id === toHex(done.id)) return undefined;
  }
  return assert.fail('the deposit was not followed');
});
