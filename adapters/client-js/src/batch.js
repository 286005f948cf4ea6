/**
 * Batches: many documents under one statement. The statement lodges the root of a tree of salted
 * commitments; each document gets a receipt of its own that shows nothing of the others.
 */
import { FormError, exactBytes } from './bytes.js';
import { MerkleTree, leafHash, verifyInclusion } from './merkle.js';
import { parseReceipt, receiptText } from './receipt.js';
import { commit, parseStatement } from './statement.js';

/**
 * @typedef {object} BatchMember what a member must keep until its receipt is made
 * @property {number} index its place in the batch, from 0
 * @property {Uint8Array} digest SHA-256 of its document
 * @property {Uint8Array} salt 32 bytes
 * @property {Uint8Array[]} path from its leaf to the batch's root
 */

/**
 * @typedef {object} Batch
 * @property {Uint8Array} root 32 bytes
 * @property {number} count
 * @property {BatchMember[]} members in the order given
 */

/**
 * @param {{digest: Uint8Array, salt?: Uint8Array}[]} documents SHA-256 of each; a salt is made
 *   when none is given
 * @returns {Batch} `buildDeposit({mode: 'batch', batch, ...})` lodges it
 * @throws {FormError} when there are no documents, or a digest or salt has not 32 bytes
 */
export function buildBatch(documents) {
  if (documents.length === 0) throw new FormError('batch', '1 document or more', 0);
  const salted = documents.map(({ digest, salt }) => ({
    digest: exactBytes(digest, 32, 'digest'),
    salt: salt ?? crypto.getRandomValues(new Uint8Array(32)),
  }));
  const tree = new MerkleTree(salted.map(({ digest, salt }) => leafHash(commit(salt, digest))));
  const members = salted.map((member, index) => ({ index, ...member, path: tree.path(index) }));
  return { root: tree.root, count: tree.size, members };
}

/**
 * The receipt of one member, made from the receipt of the batch.
 * @param {string | Uint8Array} batchReceipt as a node gives it
 * @param {BatchMember} member
 * @returns {string} the text of the member's receipt file
 * @throws {FormError} when the receipt is not one of a batch that holds the member
 */
export function memberReceipt(batchReceipt, member) {
  const receipt = parseReceipt(batchReceipt);
  const { deposit } = parseStatement(receipt.entry);
  if (deposit.mode !== 'batch') throw new FormError('receipt', 'one of a batch', deposit.mode);
  const { root, count } = deposit.value;
  const { index, path, salt, digest } = member;
  const leaf = leafHash(commit(salt, digest));
  // A member receipt that would not verify must not be handed out.
  verifyInclusion(leaf, index, count, path, root);
  return receiptText({ ...receipt, salt, batch: { index, path } });
}
