/**
 * How trust grows from the given policy to the one of the receipt's epoch.
 *
 * A link carries a policy entry of the log and a checkpoint over it. When the checkpoint meets a
 * policy that is trusted already, and the entry is included in it, the policy in the entry is
 * trusted too. Every link must be good, so that no byte of a receipt can change unseen.
 */
import { FormError, fromBase64 } from './bytes.js';
import {
  cborArray,
  cborArrayUpTo,
  cborConstant,
  cborHash,
  cborText,
  cborUint,
  decodeCbor,
} from './cbor.js';
import { CHECK_POLICY, checkCosignatures, checkLog } from './checkpoint_check.js';
import { leafHash, verifyInclusion } from './merkle.js';
import { parseCheckpoint } from './note.js';
import { parsePolicy } from './policy.js';
import { CHECKS, Report } from './report.js';
import { checkName } from './statement.js';

const RECEIPT_KEYS_MAX = 4096;

/**
 * `[1, network, epoch, policy text, [[validator name, receipt key], ...]]`.
 * @param {Uint8Array} bytes
 * @returns {{network: string, epoch: import('./bytes.js').Uint64,
 *   policy: import('./policy.js').Policy,
 *   receiptKeys: {validator: string, key: Uint8Array}[]}}
 * @throws {FormError} when the entry is malformed or its policy is none
 */
export function parsePolicyEntry(bytes) {
  const items = cborArray(decodeCbor(bytes, 'policy entry'), 5, 'policy entry');
  const [version, network, epoch, text, keys] = items;
  cborConstant(version, 1, 'policy entry version');
  return {
    network: checkName(network, 'policy entry network'),
    epoch: cborUint(epoch, 'epoch'),
    policy: parsePolicy(cborText(text, 'policy text')),
    receiptKeys: cborArrayUpTo(keys, RECEIPT_KEYS_MAX, 'receipt keys').map((pair) => {
      const [validator, key] = cborArray(pair, 2, 'receipt key');
      return {
        validator: checkName(validator, 'validator name'),
        key: cborHash(key, 'receipt key'),
      };
    }),
  };
}

/**
 * @param {Report} report
 * @param {import('./receipt.js').ChainLink[]} chain
 * @param {import('./policy.js').Policy} anchor the policy that was given
 * @param {string} network the statement's
 * @returns {Promise<import('./policy.js').Policy[]>} all trusted policies, the newest last; the
 *   given one alone when a link is not good
 */
export async function checkChain(report, chain, anchor, network) {
  const trusted = [anchor];
  for (const [position, link] of chain.entries()) {
    try {
      trusted.push(await judgeLink(link, trusted, network));
    } catch (error) {
      if (!(error instanceof FormError)) throw error;
      const expected = 'links that lead from the policy given';
      const found = `link ${position + 1}: ${error.message}`;
      report.failed(CHECKS.policyChain, expected, found, CHECK_POLICY);
      return [anchor];
    }
  }
  if (chain.length > 0) {
    report.passed(CHECKS.policyChain, `${chain.length} links from the policy given`);
  }
  return trusted;
}

/** The policy that a link proves; a FormError says why it proves none. */
async function judgeLink(link, trusted, network) {
  const entry = parsePolicyEntry(link.entry);
  if (entry.network !== network) {
    throw new FormError('network', network, entry.network);
  }
  const { note, head } = parseCheckpoint(link.checkpoint);
  verifyInclusion(leafHash(link.entry), link.index, head.size, link.path, head.root);
  const complaints = [];
  // The policy trusted last is the likeliest one to have signed.
  for (const policy of [...trusted].reverse()) {
    const judged = new Report();
    await checkLog(judged, note, head, policy);
    await checkCosignatures(judged, note, policy);
    if (judged.failures.length === 0) return entry.policy;
    complaints.push(judged.failures.map((f) => `${f.check}: ${f.found}`).join(', '));
  }
  throw new FormError('checkpoint', 'one that meets a policy trusted before', complaints[0]);
}

/**
 * The links of `GET /v1/policy/chain` as receipts carry them.
 * @param {{entry: string, index: number, path: string[], checkpoint: string}[]} links as JSON
 * @returns {import('./receipt.js').ChainLink[]}
 * @throws {FormError} when a base64 text is malformed
 */
export function linksFromJson(links) {
  return links.map((link) => ({
    entry: fromBase64(link.entry, 'entry'),
    index: link.index,
    path: link.path.map((hash) => fromBase64(hash, 'path')),
    checkpoint: link.checkpoint,
  }));
}
