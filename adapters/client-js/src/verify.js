/**
 * Offline verification of a receipt: no clock, no network, no files.
 *
 * Trust starts from the policy alone. Each check compares what the policy, the checkpoint or the
 * statement fixes with what the receipt carries. Checks that need the result of a failed one are
 * left out; all others are made, so that a report shows everything that is wrong.
 */
import { FormError, equalBytes, exactBytes, toHex } from './bytes.js';
import { FETCH_AGAIN, checkCosignatures, checkLog } from './checkpoint_check.js';
import { checkDocument } from './document_check.js';
import { judgeSignature, keyComplaint } from './ed25519.js';
import { sha256Async } from './hash.js';
import { leafHash, verifyInclusion } from './merkle.js';
import { Policy, parsePolicy } from './policy.js';
import { checkChain } from './policy_chain.js';
import { parseOutcome, parseReceipt, parseSeal } from './receipt.js';
import { CHECKS, Report, utcText } from './report.js';
import {
  DEPOSIT_CONTENT_TYPE,
  keyFingerprint,
  parseStatement,
  signedBytes,
  statementId,
} from './statement.js';

const DO_NOT_RELY =
  'Do not rely on this receipt: keep it, and report it to the operators.';

/**
 * Verifies a receipt against a policy and, when given, a document.
 *
 * A malformed receipt is a refused one, not an error.
 * @param {Uint8Array | string} receipt the bytes of the receipt file
 * @param {string | Uint8Array | Policy} policy the trust anchor: text of a tlog-policy file
 * @param {object} [options]
 * @param {Uint8Array} [options.document] the document's bytes, or
 * @param {Uint8Array} [options.digest] its SHA-256
 * @param {string} [options.fingerprint] refuse any policy but the one with this fingerprint
 * @returns {Promise<Report>}
 * @throws {FormError} when the policy is malformed, or a digest has not 32 bytes
 */
export async function verify(receipt, policy, options = {}) {
  const anchor = policy instanceof Policy ? policy : parsePolicy(policy);
  const document = await documentDigest(options);
  const report = new Report();
  report.demonstration = anchor.isDemonstration;
  if (options.fingerprint !== undefined) checkAnchor(report, anchor, options.fingerprint);
  const parsed = attempt(report, CHECKS.receiptForm, 'a receipt', () => parseReceipt(receipt));
  if (parsed === null) return report;
  report.passed(CHECKS.receiptForm, 'a receipt in canonical form');
  const statement = attempt(report, CHECKS.statementForm, 'a statement', () =>
    parseStatement(parsed.entry),
  );
  if (statement === null) return report;
  report.passed(CHECKS.statementForm, DEPOSIT_CONTENT_TYPE);
  const strict = await checkDepositor(report, statement);
  checkDocument(report, statement.deposit, parsed, document);
  const { head, checkpoint } = parsed;
  checkInclusion(report, CHECKS.inclusion, { ...parsed, bytes: parsed.entry }, head);
  const { network } = statement.deposit;
  const trusted = await checkChain(report, parsed.chain, anchor, network);
  const newest = trusted[trusted.length - 1];
  await checkLog(report, checkpoint, head, newest);
  const times = await checkCosignatures(report, checkpoint, newest);
  const seal = checkSeal(report, parsed, statement);
  if (seal !== null) checkOutcome(report, parsed, seal);
  checkTime(report, newest, times);
  noteDemonstration(report, trusted);
  if (report.failures.length === 0 && seal !== null) {
    const policies = { policy: anchor.fingerprint, checkpointPolicy: newest.fingerprint };
    report.evidence = {
      ...evidenceOfStatement(parsed, statement),
      ...evidenceOfSigners(newest, times),
      ...policies,
      strict,
      documentMatched: document !== null,
      height: seal.height,
      blockTimeMs: seal.timeMs,
      demonstration: report.demonstration,
    };
  }
  return report;
}

/** A policy that is not the pinned one proves nothing, whatever it accepts. */
function checkAnchor(report, anchor, fingerprint) {
  const pinned = `the policy with fingerprint ${fingerprint.toLowerCase()}`;
  const given = `the policy with fingerprint ${anchor.fingerprint}`;
  if (pinned === given) report.passed(CHECKS.anchor, given);
  else {
    const next = 'Use the policy that the fingerprint was given for.';
    report.failed(CHECKS.anchor, pinned, given, next);
  }
}

/** null when there is no document to compare. */
async function documentDigest({ document, digest }) {
  if (digest !== undefined) return exactBytes(digest, 32, 'digest');
  return document === undefined ? null : sha256Async(document);
}

/** What `read` gives; null, with a failed check, when the bytes are malformed. */
function attempt(report, check, expected, read) {
  try {
    return read();
  } catch (error) {
    // Anything but a FormError is a mistake of this library, and must not pass as a verdict.
    if (!(error instanceof FormError)) throw error;
    report.failed(check, expected, error.message, FETCH_AGAIN);
    return null;
  }
}

/** Judges the depositor's key and signature; tells whether the strict rule holds too. */
async function checkDepositor(report, statement) {
  const { key, signature } = statement;
  const named = `key ${keyFingerprint(key)}`;
  const complaint = keyComplaint(key);
  if (complaint === null) report.passed(CHECKS.depositorKey, named);
  else {
    const expected = 'a canonical key of prime order';
    report.failed(CHECKS.depositorKey, expected, complaint, DO_NOT_RELY);
  }
  const message = signedBytes(statement);
  const { strict, statement: holds } = await judgeSignature(key, message, signature);
  if (!holds) {
    const found = 'a signature that does not verify';
    const check = CHECKS.depositorSignature;
    report.failed(check, `a valid signature by ${named}`, found, FETCH_AGAIN);
    return false;
  }
  report.passed(CHECKS.depositorSignature, `valid, by ${named}`);
  if (strict) {
    report.passed(CHECKS.signatureRule, 'strict');
  } else {
    report.noted(
      CHECKS.signatureRule,
      'strict',
      'ZIP-215 only',
      "The ledger's rule accepts this signature, some other libraries may not: ask the depositor " +
        'which software signed it.',
    );
  }
  return strict;
}

function checkInclusion(report, check, { bytes, index, path }, head) {
  const expected = `leaf ${index} of the tree of ${head.size} with root ${toHex(head.root)}`;
  const proven = attempt(report, check, expected, () => {
    verifyInclusion(leafHash(bytes), index, head.size, path, head.root);
    return true;
  });
  return proven === null ? false : report.passed(check, expected);
}

/** The seal, when it closes the block of the entry on the statement's network; else null. */
function checkSeal(report, receipt, statement) {
  const proof = receipt.seal;
  const seal = attempt(report, CHECKS.sealForm, 'a seal', () => parseSeal(proof.bytes));
  if (seal === null) return null;
  report.passed(CHECKS.sealForm, 'a seal in canonical form');
  if (!checkInclusion(report, CHECKS.sealInclusion, proof, receipt.head)) return null;
  const [first, index, last] = [seal.firstLeaf, receipt.index, proof.index];
  const check = CHECKS.sealPlace;
  if (!(first <= index && index < last)) {
    const expected = `an entry from ${first} to below ${last}, the block that the seal closes`;
    report.failed(check, expected, `entry ${index}`, FETCH_AGAIN);
    return null;
  }
  const { network } = statement.deposit;
  if (seal.network !== network) {
    report.failed(check, `network ${seal.network}`, `network ${network}`, DO_NOT_RELY);
    return null;
  }
  const block = `block ${seal.height} of network ${seal.network}`;
  report.passed(check, `${block}, entries ${first} to ${last}`);
  return seal;
}

/**
 * The outcome of the entry stands in the outcomes tree where the entry stands in its block. The
 * tree's size follows from the seal's place, so that no byte of the proof is free.
 */
function checkOutcome(report, receipt, seal) {
  const check = CHECKS.outcome;
  const proof = receipt.outcome;
  const index = BigInt(receipt.index) - BigInt(seal.firstLeaf);
  const count = BigInt(receipt.seal.index) - BigInt(seal.firstLeaf);
  const place = `outcome ${index} of ${count}`;
  if (BigInt(proof.index) !== index || BigInt(proof.count) !== count) {
    const found = `outcome ${proof.index} of ${proof.count}`;
    report.failed(check, place, found, FETCH_AGAIN);
    return;
  }
  const under = `${place} under ${toHex(seal.outcomesRoot)}`;
  const proven = attempt(report, check, under, () => {
    verifyInclusion(leafHash(proof.bytes), index, count, proof.path, seal.outcomesRoot);
    return parseOutcome(proof.bytes);
  });
  if (proven === null) return;
  const id = statementId(receipt.entry);
  if (!equalBytes(proven.id, id)) {
    const [expected, found] = [`statement ${toHex(id)}`, `statement ${toHex(proven.id)}`];
    report.failed(check, expected, found, DO_NOT_RELY);
    return;
  }
  report.passed(check, `${place} in block ${seal.height}`);
  if (proven.code === 0) {
    report.passed(CHECKS.success, 'done');
  } else {
    report.failed(
      CHECKS.success,
      'done',
      `failed with code ${proven.code}`,
      'The statement was logged and had no effect: see the code and deposit again.',
    );
  }
}

function checkTime(report, policy, times) {
  // Without a quorum nothing is proven, and the quorum's finding says so.
  if (!policy.isMetBy(times)) return;
  const timeS = policy.existedBefore(times);
  if (timeS !== null) {
    report.passed(CHECKS.time, `existed before ${utcText(timeS)}`);
    return;
  }
  report.noted(
    CHECKS.time,
    'more cosignatures than the policy lets lie',
    `${times.size} cosignatures`,
    'The time rests on each cosigner alone: add cosignatures to bound it.',
  );
}

function noteDemonstration(report, trusted) {
  if (!trusted.some((policy) => policy.isDemonstration)) return;
  report.demonstration = true;
  report.noted(
    CHECKS.anchor,
    'the policy of a network run by its organisations',
    'a demonstration policy: whoever ran it holds all keys, so it proves nothing',
    'Rely only on receipts of a network whose policy you got from its organisations.',
  );
}

function evidenceOfStatement(receipt, { issuer, subject, key, deposit }) {
  const { network, namespace, mode, declaredTimeMs, notBefore } = deposit;
  return {
    id: toHex(statementId(receipt.entry)),
    network,
    namespace,
    mode,
    member: receipt.batch?.index ?? null,
    issuer,
    subject,
    depositorKey: toHex(key),
    depositorKeyId: keyFingerprint(key),
    index: receipt.index,
    declaredTimeMs,
    notBefore: notBefore === null ? null : toHex(notBefore),
  };
}

function evidenceOfSigners(policy, times) {
  const signers = [...times].map(([position, timeS]) => {
    const { name, key } = policy.witnesses[position];
    return { organisation: policy.displayName(position), witness: name, keyId: key.keyId, timeS };
  });
  return { existedBeforeS: policy.existedBefore(times), signers };
}
