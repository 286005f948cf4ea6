/**
 * The receipt: a C2SP tlog-proof whose extra data carries the entry, the salt, the outcome and the
 * seal with their proofs. Nothing in the extra data is trusted before `verify` proves it.
 *
 * extra = `[1, entry, salt | null, batch | null, [outcome, index, count, path],
 * [seal, leaf index, path], chain, null]`, batch = `[member index, path]`,
 * chain = `[[policy entry, index, path, checkpoint], ...]`.
 */
import {
  FormError,
  equalBytes,
  exactBytes,
  fromBase64,
  fromUtf8,
  parseDecimal,
  toBase64,
  utf8,
} from './bytes.js';
import {
  cborArray,
  cborArrayUpTo,
  cborBytes,
  cborConstant,
  cborHash,
  cborNullable,
  cborText,
  cborUint,
  decodeCbor,
  encodeCbor,
} from './cbor.js';
import { PATH_MAX, cborPath } from './merkle.js';
import { noteText, parseCheckpoint } from './note.js';
import { checkName } from './statement.js';

/** First line of a proof. */
const PROOF_HEADER = 'c2sp.org/tlog-proof@v1';
/** Most bytes of a receipt. */
export const RECEIPT_BYTES_MAX = 262_144;
/** Most links of a policy chain. */
export const CHAIN_LINKS_MAX = 64;

/**
 * @typedef {import('./bytes.js').Uint64} Uint64
 * @typedef {{bytes: Uint8Array, index: Uint64, count: Uint64, path: Uint8Array[]}} OutcomeProof
 * @typedef {{bytes: Uint8Array, index: Uint64, path: Uint8Array[]}} SealProof
 * @typedef {{entry: Uint8Array, index: Uint64, path: Uint8Array[], checkpoint: string}} ChainLink
 */

/**
 * @typedef {object} Receipt
 * @property {Uint64} index position of the entry in the log
 * @property {Uint8Array[]} path of the entry, from leaf to root
 * @property {Uint8Array} entry the statement as logged
 * @property {Uint8Array | null} salt 32 bytes
 * @property {{index: Uint64, path: Uint8Array[]} | null} batch the member's place in its batch
 * @property {OutcomeProof} outcome
 * @property {SealProof} seal
 * @property {ChainLink[]} chain
 * @property {import('./note.js').Note} checkpoint
 * @property {import('./note.js').TreeHead} head what the checkpoint says
 */

/**
 * @typedef {object} Seal
 * @property {string} network
 * @property {Uint64} height
 * @property {Uint64} timeMs block time
 * @property {Uint64} firstLeaf position of the block's first entry
 * @property {Uint8Array} outcomesRoot
 */

/** @param {Receipt} receipt @returns {Uint8Array} its extra data */
function encodeExtra({ entry, salt, batch, outcome, seal, chain }) {
  return encodeCbor([
    1,
    entry,
    salt,
    batch === null ? null : [batch.index, batch.path],
    [outcome.bytes, outcome.index, outcome.count, outcome.path],
    [seal.bytes, seal.index, seal.path],
    chain.map((link) => [link.entry, link.index, link.path, link.checkpoint]),
    null,
  ]);
}

function decodeExtra(bytes) {
  const items = cborArray(decodeCbor(bytes, 'extra'), 8, 'extra');
  const [version, entry, salt, batch, outcome, seal, chain, token] = items;
  cborConstant(version, 1, 'extra version');
  cborConstant(token, null, 'time-stamp token');
  return {
    entry: cborBytes(entry, 'entry'),
    salt: cborNullable(salt, (value) => exactBytes(value, 32, 'salt')),
    batch: cborNullable(batch, decodeBatchProof),
    outcome: decodeOutcomeProof(outcome),
    seal: decodeSealProof(seal),
    chain: cborArrayUpTo(chain, CHAIN_LINKS_MAX, 'policy chain').map(decodeLink),
  };
}

function decodeBatchProof(value) {
  const [index, path] = cborArray(value, 2, 'batch path');
  return { index: cborUint(index, 'member index'), path: cborPath(path, 'batch path') };
}

function decodeOutcomeProof(value) {
  const [bytes, index, count, path] = cborArray(value, 4, 'outcome proof');
  return {
    bytes: cborBytes(bytes, 'outcome'),
    index: cborUint(index, 'outcome index'),
    count: cborUint(count, 'outcome count'),
    path: cborPath(path, 'outcome path'),
  };
}

function decodeSealProof(value) {
  const [bytes, index, path] = cborArray(value, 3, 'seal proof');
  return {
    bytes: cborBytes(bytes, 'seal'),
    index: cborUint(index, 'seal index'),
    path: cborPath(path, 'seal path'),
  };
}

function decodeLink(value) {
  const [entry, index, path, checkpoint] = cborArray(value, 4, 'policy link');
  return {
    entry: cborBytes(entry, 'policy entry'),
    index: cborUint(index, 'policy entry index'),
    path: cborPath(path, 'policy entry path'),
    checkpoint: cborText(checkpoint, 'policy link checkpoint'),
  };
}

/** @param {Receipt} receipt @returns {string} the text kept in a `.tlog-proof` file */
export function receiptText(receipt) {
  const path = receipt.path.map((hash) => `${toBase64(hash)}\n`).join('');
  const extra = toBase64(encodeExtra(receipt));
  const proof = `${PROOF_HEADER}\nextra ${extra}\nindex ${receipt.index}\n${path}`;
  return `${proof}\n${noteText(receipt.checkpoint)}`;
}

/**
 * @param {Uint8Array | string} source a receipt file
 * @returns {Receipt} of which `receiptText` gives the same bytes; no signature is judged
 * @throws {FormError} when it is no receipt in canonical form
 */
export function parseReceipt(source) {
  const bytes = typeof source === 'string' ? utf8(source) : source;
  if (bytes.length > RECEIPT_BYTES_MAX) {
    throw new FormError('proof', `at most ${RECEIPT_BYTES_MAX} bytes`, bytes.length);
  }
  const text = fromUtf8(bytes, 'receipt');
  const blank = text.indexOf('\n\n');
  if (blank < 0) throw new FormError('proof', 'a blank line before the checkpoint', 'none');
  const [header, extra, index, ...path] = text.slice(0, blank).split('\n');
  if (header !== PROOF_HEADER) throw new FormError('first line', PROOF_HEADER, quoted(header));
  const receipt = {
    ...decodeExtra(fromBase64(labelled(extra, 'extra '), 'extra')),
    index: parseIndex(index),
    path: parsePath(path),
    ...checkpointParts(text.slice(blank + 2)),
  };
  // Builder and reader are checked against each other.
  if (equalBytes(utf8(receiptText(receipt)), bytes)) return receipt;
  throw new FormError('receipt', 'canonical form', 'another form');
}

function quoted(line) {
  return line === undefined ? 'none' : JSON.stringify(line);
}

function labelled(line, label) {
  if (line?.startsWith(label)) return line.slice(label.length);
  throw new FormError(label.trim(), `a line "${label}..."`, quoted(line));
}

function parseIndex(line) {
  const index = parseDecimal(labelled(line, 'index '));
  if (index !== null) return index;
  throw new FormError('index', '"index <decimal>"', quoted(line));
}

function parsePath(lines) {
  if (lines.length > PATH_MAX) {
    throw new FormError('path', `at most ${PATH_MAX} hashes`, lines.length);
  }
  return lines.map((line) => exactBytes(fromBase64(line, 'path'), 32, 'path'));
}

function checkpointParts(text) {
  const { note, head } = parseCheckpoint(text);
  return { checkpoint: note, head };
}

/**
 * The same receipt with the salt that opens its commitment; nodes never know it.
 * @param {string | Uint8Array} source a receipt as a node gives it
 * @param {Uint8Array} salt 32 bytes
 * @returns {string}
 * @throws {FormError} when the source is no receipt
 */
export function withSalt(source, salt) {
  return receiptText({ ...parseReceipt(source), salt: exactBytes(salt, 32, 'salt') });
}

/**
 * The same receipt with links that lead from a verifier's policy to the one of its checkpoint.
 * @param {string | Uint8Array} source
 * @param {ChainLink[]} chain in the order in which they are trusted, as `fetchPolicyChain` reads
 *   them; at most 64
 * @returns {string}
 * @throws {FormError} when the source is no receipt, or it would grow too long
 */
export function withChain(source, chain) {
  const text = receiptText({ ...parseReceipt(source), chain });
  parseReceipt(text);
  return text;
}

/**
 * `[1, network, height, time, previous seal, first leaf, outcomes root, state root,
 * validator-set hash, protocol version]`.
 * @param {Uint8Array} bytes
 * @returns {Seal}
 * @throws {FormError}
 */
export function parseSeal(bytes) {
  const items = cborArray(decodeCbor(bytes, 'seal'), 10, 'seal');
  const [version, network, height, time, previous, first, outcomes, state, set, protocol] = items;
  cborConstant(version, 1, 'seal version');
  cborHash(previous, 'previous seal');
  cborHash(state, 'state root');
  cborHash(set, 'validator-set hash');
  cborUint(protocol, 'protocol version', 32);
  return {
    network: checkName(network, 'seal network'),
    height: cborUint(height, 'seal height'),
    timeMs: cborUint(time, 'seal time'),
    firstLeaf: cborUint(first, 'seal first leaf'),
    outcomesRoot: cborHash(outcomes, 'outcomes root'),
  };
}

/**
 * `[statement id, code, detail | null]`; code 0 is done, every other a failure.
 * @param {Uint8Array} bytes
 * @returns {{id: Uint8Array, code: number}}
 * @throws {FormError}
 */
export function parseOutcome(bytes) {
  const [id, code, detail] = cborArray(decodeCbor(bytes, 'outcome'), 3, 'outcome');
  cborNullable(detail, (hash) => cborHash(hash, 'outcome detail'));
  return {
    id: cborHash(id, 'outcome statement id'),
    code: Number(cborUint(code, 'outcome code', 32)),
  };
}
