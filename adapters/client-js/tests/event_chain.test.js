/** The checker of events, held to the vectors that all clients share. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { BrokenEvent, EventChain, FormError, verifyEvent } from '../src/index.js';
import { CORPUS_POLICY } from './support/corpus.js';

const FILE = new URL('../../client/tests/event_chain.json', import.meta.url);
const VECTORS = JSON.parse(readFileSync(FILE, 'utf8'));

function said(chain, event) {
  try {
    const answer = chain.accept(event);
    return answer.is === 'gap' ? { gap: [answer.expected, answer.found] } : answer.is;
  } catch (error) {
    if (!(error instanceof BrokenEvent)) throw error;
    return { broken: error.field };
  }
}

for (const { name, start, steps } of VECTORS.cases) {
  test(`events: ${name}`, () => {
    let chain = EventChain.fromJson(JSON.stringify(start));
    for (const [number, { event, says }] of steps.entries()) {
      const before = JSON.stringify(chain);
      assert.deepEqual(said(chain, event), says, `step ${number}`);
      assert.equal(JSON.stringify(chain) !== before, says === 'new', `step ${number}`);
      chain = EventChain.fromJson(JSON.stringify(chain));
    }
  });
}

for (const { name, event, broken } of VECTORS.receipts) {
  test(`receipt in an event: ${name}`, async () => {
    const verified = verifyEvent(event, CORPUS_POLICY);
    if (broken === null) assert.equal((await verified).id, event.id);
    else await assert.rejects(verified, (e) => e instanceof BrokenEvent && e.field === broken);
  });
}

test('a saved chain is read, and nothing else', () => {
  assert.equal(VECTORS.cases.flatMap((c) => c.steps).length > 60, true);
  const text = JSON.stringify(new EventChain('trial', 'court'));
  for (const [from, to] of [
    ['1', '2'],
    ['trial', 'tr/al'],
    ['court', ''],
    ['"ordinal":0', '"ordinal":-1'],
    ['ordinal', 'place'],
    ['000', '00x'],
    ['}', ''],
  ]) {
    assert.throws(() => EventChain.fromJson(text.replace(from, to)), FormError, to);
  }
});
