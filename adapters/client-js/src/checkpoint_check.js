/** Whether a checkpoint carries what a policy asks for: origin, log line, cosignatures, quorum. */
import { CHECKS } from './report.js';
import { verifyCosignature, verifyLogLine } from './note.js';

/** Next steps that several checks give. */
export const FETCH_AGAIN =
  'Fetch the receipt again from a node of the network and keep the file unchanged; if it is ' +
  'refused again, treat it as altered.';
export const CHECK_POLICY =
  "Compare the policy's fingerprint with one obtained on another way; verify with the policy of " +
  "this receipt's network and epoch.";
const FETCH_LATER =
  'Fetch the receipt again later: its checkpoint may still lack cosignatures.';

/**
 * @param {import('./report.js').Report} report
 * @param {import('./note.js').Note} note
 * @param {import('./note.js').TreeHead} head
 * @param {import('./policy.js').Policy} policy
 */
export async function checkLog(report, note, head, policy) {
  if (!policy.knowsOrigin(head.origin)) {
    const names = [...new Set(policy.logs.map((log) => log.name))].sort().join(' or ');
    report.failed(CHECKS.origin, names, head.origin, CHECK_POLICY);
    return;
  }
  report.passed(CHECKS.origin, head.origin);
  const [line] = note.signatures;
  const named = `${line.name} with key id ${line.keyId}`;
  const key = policy.logOf(line);
  const check = CHECKS.logSignature;
  if (key === undefined) {
    report.failed(check, 'a log key of the policy', named, CHECK_POLICY);
  } else if (await verifyLogLine(key, note.text, line)) {
    report.passed(check, named);
  } else {
    const found = 'a signature that does not verify';
    report.failed(check, `a valid signature by ${named}`, found, FETCH_AGAIN);
  }
}

/**
 * Judges each cosignature line and the quorum.
 * @param {import('./report.js').Report} report
 * @param {import('./note.js').Note} note
 * @param {import('./policy.js').Policy} policy
 * @returns {Promise<Map<number, import('./bytes.js').Uint64>>} valid times, by witness, in the
 *   policy's order
 */
export async function checkCosignatures(report, note, policy) {
  const lines = note.signatures.slice(1);
  const judged = await Promise.all(lines.map((line) => judgeCosignature(line, note, policy)));
  const times = new Map();
  const complaints = [];
  for (const { line, position, timeS } of judged) {
    const named = `${line.name} (key id ${line.keyId})`;
    if (position < 0) {
      complaints.push(`unknown cosigner ${named}`);
      continue;
    }
    if (timeS === null) {
      complaints.push(`invalid cosignature of ${policy.displayName(position)}, ${named}`);
      continue;
    }
    // A cosigner counts once, however often it signed; each of its times is its word.
    const before = times.get(position);
    if (before === undefined || timeS < before) times.set(position, timeS);
  }
  if (complaints.length === 0) {
    report.passed(CHECKS.cosignatures, `${lines.length} valid cosignatures`);
  } else {
    const expected = "only valid cosignatures of the policy's cosigners";
    report.failed(CHECKS.cosignatures, expected, complaints.join('; '), FETCH_AGAIN);
  }
  const ordered = new Map([...times].sort(([a], [b]) => a - b));
  checkQuorum(report, policy, ordered);
  return ordered;
}

async function judgeCosignature(line, note, policy) {
  const position = policy.witnessOf(line);
  const witness = policy.witnesses[position];
  const timeS = witness ? await verifyCosignature(witness.key, note.text, line) : null;
  return { line, position, timeS };
}

function checkQuorum(report, policy, times) {
  const names = [...times.keys()].map((position) => policy.displayName(position));
  const found = `${names.length} valid: ${names.join(', ')}`;
  if (policy.isMetBy(times)) {
    report.passed(CHECKS.quorum, `${policy.quorumRule} (${found})`);
  } else {
    report.failed(CHECKS.quorum, policy.quorumRule, found, FETCH_LATER);
  }
}
