/**
 * What is known of the network: asked of this page's own node, and of the devnet's other
 * validators while that one does not answer. Nothing of it is proven: receipts are.
 */
import { call, parseJson } from '/client/http.js';
import { parsePolicy } from '/client/policy.js';

/** Pause between two looks, and the longest that one may take. */
const LOOK_MS = 1000;
const ANSWER_MS = 2500;
/** An own node that does not answer is asked again after so many looks. */
const OWN_EVERY = 3;

export const OWN = location.origin;

/** A devnet's validators as it names them, with their states. */
const noDevnet = Object.freeze([]);

export class Network extends EventTarget {
  constructor() {
    super();
    /** Where answers come from now. */
    this.base = OWN;
    /** Whether this page's own node answers; null before the first look. */
    this.ownAnswers = null;
    /** Whether anybody answers. */
    this.answers = false;
    this.isDevnet = false;
    this.health = null;
    this.validators = [];
    this.devnet = noDevnet;
    this.namespaces = [];
    this.policyText = null;
    this.policy = null;
    this.looks = 0;
    this.wake = () => undefined;
  }

  /** Looks for ever. */
  async run() {
    for (;;) {
      await this.look();
      this.dispatchEvent(new Event('change'));
      const pause = document.hidden ? 5 * LOOK_MS : LOOK_MS;
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, pause);
        this.wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** Those to ask, in turn. */
  sources() {
    const runs = ({ url, state }) => url !== null && url !== OWN && state !== 'stopped';
    const others = this.devnet.filter(runs).map(({ url }) => url);
    // Asking one that is down costs the browser a line in its log each time.
    const askOwn = this.ownAnswers !== false || this.looks % OWN_EVERY === 0;
    if (askOwn || others.length === 0) return [OWN, ...others];
    return this.base === OWN ? others : [this.base, ...others.filter((url) => url !== this.base)];
  }

  async look() {
    this.looks += 1;
    for (const source of this.sources()) {
      const seen = await this.see(source).catch(() => null);
      if (source === OWN) this.ownAnswers = seen !== null;
      if (seen === null) continue;
      if (this.health !== null && this.health.network !== seen.health.network) {
        // Another network was founded at this address: nothing shown is true of it.
        location.reload();
        return;
      }
      Object.assign(this, seen, { base: source, answers: true });
      return;
    }
    this.answers = false;
  }

  async see(source) {
    const health = await this.record(source, '/v1/health');
    if (typeof health.network !== 'string') throw new Error(`${source}: no health`);
    const [{ validators }, settings] = await Promise.all([
      this.record(source, '/v1/validators'),
      this.looks === 1 ? this.record(source, '/console/settings.json') : null,
    ]);
    if (settings !== null) this.isDevnet = settings.devnet === true;
    const devnet = this.isDevnet ? (await this.record(source, '/v1/devnet')).validators : noDevnet;
    if (this.namespaces.length === 0) {
      this.namespaces = (await this.record(source, '/v1/namespaces')).namespaces ?? [];
    }
    if (this.policyText === null) {
      const policy = await call(`${source}/v1/policy`, { timeoutMs: ANSWER_MS });
      if (policy.status === 200) {
        this.policy = parsePolicy(policy.text);
        this.policyText = policy.text;
      }
    }
    return { health, validators: validators ?? [], devnet: devnet ?? noDevnet };
  }

  /** A record whatever its status: without a quorum the health is one of status 503. */
  async record(source, path) {
    return parseJson((await call(source + path, { timeoutMs: ANSWER_MS })).text);
  }

  /** @returns {Promise<{status: number, text: string}>} from whoever answers now */
  text(path) {
    return call(this.base + path);
  }

  /** @returns {Promise<{status: number, body: any}>} the same of a record */
  async ask(path) {
    const { status, text } = await this.text(path);
    return { status, body: parseJson(text) };
  }

  /** Organisation first, as people know it. */
  title(name) {
    const known = this.validators.find((validator) => validator.name === name);
    return known === undefined ? name : `${known.organisation} (${name})`;
  }

  /** Whether a validator is the one that serves this page. */
  isOwn({ name, own }) {
    const board = this.onBoard(name);
    return board === undefined ? own && this.base === OWN : board.url === OWN;
  }

  /** Name of the validator whose turn it is; null when it is not known. */
  proposer() {
    const { health, validators } = this;
    if (health === null || validators.length === 0) return null;
    // The height being decided is the one after the head: position (height + round) mod n.
    return validators[(health.height + 1 + health.round) % validators.length].name;
  }

  /** The devnet's own word on a validator. */
  onBoard(name) {
    return this.devnet.find((validator) => validator.name === name);
  }
}
