/** Events without a gap and without a repeat, whatever the connections do. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { BrokenEvent, EventChain } from '../src/event_chain.js';
import { EventGap, follow } from '../src/follow.js';
import { NoNodeAnswered, NodeProblem } from '../src/http.js';
import { deadUrl, json, sendEvent, serve } from './support/node.js';

const nodes = [];
after(() => Promise.all(nodes.map((node) => node.close())));

/** A node that sends the ordinals of `answers[turn]` and closes, or stays silent after them. */
async function streaming(answers, { open = false } = {}) {
  const made = await serve((_, response, turn) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(': welcome\n\n');
    for (const ordinal of answers[turn - 1] ?? []) sendEvent(response, ordinal);
    if (!open) response.end();
  });
  nodes.push(made);
  return made;
}

async function take(events, count) {
  const ordinals = [];
  for await (const { ordinal } of events) {
    ordinals.push(ordinal);
    if (ordinals.length === count) break;
  }
  return ordinals;
}

test('a connection that ends is resumed after the last event', async () => {
  const node = await streaming([[1, 2], [3], [3, 4, 5]]);
  assert.deepEqual(await take(follow({ urls: [node.url] }), 5), [1, 2, 3, 4, 5]);
  const asked = node.seen.map(({ path, headers }) => [path, headers['last-event-id']]);
  assert.deepEqual(asked, [
    ['/v1/events?after=0', '0'], ['/v1/events?after=2', '2'], ['/v1/events?after=3', '3'],
  ]);
});

test('a start in the middle is asked for', async () => {
  const node = await streaming([[8, 9]]);
  const events = follow({ urls: [node.url], after: 7, reconnect: false });
  assert.deepEqual(await take(events), [8, 9]);
});

test('a gap at one node is filled by the next', async () => {
  const gappy = await streaming([[1, 3], [4, 5]]);
  const whole = await streaming([[2, 3]]);
  const events = follow({ urls: [gappy.url, whole.url] });
  assert.deepEqual(await take(events, 5), [1, 2, 3, 4, 5]);
});

test('a gap at every node is an error that names it', async () => {
  const urls = [(await streaming([[2]])).url, (await streaming([[3]])).url];
  await assert.rejects(take(follow({ urls })), (error) => {
    assert.ok(error instanceof EventGap);
    assert.deepEqual([error.expected, error.found], [1, 2]);
    return true;
  });
});

/** A node that sends these events, whole. */
async function telling(...events) {
  const made = await serve((_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const event of events) {
      response.write(`id: ${event.ordinal}\nevent: deposited\ndata: ${JSON.stringify(event)}\n\n`);
    }
    response.end();
  });
  nodes.push(made);
  return made;
}

test('events of version 2 are held against their chain', async () => {
  const vectors = new URL('../../client/tests/event_chain.json', import.meta.url);
  const { cases } = JSON.parse(readFileSync(vectors, 'utf8'));
  const events = cases[0].steps.map(({ event }) => event);
  const changed = { ...events[1], height: 99 };
  const bad = await telling(events[0], changed);
  const good = await telling(...events);
  assert.deepEqual(await take(follow({ urls: [bad.url, good.url] }), 5), [1, 2, 3, 4, 5]);
  assert.equal(good.seen[0].path, '/v1/events?after=1');
  await assert.rejects(take(follow({ urls: [bad.url] }), 2), BrokenEvent);
  const forked = new EventChain('trial', null, { ordinal: 2, hash: 'ab'.repeat(32) });
  await assert.rejects(take(follow({ urls: [good.url], chain: forked }), 1), /event hash/);
  const chain = new EventChain('trial', null, { ordinal: 2, hash: events[1].hash });
  assert.deepEqual(await take(follow({ urls: [good.url], chain }), 3), [3, 4, 5]);
  assert.deepEqual([chain.ordinal, chain.hash], [5, events[4].hash]);
});

test('a silent node is left for the next', async () => {
  const silent = await streaming([[1]], { open: true });
  const next = await streaming([[2]]);
  const events = follow({ urls: [silent.url, next.url], idleMs: 200 });
  assert.deepEqual(await take(events, 2), [1, 2]);
});

test('the caller ends it', async () => {
  const node = await streaming([[1]], { open: true });
  const stop = new AbortController();
  const events = follow({ urls: [node.url], signal: stop.signal });
  assert.equal((await events.next()).value.ordinal, 1);
  setTimeout(() => stop.abort(new Error('enough')), 50);
  await assert.rejects(events.next(), /enough/);
});

test('nodes that refuse or cannot be reached are told', async () => {
  const refusing = await serve((_, response) => json(response, 404, { detail: 'no such path' }));
  nodes.push(refusing);
  await assert.rejects(take(follow({ urls: [refusing.url] })), NodeProblem);
  const options = { urls: [await deadUrl()], reconnect: false };
  await assert.rejects(take(follow(options)), NoNodeAnswered);
  await assert.rejects(take(follow({ urls: [] })), /urls/);
});

test('events cut anywhere, with any line ends and unknown fields, are read', async () => {
  const data = '{"ordinal":1,"namespace":"\u6c34"}';
  const text =
    `retry: 10\r\n\r\n:c\r\nid: 1\r\nevent: deposited\r\nextra\r\ndata:${data}\r\n\r\n` +
    'event: other\ndata: {}\n\nid: 2\revent: deposited\rdata: {"ordinal":\rdata: 2}\r\r';
  const bytes = Buffer.from(text);
  const node = await serve(async (_, response) => {
    response.writeHead(200);
    for (let at = 0; at < bytes.length; at += 5) {
      response.write(bytes.subarray(at, at + 5));
      await new Promise((resolve) => setImmediate(resolve));
    }
    response.end(':\n\n');
  });
  nodes.push(node);
  const events = follow({ urls: [node.url], reconnect: false });
  const first = (await events.next()).value;
  assert.deepEqual(first, { ordinal: 1, namespace: '\u6c34' });
  assert.equal((await events.next()).value.ordinal, 2);
  assert.equal((await events.next()).done, true);
});

test('an event whose id is not its ordinal is refused', async () => {
  const node = await serve((_, response) => {
    response.writeHead(200);
    response.end('id: 2\nevent: deposited\ndata: {"ordinal":1}\n\n');
  });
  nodes.push(node);
  const events = follow({ urls: [node.url], reconnect: false });
  await assert.rejects(events.next(), /ordinal that is its id/);
});
