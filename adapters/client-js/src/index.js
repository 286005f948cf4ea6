/** Client of a Wutong ledger: deposit, wait, verify offline, follow. */
export { FormError, fromHex, toHex } from './bytes.js';
export { buildBatch, memberReceipt } from './batch.js';
export {
  fetchNetwork,
  fetchPolicy,
  fetchPolicyChain,
  lookup,
  parsePending,
  pendingText,
  putBody,
  statementOf,
  submit,
  waitForReceipt,
} from './client.js';
export { BrokenEvent, EventChain, checkEventForm, eventHash, verifyEvent } from './event_chain.js';
export { EventGap, follow } from './follow.js';
export { Sha256, sha256, sha256Async, sha256Blob } from './hash.js';
export { NoNodeAnswered, NodeProblem } from './http.js';
export { exportPem, generateKey, importPem, signStatement } from './keys.js';
export { checkpointHash } from './note.js';
export { Policy, parsePolicy } from './policy.js';
export { parsePolicyEntry } from './policy_chain.js';
export { parseReceipt, receiptText, withChain, withSalt } from './receipt.js';
export { CHECKS, Report, utcText } from './report.js';
export { buildDeposit, commit, parseStatement, statementId } from './statement.js';
export { verify } from './verify.js';
