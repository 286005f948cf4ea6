/**
 * Following the deposits of a ledger as server-sent events, without a gap and without a repeat.
 *
 * Ordinals are dense from 1, so a missing event cannot pass unseen: the follower asks again from
 * the last event that it gave out, at the next node, and says so when no node has it. Events of
 * version 2 are held against the hash of the one before besides (`event_chain.js`).
 */
import { FormError } from './bytes.js';
import { BrokenEvent, EventChain } from './event_chain.js';
import { NodeProblem, NoNodeAnswered, nodeUrl, parseJson, readChunks } from './http.js';

/** First and longest pause after a round of nodes without an event. */
const PAUSE_MIN_MS = 500;
const PAUSE_MAX_MS = 10_000;
/** Silence after which a connection is given up; nodes send a comment more often. */
const IDLE_MS = 60_000;
/** Most characters of one event. */
const EVENT_CHARS_MAX = 1 << 20;

/** Events are missing: `expected` and `found` are ordinals, `url` the node that left them out. */
export class EventGap extends Error {
  /** @param {string} url @param {number} expected @param {number} found */
  constructor(url, expected, found) {
    super(`${url}: expected event ${expected}, found ${found}`);
    this.name = 'EventGap';
    this.url = url;
    this.expected = expected;
    this.found = found;
  }
}

/**
 * @typedef {object} DepositEvent fields as the node sends them; nothing of it is proven
 * @property {number} ordinal dense from 1
 * @property {number} height
 * @property {number} index
 * @property {string} id hexadecimal
 * @property {string} namespace
 * @property {string} mode
 * @property {string} previous hexadecimal
 * @property {string} [hash] from version 2 on, with further fields: `ChainEvent`
 */

/**
 * @param {object} options
 * @param {string[]} options.urls base addresses of nodes
 * @param {number} [options.after] ordinal of the last event that you have; default 0
 * @param {EventChain} [options.chain] of the whole network, where it stands now instead of `after`;
 *   it is moved on with each event, so save it with what you made of the event
 * @param {boolean} [options.reconnect] go on when connections end; default true
 * @param {number} [options.idleMs] silence after which another node is asked; default 60,000
 * @param {AbortSignal} [options.signal] ends the iteration with its reason
 * @returns {AsyncGenerator<DepositEvent, void, void>} in the order of ordinals
 * @throws {EventGap} when no node has the next event, but later ones
 * @throws {BrokenEvent} when no node has it unchanged and behind the one before
 * @throws {NodeProblem} when every node refuses
 * @throws {NoNodeAnswered} when none can be reached and `reconnect` is false
 */
export async function* follow(options) {
  const { urls, chain = null, reconnect = true, idleMs = IDLE_MS, signal } = options;
  const nodes = [...new Set((urls ?? []).map(nodeUrl))];
  if (nodes.length === 0) throw new FormError('urls', 'the address of one node or more', 0);
  const place = { last: chain?.ordinal ?? options.after ?? 0, chain };
  let pauseMs = PAUSE_MIN_MS;
  for (;;) {
    const before = place.last;
    const errors = [];
    for (const url of nodes) {
      try {
        yield* eventsOf(url, place, { signal, idleMs });
      } catch (error) {
        signal?.throwIfAborted();
        errors.push(error);
      }
    }
    if (place.last === before) throwWhenHopeless(errors, nodes, reconnect);
    if (!reconnect) return;
    pauseMs = place.last > before ? PAUSE_MIN_MS : Math.min(2 * pauseMs, PAUSE_MAX_MS);
    await pause(pauseMs, signal);
  }
}

/** A gap at every node that answered, or a refusal by all, does not go away by waiting. */
function throwWhenHopeless(errors, nodes, reconnect) {
  const all = errors.length === nodes.length;
  const lost = errors.find((e) => e instanceof EventGap || e instanceof BrokenEvent);
  if (all && lost !== undefined) throw lost;
  const refused = (e) => e instanceof NodeProblem && e.status >= 400 && e.status < 500;
  if (all && errors.every(refused)) throw errors[0];
  if (!reconnect && all) throw new NoNodeAnswered(errors.map((error) => error.message));
}

async function* eventsOf(url, place, { signal, idleMs }) {
  const after = place.last;
  const silence = new AbortController();
  const stop = signal === undefined ? silence.signal : AbortSignal.any([signal, silence.signal]);
  let timer;
  const heard = () => {
    clearTimeout(timer);
    timer = setTimeout(() => silence.abort(new Error(`${url}: silent for ${idleMs} ms`)), idleMs);
  };
  try {
    heard();
    const headers = { accept: 'text/event-stream', 'last-event-id': String(after) };
    const init = { headers, signal: stop, redirect: 'error', cache: 'no-store' };
    const response = await fetch(`${url}/v1/events?after=${after}`, init);
    if (response.status !== 200) {
      throw new NodeProblem(url, response.status, parseJson(await response.text()));
    }
    for await (const message of messagesOf(response.body, heard)) {
      const event = readEvent(url, message);
      // A repeat is passed over, so that a node may resume early.
      if (event === null || !isNext(url, place, event)) continue;
      place.last = event.ordinal;
      yield event;
    }
  } finally {
    clearTimeout(timer);
    silence.abort();
  }
}

/** Judges by the chain what has one, and by ordinals alone what is older. */
function isNext(url, place, event) {
  const { last } = place;
  if (event.version === 2) {
    place.chain ??= new EventChain(event.network, null, { ordinal: last });
    const answer = place.chain.accept(event);
    if (answer.is === 'gap') throw new EventGap(url, answer.expected, answer.found);
    return answer.is === 'new';
  }
  if (event.ordinal <= last) return false;
  if (event.ordinal !== last + 1) throw new EventGap(url, last + 1, event.ordinal);
  return true;
}

function readEvent(url, { event, data, id }) {
  if (event !== 'deposited') return null;
  const read = parseJson(data);
  if (!Number.isSafeInteger(read.ordinal) || (id !== null && id !== String(read.ordinal))) {
    throw new FormError(`event of ${url}`, 'an ordinal that is its id', JSON.stringify(id));
  }
  return read;
}

/** Server-sent events (WHATWG HTML section 9.2): fields in lines, a blank line ends each. */
async function* messagesOf(stream, heard) {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of readChunks(stream)) {
    heard();
    text += decoder.decode(chunk, { stream: true });
    if (text.length > EVENT_CHARS_MAX) throw new Error('an event is too long');
    // A carriage return at the end may be half of a line break.
    const whole = text.endsWith('\r') ? text.slice(0, -1) : text;
    const blocks = whole.replace(/\r\n?/g, '\n').split('\n\n');
    text = blocks.pop() + (whole === text ? '' : '\r');
    for (const block of blocks) yield parseMessage(block);
  }
}

function parseMessage(block) {
  const message = { event: 'message', data: '', id: null };
  const data = [];
  for (const line of block.split('\n')) {
    const colon = line.indexOf(':');
    const [field, rest] = colon < 0 ? [line, ''] : [line.slice(0, colon), line.slice(colon + 1)];
    const value = rest.startsWith(' ') ? rest.slice(1) : rest;
    if (field === 'data') data.push(value);
    else if (field === 'event') message.event = value;
    else if (field === 'id') message.id = value;
  }
  return { ...message, data: data.join('\n') };
}

async function pause(ms, signal) {
  signal?.throwIfAborted();
  await new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve(undefined);
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener('abort', done);
  });
  signal?.throwIfAborted();
}
