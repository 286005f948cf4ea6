/**
 * One deposit on its way: read, signed, admitted, committed, verified.
 *
 * Entry and salt are kept in this browser before anything is sent, since the salt exists nowhere
 * else until the receipt is saved; the same bytes may be sent again, for a statement commits once.
 */
import { submit } from '/client/client.js';
import { sha256Blob } from '/client/hash.js';
import { NodeProblem, call, parseJson } from '/client/http.js';
import { signStatement } from '/client/keys.js';
import { receiptText, parseReceipt } from '/client/receipt.js';
import { ENTRY_BYTES_MAX, buildDeposit } from '/client/statement.js';
import { toHex } from '/client/bytes.js';
import { verify } from '/client/verify.js';
import { forget, keep } from './keeping.js';
import { depositorKey } from './key.js';
import { OWN } from './network.js';

export const STEPS = ['read', 'signed', 'admitted', 'committed', 'verified'];
/** Pause before a node that gave no receipt is asked again. */
const AGAIN_MS = 1500;
const WAIT_MS = 15_000;

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** A refusal that sending again does not cure. */
class Refused extends Error {}

export class Job extends EventTarget {
  /** @param {object} facts what is kept of it, or what it begins with */
  constructor(network, facts) {
    super();
    this.network = network;
    /** @type {{id: string, name: string, size: number, mode: string, entry?: Uint8Array,
     *   digest?: Uint8Array, salt?: Uint8Array | null, receipt?: string, at: number}} */
    this.facts = facts;
    /** How many steps are done. */
    this.done = facts.receipt ? 4 : facts.entry ? 2 : 0;
    this.progress = 0;
    this.missing = [];
    this.waiting = '';
    this.error = '';
    this.report = null;
    this.place = null;
    this.isGone = false;
  }

  changed() {
    this.dispatchEvent(new Event('change'));
  }

  reach(step) {
    this.done = STEPS.indexOf(step) + 1;
    this.waiting = '';
    this.missing = [];
    this.changed();
  }

  keep() {
    return keep('jobs', this.facts.id, this.facts);
  }

  /** Forgets all of it in this browser. */
  async remove() {
    this.isGone = true;
    await forget('jobs', this.facts.id);
  }

  /** @param {File} [file] none when it goes on after the page was loaded again */
  async run(file, subject) {
    this.error = '';
    this.changed();
    try {
      if (file !== undefined) await this.sign(file, subject);
      if (this.done < STEPS.indexOf('committed') + 1) await this.send();
      if (!this.isGone) await this.check();
    } catch (error) {
      this.error = error.message;
      this.changed();
    }
  }

  async sign(file, subject) {
    const { facts } = this;
    const isContent = facts.mode === 'content';
    if (isContent && (file.size < 1 || file.size > ENTRY_BYTES_MAX)) {
      throw new Refused(`${file.name}: 1 - ${ENTRY_BYTES_MAX} bytes`);
    }
    const onProgress = (done, total) => {
      this.progress = total === 0 ? 1 : done / total;
      this.changed();
    };
    facts.digest = await sha256Blob(file, onProgress);
    this.reach('read');
    const document = isContent ? new Uint8Array(await file.arrayBuffer()) : undefined;
    const { network } = this.network.health;
    const { namespace, mode } = facts;
    const wish = { network, namespace, mode, digest: facts.digest, document };
    const { deposit, salt } = buildDeposit(wish);
    const claims = subject === '' ? {} : { subject };
    const { entry, id } = await signStatement(await depositorKey(), deposit, claims);
    Object.assign(facts, { entry, salt, statement: toHex(id) });
    await this.keep();
    this.reach('signed');
  }

  /** Sends the same bytes until there is a receipt. */
  async send() {
    while (!this.isGone) {
      if (this.done === STEPS.indexOf('admitted')) await this.admit();
      if (this.mustWait()) {
        await pause(AGAIN_MS);
        continue;
      }
      const { entry, salt } = this.facts;
      const answer = await submit(entry, { urls: [OWN], waitMs: WAIT_MS, salt });
      if (answer.status === 'refused') throw new Refused(`${answer.detail}. ${answer.nextStep}`);
      if (answer.status === 'committed') {
        const { height, index, outcomeCode } = answer;
        Object.assign(this.facts, { receipt: answer.receipt });
        this.place = { height, index, outcomeCode };
        await this.keep();
        this.reach('committed');
        return;
      }
      this.missing = answer.missing;
      this.waiting = answer.why;
      this.changed();
      await pause(AGAIN_MS);
    }
  }

  /** Nothing is asked of a node that is down or has no quorum: what it says of itself is seen. */
  mustWait() {
    const { ownAnswers, health } = this.network;
    const isDown = ownAnswers === false;
    this.missing = !isDown && health?.quorum === false ? health.missing : [];
    this.waiting = isDown ? 'no-answer' : '';
    this.changed();
    return isDown || this.missing.length > 0;
  }

  /** Hands the statement over once; a node that does not answer is asked again. */
  async admit() {
    while (!this.isGone) {
      const headers = { 'content-type': 'application/scitt-statement+cose' };
      const path = `${OWN}/v1/statements?wait_ms=0`;
      const post = { method: 'POST', headers, body: this.facts.entry };
      const answer = await call(path, post).catch(() => null);
      const status = answer?.status ?? 503;
      const problem = new NodeProblem(OWN, status, parseJson(answer?.text ?? ''));
      if (status < 300 || problem.missing !== null) {
        this.reach('admitted');
        return;
      }
      const mayPass = status === 408 || status === 429 || status >= 500;
      if (!mayPass) throw new Refused(`${problem.detail}. ${problem.nextStep}`);
      this.waiting = answer === null ? 'no-answer' : problem.detail;
      this.changed();
      await pause(AGAIN_MS);
    }
  }

  /** Verifies the receipt here, against the policy that the node itself gave. */
  async check() {
    while (this.network.policyText === null) await pause(AGAIN_MS);
    const { receipt, digest } = this.facts;
    this.report = await verify(receipt, this.network.policyText, { digest });
    const { verdict, failures } = this.report;
    if (verdict === 'refused') {
      const [{ check, expected, found }] = failures;
      throw new Refused(`${check}: expected ${expected}, found ${found}`);
    }
    this.reach('verified');
  }

  /** The receipt as it is saved: with the salt, when there is one. */
  receiptText() {
    const { receipt, salt } = this.facts;
    const read = parseReceipt(receipt);
    return salt && read.salt === null ? receiptText({ ...read, salt }) : receipt;
  }
}
