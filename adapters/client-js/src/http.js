/** HTTP to nodes: bounded bodies, a time limit on every call, no redirects. */
import { concat, fromUtf8 } from './bytes.js';

/** Longest that a query may take. */
const QUERY_TIMEOUT_MS = 10_000;
/** Most bytes of an answer. */
const ANSWER_BYTES_MAX = 16 << 20;

/** A node's refusal (RFC 9457): `status`, `code`, `detail`, `field`, `nextStep`, `url`. */
export class NodeProblem extends Error {
  /** @param {string} url @param {number} status @param {Record<string, any>} body */
  constructor(url, status, body) {
    const detail = body.detail ?? `status ${status}`;
    super(`${url}: ${detail}`);
    this.name = 'NodeProblem';
    this.url = url;
    this.status = status;
    this.code = body.code ?? null;
    this.detail = detail;
    this.field = body.field ?? null;
    this.nextStep = body.next_step ?? 'Ask another node, or try again.';
    /** @type {string[] | null} validators missing for a quorum */
    this.missing = body.missing ?? null;
    /** @type {number | null} validators needed */
    this.quorum = body.quorum ?? null;
  }
}

/** No node gave an answer; `reasons` has one text for each. */
export class NoNodeAnswered extends Error {
  /** @param {string[]} reasons */
  constructor(reasons) {
    super(`no node answered: ${reasons.join('; ')}`);
    this.name = 'NoNodeAnswered';
    this.reasons = reasons;
  }
}

/**
 * @typedef {object} CallOptions
 * @property {string} [method]
 * @property {Record<string, string>} [headers]
 * @property {Uint8Array} [body]
 * @property {number} [timeoutMs]
 * @property {AbortSignal} [signal]
 */

/** @param {string} url @returns {string} without slashes at its end */
export function nodeUrl(url) {
  return url.replace(/\/+$/, '');
}

/**
 * @param {AbortSignal | undefined} signal the caller's
 * @param {number} timeoutMs
 * @returns {AbortSignal} of whichever comes first
 */
function limited(signal, timeoutMs) {
  const timeout = AbortSignal.timeout(timeoutMs);
  return signal === undefined ? timeout : AbortSignal.any([signal, timeout]);
}

/**
 * @param {string} url
 * @param {CallOptions} [options]
 * @returns {Promise<{status: number, text: string}>} whatever the status
 * @throws {Error} that says why there is no answer
 */
export async function call(url, options = {}) {
  const { method = 'GET', headers, body, timeoutMs = QUERY_TIMEOUT_MS } = options;
  options.signal?.throwIfAborted();
  try {
    const signal = limited(options.signal, timeoutMs);
    const init = { method, headers, body, signal, redirect: 'error', cache: 'no-store' };
    const response = await fetch(url, init);
    return { status: response.status, text: await readBounded(response) };
  } catch (error) {
    options.signal?.throwIfAborted();
    if (error?.name === 'TimeoutError') throw new Error('no answer in time');
    throw new Error(error?.cause?.message || error?.message || 'no answer');
  }
}

async function readBounded(response) {
  const chunks = [];
  let length = 0;
  for await (const chunk of readChunks(response.body)) {
    length += chunk.length;
    if (length > ANSWER_BYTES_MAX) {
      throw new Error(`the answer is longer than ${ANSWER_BYTES_MAX} bytes`);
    }
    chunks.push(chunk);
  }
  return fromUtf8(concat(...chunks), 'answer');
}

/**
 * The chunks of a body; leaving the loop closes the connection.
 * @param {ReadableStream<Uint8Array> | null} stream
 */
export async function* readChunks(stream) {
  if (stream === null) return;
  const reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

/** @param {string} text @returns {Record<string, any>} an empty object when it is no JSON object */
export function parseJson(text) {
  try {
    const value = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}

/**
 * The answer of the first node that gives one with status 200 to 299.
 * @param {string[]} urls base addresses of nodes
 * @param {string} path
 * @param {CallOptions} [options]
 * @returns {Promise<{status: number, text: string, url: string}>}
 * @throws {NodeProblem} the first refusal, when some node answered
 * @throws {NoNodeAnswered}
 */
export async function askFirst(urls, path, options = {}) {
  const reasons = [];
  let problem = null;
  for (const url of urls.map(nodeUrl)) {
    try {
      const { status, text } = await call(url + path, options);
      if (status >= 200 && status < 300) return { status, text, url };
      problem ??= new NodeProblem(url, status, parseJson(text));
    } catch (error) {
      options.signal?.throwIfAborted();
      reasons.push(`${url}: ${error.message}`);
    }
  }
  throw problem ?? new NoNodeAnswered(reasons);
}
