/** One statement, nodes that fail in every way, and one receipt. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { toHex, utf8 } from '../src/bytes.js';
import { fetchNetwork, fetchPolicyChain, lookup, putBody } from '../src/client.js';
import { submit, waitForReceipt } from '../src/client.js';
import { sha256 } from '../src/hash.js';
import { NoNodeAnswered, NodeProblem, askFirst } from '../src/http.js';
import { verify } from '../src/verify.js';
import { DOCUMENT, FakeLedger, makeDeposit, makeEpoch, policyEntry } from './support/network.js';
import { deadUrl, json, serve } from './support/node.js';

const epoch = await makeEpoch('first');
const stranger = await makeEpoch('stranger');
const ours = await makeDeposit({ mode: 'commitment' });
const other = await makeDeposit();
const ledger = new FakeLedger();
ledger.addBlock([ours.entry, other.entry]);
const receipt = await ledger.receipt(ours.entry, epoch);

const nodes = [];
after(() => Promise.all(nodes.map((node) => node.close())));

async function node(answer) {
  const made = await serve(answer);
  nodes.push(made);
  return made;
}

const answering = (status, body = {}) => (_, response) => json(response, status, body);
const committed = (text) => answering(201, { status: 'committed', receipt: text });

test('the receipt comes back with its salt, and verifies', async () => {
  const good = await node(committed(receipt));
  const { salt } = ours;
  const answer = await submit(ours.entry, { urls: [`${good.url}/`], salt, policy: epoch.policy });
  assert.equal(answer.status, 'committed');
  assert.deepEqual([answer.height, answer.index, answer.outcomeCode], [1, 1, 0]);
  assert.equal(answer.verified, true);
  assert.ok((await verify(answer.receipt, epoch.policy, { document: DOCUMENT })).accepted);
  const [{ method, path, headers, body }] = good.seen;
  assert.equal(method, 'POST');
  assert.match(path, /^\/v1\/statements\?wait_ms=\d+$/);
  assert.equal(headers['content-type'], 'application/scitt-statement+cose');
  assert.deepEqual(body, ours.entry);
});

test('the same bytes go to the next node when one fails', async () => {
  const forged = await ledger.receipt(ours.entry, stranger);
  const bad = [
    await deadUrl(),
    (await node(answering(500))).url,
    (await node(answering(429, { detail: 'busy' }))).url,
    (await node((_, response) => response.destroy())).url,
    (await node(committed('nonsense'))).url,
    (await node(committed(undefined))).url,
    (await node(committed(await ledger.receipt(other.entry, epoch)))).url,
    (await node(committed(forged))).url,
    (await node(answering(403, { detail: 'not listed' }))).url,
  ];
  const good = await node(committed(receipt));
  const urls = [...bad, good.url];
  const answer = await submit(ours.entry, { urls, policy: epoch.policy, waitMs: 20_000 });
  assert.equal(answer.status, 'committed');
  assert.equal(answer.url, good.url);
  assert.deepEqual(good.seen[0].body, ours.entry);
});

test('a node that hangs uses up its share of the wait only', async () => {
  const hanging = await node(() => undefined);
  const good = await node(committed(receipt));
  const began = Date.now();
  const urls = [hanging.url, good.url];
  const answer = await submit(ours.entry, { urls, waitMs: 1_000 });
  assert.equal(answer.status, 'committed');
  assert.ok(Date.now() - began < 5_000);
});

test('without a quorum it is pending, and who is missing is told', async () => {
  const detail = 'fewer than 3 validators are present';
  const waiting = await node(answering(503, { detail, missing: ['v3', 'v4'], quorum: 3 }));
  const answer = await submit(ours.entry, { urls: [waiting.url], waitMs: 5_000 });
  assert.equal(answer.status, 'pending');
  assert.deepEqual([answer.missing, answer.quorum], [['v3', 'v4'], 3]);
  assert.equal(waiting.seen.length, 1);
});

test('an admitted statement is asked for again until it is committed', async () => {
  const slow = await node((heard, response, turn) =>
    turn < 3 ? json(response, 202, { status: 'pending' }) : committed(receipt)(heard, response),
  );
  const answer = await submit(ours.entry, { urls: [slow.url], waitMs: 10_000 });
  assert.equal(answer.status, 'committed');
  assert.equal(slow.seen.length, 3);
  const never = await node(answering(202));
  assert.equal((await submit(ours.entry, { urls: [never.url], waitMs: 0 })).status, 'pending');
  assert.equal(never.seen[0].path, '/v1/statements?wait_ms=0');
});

test('a refusal by all is told with its field and next step', async () => {
  const body = { detail: 'not listed', code: 'key-not-listed', field: 'key', next_step: 'ask' };
  const no = await node(answering(403, body));
  const answer = await submit(ours.entry, { urls: [no.url], waitMs: 2_000 });
  const { status, code, field, nextStep, byAll } = answer;
  assert.deepEqual([status, code, field, nextStep, byAll], [
    'refused', 'key-not-listed', 'key', 'ask', true,
  ]);
  const some = await submit(ours.entry, { urls: [no.url, await deadUrl()], waitMs: 2_000 });
  assert.deepEqual([some.status, some.byAll], ['refused', false]);
});

test('a receipt of a statement without effect is taken, and says so', async () => {
  const failed = new FakeLedger();
  failed.addBlock([ours.entry], 7);
  const good = await node(committed(await failed.receipt(ours.entry, epoch)));
  const answer = await submit(ours.entry, { urls: [good.url], policy: epoch.policy });
  assert.deepEqual([answer.status, answer.outcomeCode], ['committed', 7]);
});

test('wrong use is an error: no address, a malformed policy, an aborted signal', async () => {
  await assert.rejects(submit(ours.entry, { urls: [] }), /urls/);
  await assert.rejects(submit(ours.entry, { urls: ['http://x'], policy: 'log' }), /line 1/);
  const signal = AbortSignal.abort(new Error('stopped by the caller'));
  const { url } = await node(committed(receipt));
  await assert.rejects(submit(ours.entry, { urls: [url], signal }), /stopped by the caller/);
});

test('waiting asks all nodes until one has the receipt', async () => {
  const path = `/v1/statements/${toHex(ours.id)}/receipt`;
  const slow = await node((heard, response, turn) => {
    assert.equal(heard.path, path);
    if (turn < 3) json(response, 202, { status: 'pending' });
    else response.end(receipt);
  });
  const urls = [await deadUrl(), slow.url];
  const answer = await waitForReceipt(ours.entry, { urls, salt: ours.salt, waitMs: 10_000 });
  assert.equal(answer.status, 'committed');
  const never = await node(answering(404));
  const options = { urls: [never.url], waitMs: 600 };
  assert.equal((await waitForReceipt(ours.entry, options)).status, 'pending');
});

test('queries go to the first node that answers', async () => {
  const found = { statements: [{ id: '00' }] };
  const good = await node((heard, response) => {
    if (heard.path === '/v1/health') json(response, 503, { network: 'trial' });
    else if (heard.path.startsWith('/v1/lookup')) json(response, 200, found);
    else json(response, 404, { code: 'unknown-route', detail: 'no such path' });
  });
  const urls = [await deadUrl(), good.url];
  assert.equal(await fetchNetwork({ urls }), 'trial');
  assert.deepEqual(await lookup(sha256(DOCUMENT), { urls }), found.statements);
  await assert.rejects(askFirst(urls, '/v1/nothing'), NodeProblem);
  await assert.rejects(askFirst([await deadUrl()], '/v1/health'), NoNodeAnswered);
  const none = await node(answering(404, { code: 'nothing-lodged' }));
  assert.deepEqual(await lookup(sha256(DOCUMENT), { urls: [none.url] }), []);
});

test('a body goes to every node, and one that keeps it is enough', async () => {
  const keeping = await node(answering(201));
  const full = await node(answering(507, { detail: 'no room' }));
  const body = utf8('a body');
  const kept = await putBody(body, sha256(body), { urls: [full.url, keeping.url] });
  assert.deepEqual(kept, [keeping.url]);
  const { method, path, body: sent } = keeping.seen[0];
  assert.equal(`${method} ${path}`, `PUT /v1/bodies/${toHex(sha256(body))}`);
  assert.deepEqual(sent, body);
  await assert.rejects(putBody(body, sha256(body), { urls: [full.url] }), /no room/);
  await assert.rejects(putBody(new Uint8Array(0), sha256(), { urls: [full.url] }), /1 to/);
});

test('a policy chain is read as receipts carry it', async () => {
  const chained = new FakeLedger();
  const entry = policyEntry(0, epoch);
  chained.addBlock([entry]);
  const link = await chained.link(entry, epoch);
  const base64 = (bytes) => Buffer.from(bytes).toString('base64');
  const plain = { ...link, entry: base64(entry), path: link.path.map(base64) };
  const good = await node(answering(200, { network: 'trial', epochs: [], links: [plain] }));
  const chain = await fetchPolicyChain({ urls: [good.url] });
  const [{ epoch: number, policy, ...read }] = chain.links;
  assert.deepEqual(read, link);
  assert.deepEqual([chain.network, number, policy.text], ['trial', 0, epoch.policy]);
});
