/**
 * What a verification found, in the order of its checks, and what the receipt proves.
 */

/** The checks by name, in their order. */
export const CHECKS = Object.freeze({
  receiptForm: 'receipt form',
  statementForm: 'statement form',
  depositorKey: 'depositor key',
  depositorSignature: 'depositor signature',
  signatureRule: 'signature rule',
  document: 'document',
  inclusion: 'inclusion in the log',
  policyChain: 'policy chain',
  origin: 'origin',
  logSignature: 'log signature',
  cosignatures: 'cosignatures',
  quorum: 'quorum',
  sealForm: 'seal form',
  sealInclusion: 'seal in the log',
  sealPlace: 'seal of this entry',
  outcome: 'outcome',
  success: 'success',
  time: 'time',
  anchor: 'trust anchor',
});

/**
 * @typedef {object} Finding
 * @property {string} check a value of CHECKS
 * @property {'passed' | 'noted' | 'failed'} verdict noted: nothing is wrong, yet be told
 * @property {string} expected what had to be there
 * @property {string} found what was there
 * @property {string} next what to do now; empty when the check passed
 */

/**
 * @typedef {object} Signer a cosigner whose valid cosignature the receipt carries
 * @property {string} organisation that runs it, or its name in the policy
 * @property {string} witness its name in the policy
 * @property {string} keyId eight hexadecimal digits
 * @property {import('./bytes.js').Uint64} timeS its clock, seconds since the Unix epoch
 */

/**
 * What an accepted receipt proves. Hashes, ids and keys are hexadecimal.
 * @typedef {object} Evidence
 * @property {string} id of the statement
 * @property {string} network
 * @property {string} namespace
 * @property {string} mode
 * @property {import('./bytes.js').Uint64 | null} member place in the batch, from 0
 * @property {string} issuer the depositor, in the depositor's words
 * @property {string} subject in the depositor's words
 * @property {string} depositorKey
 * @property {string} depositorKeyId
 * @property {boolean} strict whether the depositor's signature holds by the strict rule too
 * @property {boolean} documentMatched whether a document was compared
 * @property {import('./bytes.js').Uint64} index position in the log
 * @property {import('./bytes.js').Uint64} height of the block
 * @property {import('./bytes.js').Uint64} blockTimeMs
 * @property {import('./bytes.js').Uint64 | null} declaredTimeMs the depositor's claim, not proven
 * @property {string | null} notBefore hash of the checkpoint after which it was made
 * @property {import('./bytes.js').Uint64 | null} existedBeforeS proven, seconds since the Unix
 *   epoch, even when as many cosigners lie as the policy tolerates
 * @property {Signer[]} signers in the policy's order
 * @property {string} policy fingerprint of the policy that was given
 * @property {string} checkpointPolicy fingerprint of the one that judged the checkpoint: another
 *   when the receipt carries a policy chain
 * @property {boolean} demonstration whether a policy is a demonstration, whose keys prove nothing
 */

/** Every check made, in order; checks that need the result of a failed one are left out. */
export class Report {
  constructor() {
    /** @type {Finding[]} */
    this.findings = [];
    /** @type {Evidence | null} null when a check failed */
    this.evidence = null;
    /** @type {boolean} whether a policy that was used is a demonstration */
    this.demonstration = false;
  }

  /** @returns {boolean} whether nothing failed */
  get accepted() {
    return this.evidence !== null;
  }

  /** @returns {Finding[]} that refuse the receipt */
  get failures() {
    return this.findings.filter((finding) => finding.verdict === 'failed');
  }

  /** @returns {'verified' | 'demonstration' | 'refused'} */
  get verdict() {
    if (!this.accepted) return 'refused';
    return this.demonstration ? 'demonstration' : 'verified';
  }

  passed(check, found) {
    this.findings.push({ check, verdict: 'passed', expected: found, found, next: '' });
    return true;
  }

  failed(check, expected, found, next) {
    this.findings.push({ check, verdict: 'failed', expected, found, next });
    return false;
  }

  noted(check, expected, found, next) {
    this.findings.push({ check, verdict: 'noted', expected, found, next });
  }

  /** @returns for JSON: numbers above 2^53 as decimal texts */
  toJSON() {
    const { accepted, demonstration, findings, evidence } = this;
    const plain = (_, value) => (typeof value === 'bigint' ? String(value) : value);
    return JSON.parse(JSON.stringify({ accepted, demonstration, findings, evidence }, plain));
  }
}

/**
 * @param {import('./bytes.js').Uint64} seconds since the Unix epoch
 * @returns {string} `YYYY-MM-DDThh:mm:ssZ` (RFC 3339, proleptic Gregorian)
 */
export function utcText(seconds) {
  const total = BigInt(seconds);
  const pad = (n, width = 2) => String(n).padStart(width, '0');
  const [year, month, day] = civilDate(total / 86_400n);
  const rest = total % 86_400n;
  const time = [rest / 3600n, (rest / 60n) % 60n, rest % 60n].map((n) => pad(n)).join(':');
  return `${pad(year, 4)}-${pad(month)}-${pad(day)}T${time}Z`;
}

/**
 * Year, month and day of a count of days since 1970-01-01. Years begin in March here, so that the
 * leap day comes last; 719,468 days lie between 0000-03-01 and the epoch.
 */
function civilDate(sinceEpoch) {
  const days = sinceEpoch + 719_468n;
  const [era, dayOfEra] = [days / 146_097n, days % 146_097n];
  const leapFree = dayOfEra - dayOfEra / 1_460n + dayOfEra / 36_524n - dayOfEra / 146_096n;
  const yearOfEra = leapFree / 365n;
  const dayOfYear = dayOfEra - (365n * yearOfEra + yearOfEra / 4n - yearOfEra / 100n);
  const shifted = (5n * dayOfYear + 2n) / 153n;
  const day = dayOfYear - (153n * shifted + 2n) / 5n + 1n;
  const month = shifted < 10n ? shifted + 3n : shifted - 9n;
  return [era * 400n + yearOfEra + (month <= 2n ? 1n : 0n), month, day];
}
