/**
 * Submission of statements and queries of nodes.
 *
 * A statement commits once, at whichever node it arrives, so the same bytes are sent to the next
 * node when one fails. Keep entry and salt (`pendingText`) before you submit: the salt exists
 * nowhere else until the receipt is written.
 */
import { FormError, equalBytes, fromHex, toHex } from './bytes.js';
import { NodeProblem, askFirst, call, nodeUrl, parseJson } from './http.js';
import { parsePolicy } from './policy.js';
import { linksFromJson, parsePolicyEntry } from './policy_chain.js';
import { parseOutcome, parseReceipt, parseSeal, receiptText } from './receipt.js';
import { CHECKS } from './report.js';
import { BODY_BYTES_MAX, statementId } from './statement.js';
import { verify } from './verify.js';

/** Longest wait that a node accepts. */
const WAIT_MAX_MS = 60_000;
/** Longest that an answer may stay out after the wait that it was asked for. */
const SUBMIT_GRACE_MS = 2_000;
/** Time that must be left for another round of nodes. */
const ROUND_MIN_MS = 1_000;
/** Pause between two questions for a receipt. */
const POLL_MS = 500;
const PENDING_VERSION = 1;

/**
 * @typedef {object} Committed
 * @property {'committed'} status
 * @property {string} id hexadecimal
 * @property {string} receipt the text to keep, with the salt when one was given
 * @property {import('./bytes.js').Uint64} height
 * @property {import('./bytes.js').Uint64} index
 * @property {import('./bytes.js').Uint64} blockTimeMs
 * @property {number} outcomeCode 0: done; every other: logged without effect
 * @property {boolean} verified whether it was verified against a policy
 * @property {string} url the node that gave it
 */

/**
 * Not receipted yet: submit the same bytes again later, or ask with `waitForReceipt`.
 * @typedef {{status: 'pending', id: string, why: string, missing: string[],
 *   quorum: number | null}} Pending
 */

/**
 * Refused by every node that answered; `byAll`: every node answered, so none can have admitted it.
 * @typedef {{status: 'refused', id: string, detail: string, code: string | null,
 *   field: string | null, nextStep: string, byAll: boolean}} Refused
 */

/**
 * @typedef {object} SubmitOptions
 * @property {string[]} urls base addresses of nodes, asked in turn
 * @property {number} [waitMs] in all; default 30,000; 0 to be answered when admitted
 * @property {Uint8Array | null} [salt] put into the receipt
 * @property {string | import('./policy.js').Policy} [policy] take a receipt only when it verifies,
 *   and ask the next node else
 * @property {AbortSignal} [signal]
 */

/**
 * Sends a statement to the nodes in turn until one gives its receipt.
 * @param {Uint8Array} entry of `signStatement`
 * @param {SubmitOptions} wish
 * @returns {Promise<Committed | Pending | Refused>}
 * @throws {FormError} when the policy is malformed or no address is given
 */
export async function submit(entry, wish) {
  const options = checkedOptions(wish);
  const waitMs = options.waitMs ?? 30_000;
  const end = Date.now() + waitMs;
  const left = () => Math.max(0, end - Date.now());
  const urls = options.urls;
  for (;;) {
    const heard = { admitted: [], unavailable: [], refused: null, missing: [], quorum: null };
    for (const [position, url] of urls.entries()) {
      // Each gets an equal share of what is left: one that hangs does not use up the wait.
      const share = Math.min(left() / (urls.length - position), WAIT_MAX_MS);
      const committed = await submitTo(url, entry, Math.floor(share), options, heard);
      if (committed !== null) return committed;
      if (waitMs === 0 && heard.admitted.length > 0) break;
    }
    const mayCommit = heard.admitted.length > 0 && heard.missing.length === 0;
    if (!mayCommit || left() < ROUND_MIN_MS) return standing(heard, entry);
  }
}

/** A malformed policy is the caller's mistake, not the fault of a node's receipt. */
function checkedOptions(wish) {
  const { policy } = wish;
  const read = typeof policy === 'string' ? parsePolicy(policy) : policy;
  return { ...wish, urls: distinctNodes(wish.urls), policy: read };
}

function distinctNodes(urls) {
  const nodes = [...new Set((urls ?? []).map(nodeUrl))];
  if (nodes.length > 0) return nodes;
  throw new FormError('urls', 'the address of one node or more', 0);
}

/** One node's answer: a commitment, or null with a note of what was heard. */
async function submitTo(url, entry, waitMs, options, heard) {
  let answer;
  try {
    answer = await call(`${url}/v1/statements?wait_ms=${waitMs}`, {
      method: 'POST',
      headers: { 'content-type': 'application/scitt-statement+cose' },
      body: entry,
      timeoutMs: waitMs + SUBMIT_GRACE_MS,
      signal: options.signal,
    });
  } catch (error) {
    options.signal?.throwIfAborted();
    heard.unavailable.push(`${url}: ${error.message}`);
    return null;
  }
  const { status, text } = answer;
  const body = parseJson(text);
  if (status === 200 || status === 201) {
    try {
      return await readCommitted(body.receipt, entry, url, options);
    } catch (error) {
      heard.unavailable.push(`${url}: its receipt is unusable: ${error.message}`);
      return null;
    }
  }
  noteAnswer(url, status, body, heard);
  return null;
}

function noteAnswer(url, status, body, heard) {
  const problem = new NodeProblem(url, status, body);
  if (status === 202) {
    heard.admitted.push(`${url}: admitted, no receipt yet`);
  } else if (status === 503 && problem.missing !== null) {
    heard.admitted.push(`${url}: admitted, no quorum`);
    heard.missing = problem.missing;
    heard.quorum = problem.quorum;
  } else if (status === 408 || status === 429 || status >= 500) {
    heard.unavailable.push(`${url}: ${problem.detail}`);
  } else {
    heard.refused ??= problem;
  }
}

function standing({ admitted, unavailable, refused, missing, quorum }, entry) {
  const id = toHex(statementId(entry));
  if (refused !== null && admitted.length === 0) {
    const { code, field, nextStep } = refused;
    const byAll = unavailable.length === 0;
    return { status: 'refused', id, detail: refused.message, code, field, nextStep, byAll };
  }
  const why = [...admitted, ...unavailable];
  if (refused !== null) why.push(refused.message);
  return { status: 'pending', id, why: why.join('; '), missing, quorum };
}

/** A receipt is taken only when it is one of the statement that was sent. */
async function readCommitted(text, entry, url, { salt = null, policy }) {
  const receipt = parseReceipt(text ?? '');
  if (!equalBytes(receipt.entry, entry)) {
    throw new FormError('receipt', 'one of the statement that was sent', 'another');
  }
  if (policy !== undefined) await expectVerified(text, policy);
  const [seal, outcome] = [parseSeal(receipt.seal.bytes), parseOutcome(receipt.outcome.bytes)];
  return {
    status: 'committed',
    id: toHex(statementId(entry)),
    receipt: salt === null ? text : receiptText({ ...receipt, salt }),
    height: seal.height,
    index: receipt.index,
    blockTimeMs: seal.timeMs,
    outcomeCode: outcome.code,
    verified: policy !== undefined,
    url,
  };
}

async function expectVerified(text, policy) {
  const report = await verify(text, policy);
  // A failed statement's receipt is a true one: the caller tells its outcome.
  const failure = report.failures.find(({ check }) => check !== CHECKS.success);
  if (failure !== undefined) throw new FormError(failure.check, failure.expected, failure.found);
}

/**
 * Asks for the receipt of a statement that was admitted, until there is one.
 * @param {Uint8Array} entry
 * @param {SubmitOptions} wish waitMs: how long to ask; default 30,000
 * @returns {Promise<Committed | Pending>}
 * @throws {FormError} as `submit`
 */
export async function waitForReceipt(entry, wish) {
  const options = checkedOptions(wish);
  const id = toHex(statementId(entry));
  const end = Date.now() + (options.waitMs ?? 30_000);
  const urls = options.urls;
  for (;;) {
    const why = [];
    for (const url of urls) {
      try {
        const path = `${url}/v1/statements/${id}/receipt`;
        const { status, text } = await call(path, { signal: options.signal });
        if (status === 200) return await readCommitted(text, entry, url, options);
        why.push(status === 202 ? `${url}: admitted, no receipt yet` : `${url}: status ${status}`);
      } catch (error) {
        options.signal?.throwIfAborted();
        why.push(`${url}: ${error.message}`);
      }
    }
    if (Date.now() + POLL_MS > end) {
      return { status: 'pending', id, why: why.join('; '), missing: [], quorum: null };
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/**
 * What to keep before a statement is submitted; the `wutong` command reads it as NAME.pending.
 * @param {Uint8Array} entry
 * @param {Uint8Array | null} salt
 * @returns {string} JSON
 */
export function pendingText(entry, salt) {
  const kept = {
    version: PENDING_VERSION,
    id: toHex(statementId(entry)),
    salt: salt === null ? null : toHex(salt),
    entry: toHex(entry),
  };
  return JSON.stringify(kept, null, 2);
}

/**
 * @param {string} text of `pendingText`
 * @returns {{entry: Uint8Array, salt: Uint8Array | null}}
 * @throws {FormError} when it is another text, or id and entry do not belong together
 */
export function parsePending(text) {
  const kept = parseJson(text);
  if (kept.version !== PENDING_VERSION) {
    throw new FormError('pending statement', `version ${PENDING_VERSION}`, String(kept.version));
  }
  const entry = fromHex(kept.entry, 'entry');
  if (toHex(statementId(entry)) !== kept.id) {
    throw new FormError('pending statement', 'the id of its entry', String(kept.id));
  }
  return { entry, salt: kept.salt === null ? null : fromHex(kept.salt, 'salt') };
}

/**
 * @typedef {{urls: string[], signal?: AbortSignal}} QueryOptions
 */

/** @param {QueryOptions} options @param {string} path @returns {Promise<any>} */
async function askJson({ urls, signal }, path) {
  const { text } = await askFirst(distinctNodes(urls), path, { signal });
  return parseJson(text);
}

/**
 * Statements that lodge a value. A salted deposit is found only by its commitment.
 * @param {Uint8Array} value digest or commitment, 32 bytes
 * @param {QueryOptions} options
 * @returns {Promise<object[]>} as the node describes them, oldest first; nothing of it is proven
 */
export async function lookup(value, options) {
  try {
    return (await askJson(options, `/v1/lookup?value=${toHex(value)}`)).statements ?? [];
  } catch (error) {
    if (error instanceof NodeProblem && error.code === 'nothing-lodged') return [];
    throw error;
  }
}

/**
 * @param {Uint8Array} id of a statement
 * @param {QueryOptions} options
 * @returns {Promise<object>} the statement and where it stands; nothing of it is proven
 */
export async function statementOf(id, options) {
  return askJson(options, `/v1/statements/${toHex(id)}`);
}

/**
 * The policy as a node tells it. Compare its fingerprint with one got another way: a policy taken
 * from one server in silence only proves that the server agrees with itself.
 * @param {QueryOptions} options
 * @returns {Promise<string>}
 */
export async function fetchPolicy({ urls, signal }) {
  return (await askFirst(distinctNodes(urls), '/v1/policy', { signal })).text;
}

/**
 * The policies of all epochs, and the links that lead from each to the next.
 * @param {QueryOptions} options
 * @returns {Promise<{network: string, links: (import('./receipt.js').ChainLink &
 *   {epoch: import('./bytes.js').Uint64, policy: import('./policy.js').Policy})[]}>}
 * @throws {FormError} when the node's answer is malformed; nothing of it is proven
 */
export async function fetchPolicyChain(options) {
  const { network, links = [] } = await askJson(options, '/v1/policy/chain');
  const read = linksFromJson(links).map((link) => {
    const { epoch, policy } = parsePolicyEntry(link.entry);
    return { ...link, epoch, policy };
  });
  return { network, links: read };
}

/**
 * The name of the network that the first reachable node belongs to.
 * @param {QueryOptions} options
 * @returns {Promise<string>}
 */
export async function fetchNetwork({ urls, signal }) {
  for (const url of distinctNodes(urls)) {
    // Without a quorum the status is 503 and the body the same.
    const answer = await call(`${url}/v1/health`, { signal }).catch(() => null);
    signal?.throwIfAborted();
    const { network } = answer === null ? {} : parseJson(answer.text);
    if (typeof network === 'string') return network;
  }
  throw new FormError('network', 'a node that tells its name', 'none');
}

/**
 * Gives a body of 1 byte to 4 MiB to every node, before the statement that lodges it is submitted.
 * @param {Uint8Array} body
 * @param {Uint8Array} digest its SHA-256
 * @param {QueryOptions} options
 * @returns {Promise<string[]>} the nodes that keep it, one at least
 * @throws {NodeProblem} when none takes it
 */
export async function putBody(body, digest, { urls, signal }) {
  if (body.length < 1 || body.length > BODY_BYTES_MAX) {
    throw new FormError('body', `1 to ${BODY_BYTES_MAX} bytes`, body.length);
  }
  const headers = { 'content-type': 'application/octet-stream' };
  const put = { method: 'PUT', headers, body, timeoutMs: WAIT_MAX_MS, signal };
  const path = `/v1/bodies/${toHex(digest)}`;
  const asked = distinctNodes(urls).map((url) => askFirst([url], path, put));
  const answers = await Promise.allSettled(asked);
  signal?.throwIfAborted();
  const kept = answers.filter(({ status }) => status === 'fulfilled').map(({ value }) => value.url);
  if (kept.length === 0) throw answers[0].reason;
  return kept;
}
