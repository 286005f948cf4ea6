/**
 * Events of version 2, and the check that none is missing, repeated, changed or out of order.
 *
 * Ordinals are dense from 1 in a network and in each of its namespaces, and each event names the
 * hash of the one before in both. Whoever knows the ordinal and hash of the last event that they
 * took can tell from the next one alone whether anything lies between. No I/O: save
 * `JSON.stringify(chain)` beside what you made of the events.
 */
import { FormError, toHex, utf8 } from './bytes.js';
import { sha256 } from './hash.js';
import { parseReceipt } from './receipt.js';
import { openDigest, parseStatement } from './statement.js';
import { verify } from './verify.js';

/** Stands for the hash of an event before the first. */
const ZERO = '0'.repeat(64);
const HASH = /^[0-9a-f]{64}$/;
const NAME = /^[a-z0-9-]{1,32}$/;
const NUMBERS = ['height', 'index', 'block_time_ms', 'ordinal', 'namespace_ordinal'];
const HASHES = ['previous', 'namespace_previous', 'hash', 'id'];
const TEXTS = ['type', 'network', 'namespace', ...HASHES, 'mode', 'value', 'key'];

/** An event is not what it says, or does not follow; `field` names the place. */
export class BrokenEvent extends Error {
  /** @param {string} field @param {unknown} expected @param {unknown} found */
  constructor(field, expected, found) {
    super(`event ${field}: expected ${expected}, found ${found}`);
    this.name = 'BrokenEvent';
    this.field = field;
    this.expected = String(expected);
    this.found = String(found);
  }
}

/**
 * @typedef {object} ChainEvent an event as its JSON has it; nothing of it is proven but by `receipt`
 * @property {2} version
 * @property {string} type `deposited`
 * @property {string} network
 * @property {string} namespace
 * @property {number} ordinal dense from 1 in the network
 * @property {number} namespace_ordinal dense from 1 in the namespace
 * @property {string} previous hash of the network's event before, hexadecimal
 * @property {string} namespace_previous hash of the namespace's event before
 * @property {string} hash of this event
 * @property {number} height
 * @property {number} index
 * @property {number} block_time_ms
 * @property {string} id of the statement
 * @property {string} mode
 * @property {string} value what was lodged
 * @property {string} key of the depositor
 * @property {string | null} [receipt] where the event carries one
 */

/**
 * @param {unknown} event
 * @returns {ChainEvent} it, when all its fields have their form
 * @throws {BrokenEvent}
 */
export function checkEventForm(event) {
  if (event === null || typeof event !== 'object' || Array.isArray(event)) {
    throw new BrokenEvent('form', 'an event of version 2', typeof event);
  }
  const shown = (field) => JSON.stringify(event[field])?.slice(0, 80);
  if (event.version !== 2) throw new BrokenEvent('version', 2, shown('version'));
  for (const field of NUMBERS) {
    if (Number.isSafeInteger(event[field]) && event[field] >= 0) continue;
    throw new BrokenEvent('form', `a number in ${field}`, shown(field));
  }
  for (const field of TEXTS) {
    if (typeof event[field] !== 'string') {
      throw new BrokenEvent('form', `text in ${field}`, shown(field));
    }
  }
  if (typeof (event.receipt ?? '') !== 'string') {
    throw new BrokenEvent('form', 'text in receipt', typeof event.receipt);
  }
  const expect = (pattern, what) => (field) => {
    if (!pattern.test(event[field])) throw new BrokenEvent(field, what, shown(field));
  };
  ['type'].forEach(expect(NAME, 'a word'));
  ['network', 'namespace'].forEach(expect(NAME, 'a name'));
  HASHES.forEach(expect(HASH, '64 hexadecimal characters in lower case'));
  for (const field of ['ordinal', 'namespace_ordinal']) {
    if (event[field] < 1) throw new BrokenEvent(field, '1 or more', event[field]);
  }
  return event;
}

/**
 * @param {ChainEvent} event
 * @returns {string} the hash that its fields have, hexadecimal
 */
export function eventHash(event) {
  const fields = [
    'wutong/event/v2',
    event.network,
    event.namespace,
    event.type,
    event.ordinal,
    event.namespace_ordinal,
    event.height,
    event.index,
    event.block_time_ms,
    event.id,
    event.previous,
    event.namespace_previous,
  ];
  return toHex(sha256(utf8(fields.map((field) => `${field}\n`).join(''))));
}

/**
 * Where a reader stands in the events of a network, or of one of its namespaces. `ordinal` is that
 * of the last event that was taken (in the namespace for a chain of one) and `hash` its hash, null
 * when it is not known: the next event is then not held against it.
 */
export class EventChain {
  /**
   * @param {string} network
   * @param {string | null} [namespace]
   * @param {{ordinal?: number, hash?: string | null}} [stand]
   */
  constructor(network, namespace = null, { ordinal = 0, hash = null } = {}) {
    this.network = network;
    this.namespace = namespace;
    this.ordinal = ordinal;
    this.hash = ordinal === 0 ? ZERO : hash;
  }

  /**
   * Shows the next event that came; only `new` moves the chain, `seen` is to be dropped, and at a
   * gap ask for the events from `expected` on.
   * @param {unknown} shown
   * @returns {{is: 'new'} | {is: 'seen'} | {is: 'gap', expected: number, found: number}}
   * @throws {BrokenEvent}
   */
  accept(shown) {
    const event = checkEventForm(shown);
    if (event.network !== this.network) {
      throw new BrokenEvent('network', this.network, event.network);
    }
    if (this.namespace !== null && event.namespace !== this.namespace) {
      throw new BrokenEvent('namespace', this.namespace, event.namespace);
    }
    const computed = eventHash(event);
    if (computed !== event.hash) throw new BrokenEvent('hash', computed, event.hash);
    const prefix = this.namespace === null ? '' : 'namespace_';
    const [found, previous] = [event[`${prefix}ordinal`], event[`${prefix}previous`]];
    if (found <= this.ordinal) {
      if (found === this.ordinal && this.hash !== null && this.hash !== event.hash) {
        throw new BrokenEvent('hash', this.hash, event.hash);
      }
      return { is: 'seen' };
    }
    if (found > this.ordinal + 1) return { is: 'gap', expected: this.ordinal + 1, found };
    if (this.hash !== null && this.hash !== previous) {
      throw new BrokenEvent(`${prefix}previous`, this.hash, previous);
    }
    [this.ordinal, this.hash] = [found, event.hash];
    return { is: 'new' };
  }

  /** @returns what `EventChain.fromJson` reads */
  toJSON() {
    const { network, namespace, ordinal, hash } = this;
    return { version: 1, network, namespace, ordinal, hash };
  }

  /**
   * @param {string} text JSON of a chain
   * @returns {EventChain} that goes on where it stood
   * @throws {FormError}
   */
  static fromJson(text) {
    const bad = (expected, found) => new FormError('saved event chain', expected, found);
    let saved;
    try {
      saved = JSON.parse(text);
    } catch (error) {
      throw bad('JSON', error.message);
    }
    const members = ['hash', 'namespace', 'network', 'ordinal', 'version'];
    if (Object.keys(saved ?? {}).sort().join() !== members.join() || saved.version !== 1) {
      throw bad(`${members.join(', ')}; version 1`, text.slice(0, 80));
    }
    const { network, namespace, ordinal, hash } = saved;
    const named = [network, namespace ?? network].every((n) => NAME.test(n));
    const placed = Number.isSafeInteger(ordinal) && ordinal >= 0;
    if (!named || !placed || (hash !== null && !HASH.test(hash))) {
      throw bad('names, an ordinal and a hash', text.slice(0, 80));
    }
    return new EventChain(network, namespace, { ordinal, hash });
  }
}

/**
 * Verifies the receipt in an event, and that both tell the same. A policy of a demonstration is
 * taken: the evidence tells.
 * @param {unknown} shown
 * @param {string | import('./policy.js').Policy} policy
 * @returns {Promise<import('./report.js').Evidence>}
 * @throws {BrokenEvent}
 */
export async function verifyEvent(shown, policy) {
  const event = checkEventForm(shown);
  if (typeof event.receipt !== 'string') {
    throw new BrokenEvent('receipt', 'one that verifies', 'none');
  }
  const report = await verify(event.receipt, policy);
  const evidence = report.evidence;
  if (evidence === null) {
    const { check, expected, found } = report.failures[0];
    const why = `${check}: expected ${expected}, found ${found}`;
    throw new BrokenEvent('receipt', 'one that verifies', why);
  }
  const proven = {
    id: evidence.id,
    network: evidence.network,
    namespace: evidence.namespace,
    height: evidence.height,
    index: evidence.index,
    block_time_ms: evidence.blockTimeMs,
    mode: evidence.mode,
    key: evidence.depositorKey,
    value: lodged(parseStatement(parseReceipt(event.receipt).entry).deposit),
  };
  for (const [field, expected] of Object.entries(proven)) {
    if (event[field] !== expected) throw new BrokenEvent(field, expected, event[field]);
  }
  return evidence;
}

/** What a deposit is looked up by. */
function lodged(deposit) {
  const digest = openDigest(deposit);
  if (digest !== null) return toHex(digest);
  return toHex(deposit.mode === 'batch' ? deposit.value.root : deposit.value);
}
