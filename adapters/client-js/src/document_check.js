/** Whether a document is the one that a statement lodges: one rule for each mode. */
import { FormError, equalBytes, toHex } from './bytes.js';
import { FETCH_AGAIN } from './checkpoint_check.js';
import { leafHash, verifyInclusion } from './merkle.js';
import { CHECKS } from './report.js';
import { commit, openDigest } from './statement.js';

const TOGETHER =
  'Check that this is the document and the receipt that belong together, unchanged.';
const MEMBER_RECEIPT =
  "Use the receipt that the depositor's client wrote for this document.";
const SALTED_RECEIPT =
  "Use the receipt that the depositor's client wrote: only it carries the salt.";
/**
 * @param {import('./report.js').Report} report
 * @param {import('./statement.js').Deposit} deposit
 * @param {import('./receipt.js').Receipt} receipt whose salt and batch path are judged
 * @param {Uint8Array | null} digest SHA-256 of the document
 */
export function checkDocument(report, deposit, receipt, digest) {
  const check = CHECKS.document;
  const spare = spareOpening(deposit.mode, receipt);
  if (spare !== null) {
    report.failed(check, spare.expected, spare.found, FETCH_AGAIN);
    return;
  }
  if (digest === null) {
    report.noted(
      check,
      'a document to compare',
      'none given: only the statement was verified, not what it is about (nor its salt)',
      'Verify again with the document.',
    );
    return;
  }
  if (deposit.mode === 'batch') checkMember(report, deposit.value, receipt, digest);
  else if (deposit.mode === 'commitment') checkCommitment(report, deposit, receipt, digest);
  else compare(report, 'digest', openDigest(deposit), digest);
}

/** A salt or batch path that opens nothing could be altered unseen, so none is allowed. */
function spareOpening(mode, { salt, batch }) {
  if (batch !== null && mode !== 'batch') {
    return { expected: `no batch proof: the deposit is a ${mode}`, found: 'a batch proof' };
  }
  const salted = mode === 'commitment' || (mode === 'batch' && batch !== null);
  if (salt !== null && !salted) {
    return { expected: `no salt: the deposit is a plain ${mode}`, found: 'a salt' };
  }
  return null;
}

function compare(report, what, expected, found) {
  const [wanted, had] = [`${what} ${toHex(expected)}`, `${what} ${toHex(found)}`];
  if (equalBytes(expected, found)) report.passed(CHECKS.document, wanted);
  else report.failed(CHECKS.document, wanted, had, TOGETHER);
}

function checkCommitment(report, deposit, { salt }, digest) {
  if (salt === null) {
    const [wanted, had] = ['the salt of the commitment', 'no salt in the receipt'];
    report.failed(CHECKS.document, wanted, had, SALTED_RECEIPT);
    return;
  }
  compare(report, 'commitment', deposit.value, commit(salt, digest));
}

function checkMember(report, { root, count }, { salt, batch }, digest) {
  const check = CHECKS.document;
  if (batch === null) {
    const wanted = 'the receipt of a member of the batch';
    report.failed(check, wanted, 'the receipt of the batch itself', MEMBER_RECEIPT);
    return;
  }
  if (salt === null) {
    const wanted = 'the salt of the commitment';
    report.failed(check, wanted, 'no salt in the receipt', SALTED_RECEIPT);
    return;
  }
  const commitment = commit(salt, digest);
  const place = `member ${batch.index} of ${count}`;
  const wanted = `${place} of the batch with root ${toHex(root)}`;
  try {
    verifyInclusion(leafHash(commitment), batch.index, count, batch.path, root);
    report.passed(check, wanted);
  } catch (error) {
    if (!(error instanceof FormError)) throw error;
    const found = `commitment ${toHex(commitment)}: ${error.message}`;
    report.failed(check, wanted, found, TOGETHER);
  }
}
