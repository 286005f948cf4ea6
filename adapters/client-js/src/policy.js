/**
 * The trust anchor: a C2SP tlog-policy that names log keys, cosigners, groups and the quorum.
 *
 * Two conventions live in comment lines, which other readers ignore: `# organisation <witness>
 * <name>` tells people who runs a cosigner, `# demonstration` marks a network whose keys prove
 * nothing. A policy without a quorum is refused.
 */
import { FormError, fromUtf8, parseDecimal, toHex, utf8 } from './bytes.js';
import { sha256 } from './hash.js';
import { KEY_TYPES, claimsKey, parseVerifierKey, verifierKeyText } from './note.js';

/** Most lines and most bytes of a policy; the specification asks for at least 32 lines. */
const POLICY_LINES_MAX = 1024;
export const POLICY_BYTES_MAX = 1 << 20;

/** Origins of demonstration networks begin so; the mark in the policy is for people. */
const DEMONSTRATION_ORIGIN = 'demonstration.';

const POLICY_FORMS =
  '"log <key>", "witness <name> <key>", "group <name> <threshold> <member>...", ' +
  '"quorum <name>" or a comment';

/**
 * @typedef {object} Witness a cosigner
 * @property {string} name within the policy
 * @property {import('./note.js').VerifierKey} key
 * @property {string | null} organisation who runs it, for people
 */

/**
 * @typedef {{witness: number} | {group: number}} Member position among witnesses or groups
 * @typedef {{name: string, threshold: number, members: Member[]}} Group met by `threshold` members
 */

/** A checked policy: every name resolves, no key serves twice, thresholds can be met. */
export class Policy {
  /**
   * @param {{demonstration: boolean, logs: import('./note.js').VerifierKey[],
   *   witnesses: Witness[], groups: Group[], quorum: Member}} parts
   */
  constructor(parts) {
    this.marked = parts.demonstration;
    this.logs = parts.logs;
    this.witnesses = parts.witnesses;
    this.groups = parts.groups;
    this.quorum = parts.quorum;
  }

  /** @returns {string} canonical: marks, logs, witnesses, groups, quorum, in order of definition */
  get text() {
    const lines = this.marked ? ['# demonstration'] : [];
    for (const log of this.logs) lines.push(`log ${verifierKeyText(log)}`);
    for (const { name, key, organisation } of this.witnesses) {
      if (organisation !== null) lines.push(`# organisation ${name} ${organisation}`);
      lines.push(`witness ${name} ${verifierKeyText(key)}`);
    }
    for (const { name, threshold, members } of this.groups) {
      const names = members.map((member) => this.memberName(member));
      lines.push(['group', name, threshold, ...names].join(' '));
    }
    lines.push(`quorum ${this.memberName(this.quorum)}`);
    return lines.map((line) => `${line}\n`).join('');
  }

  /** @returns {string} SHA-256 of the canonical text, hexadecimal: what people compare */
  get fingerprint() {
    return toHex(sha256(utf8(this.text)));
  }

  /** @returns {boolean} whether the mark, or the name of a log key, says so */
  get isDemonstration() {
    return this.marked || this.logs.some((log) => log.name.startsWith(DEMONSTRATION_ORIGIN));
  }

  /** @returns {string} the quorum's rule in a phrase, such as "3 of 4 in group validators" */
  get quorumRule() {
    if ('witness' in this.quorum) return `a cosignature of ${this.memberName(this.quorum)}`;
    const { threshold, members, name } = this.groups[this.quorum.group];
    return `${threshold} of ${members.length} in group ${name}`;
  }

  /** @param {string} origin @returns {boolean} whether some log key has that name */
  knowsOrigin(origin) {
    return this.logs.some((log) => log.name === origin);
  }

  /** @param {import('./note.js').NoteSignature} line @returns the log key that it claims */
  logOf(line) {
    return this.logs.find((log) => claimsKey(log, line));
  }

  /** @param {import('./note.js').NoteSignature} line @returns {number} witness, or -1 */
  witnessOf(line) {
    return this.witnesses.findIndex((witness) => claimsKey(witness.key, line));
  }

  /** @param {number} position @returns {string} organisation, or name where none is given */
  displayName(position) {
    return this.witnesses[position].organisation ?? this.witnesses[position].name;
  }

  /** @param {{has(position: number): boolean}} signed witnesses @returns {boolean} */
  isMetBy(signed) {
    // Recursion ends: a group's members are defined before it.
    const isMet = (member) => {
      if ('witness' in member) return signed.has(member.witness);
      const { members, threshold } = this.groups[member.group];
      return members.filter(isMet).length >= threshold;
    };
    return isMet(this.quorum);
  }

  /**
   * The time before which the checkpoint existed, whatever a tolerated number of cosigners lie:
   * in a group of n with threshold k the (n - k + 1)-th smallest time.
   * @param {Map<number, import('./bytes.js').Uint64>} times seconds, by witness
   * @returns {import('./bytes.js').Uint64 | null} null when too few are known
   */
  existedBefore(times) {
    const timeOf = (member) => {
      if ('witness' in member) return times.get(member.witness) ?? null;
      const { members, threshold } = this.groups[member.group];
      const known = members.map(timeOf).filter((time) => time !== null);
      known.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
      return known[members.length - threshold] ?? null;
    };
    return timeOf(this.quorum);
  }

  /** @param {Member} member @returns {string} */
  memberName(member) {
    const named = 'witness' in member ? this.witnesses[member.witness] : this.groups[member.group];
    return named.name;
  }
}

/** Reads a policy line by line; `line` counts from 1. */
class PolicyReader {
  constructor() {
    this.demonstration = false;
    this.logs = [];
    this.witnesses = [];
    this.groups = [];
    this.quorums = [];
    this.names = new Map();
    this.keys = new Map();
    this.grouped = new Set();
    this.organisations = new Map();
  }

  fail(expected, found) {
    return new FormError(`line ${this.line}`, expected, found);
  }

  read(line, text) {
    this.line = line;
    if (/[\u0000-\u0008\u000a-\u001f\u007f]/u.test(text)) {
      throw this.fail('no control characters but tab', JSON.stringify(text));
    }
    const trimmed = trimBlanks(text);
    if (trimmed.startsWith('#')) return this.comment(trimBlanks(trimmed.slice(1)));
    const items = trimmed.split(/[ \t]+/).filter((item) => item !== '');
    const [kind, ...rest] = items;
    const count = rest.length;
    if (kind === undefined) return undefined;
    if (kind === 'log' && (count === 1 || count === 2)) return this.log(rest[0]);
    if (kind === 'witness' && (count === 2 || count === 3)) return this.witness(rest[0], rest[1]);
    if (kind === 'group' && count >= 3) return this.group(rest[0], rest[1], rest.slice(2));
    if (kind === 'quorum' && count === 1) return this.quorum(rest[0]);
    throw this.fail(POLICY_FORMS, JSON.stringify(trimmed));
  }

  /** Comments never make a policy invalid; only the two conventions are kept. */
  comment(text) {
    if (text === 'demonstration') this.demonstration = true;
    const found = /^organisation [ \t]*([^ \t]+)[ \t]+(.+)$/su.exec(text);
    if (found === null || /\p{Cc}/u.test(found[2])) return;
    if (!this.organisations.has(found[1])) this.organisations.set(found[1], found[2]);
  }

  key(text, type) {
    let key;
    try {
      key = parseVerifierKey(text);
    } catch (error) {
      throw this.fail(`a key (${error.expected})`, error.found);
    }
    if (key.type !== type) throw this.fail(`a key of type ${type}`, `type ${key.type}`);
    const bytes = toHex(key.key);
    const first = this.keys.get(bytes);
    if (first !== undefined) throw this.fail('a key of its own', `the key of line ${first}`);
    this.keys.set(bytes, this.line);
    return key;
  }

  log(text) {
    this.logs.push(this.key(text, KEY_TYPES.log));
  }

  witness(name, text) {
    const key = this.key(text, KEY_TYPES.cosigner);
    this.define(name, { witness: this.witnesses.length });
    this.witnesses.push({ name, key, organisation: null });
  }

  group(name, threshold, names) {
    const members = names.map((member) => this.resolve(member));
    for (const member of names) {
      if (this.grouped.has(member)) throw this.fail('each name in one group only', member);
      this.grouped.add(member);
    }
    const count = members.length;
    const words = new Map([['any', 1], ['all', count]]);
    const met = words.get(threshold) ?? parseDecimal(threshold);
    if (met === null || met < 1 || met > count) {
      throw this.fail(`a threshold from 1 to ${count}`, threshold);
    }
    this.define(name, { group: this.groups.length });
    this.groups.push({ name, threshold: met, members });
  }

  quorum(name) {
    if (name === 'none') {
      throw new FormError(
        `line ${this.line}: policy without quorum`,
        'a witness or group',
        '"none"',
      );
    }
    this.quorums.push(this.resolve(name));
  }

  define(name, member) {
    if (name === 'none' || name.startsWith('#') || this.names.has(name)) {
      throw this.fail('a new name', JSON.stringify(name));
    }
    this.names.set(name, member);
  }

  resolve(name) {
    const member = this.names.get(name);
    if (member === undefined) throw this.fail('a name defined above', JSON.stringify(name));
    return member;
  }

  finish() {
    if (this.quorums.length !== 1) {
      const count = this.quorums.length;
      throw new FormError('policy without one quorum', 'exactly one quorum line', count);
    }
    if (this.logs.length === 0) {
      throw new FormError('policy without log', 'at least one log line', 'none');
    }
    for (const witness of this.witnesses) {
      witness.organisation = this.organisations.get(witness.name) ?? null;
    }
    return new Policy({ ...this, quorum: this.quorums[0] });
  }
}

function trimBlanks(text) {
  return text.replace(/^[ \t]+|[ \t]+$/g, '');
}

/**
 * @param {string | Uint8Array} source a policy file
 * @returns {Policy}
 * @throws {FormError} that names the line: malformed, a name unknown or taken, a key that serves
 *   twice, a threshold out of range, or not exactly one quorum
 */
export function parsePolicy(source) {
  const text = typeof source === 'string' ? source : fromUtf8(source, 'policy');
  const bytes = utf8(text).length;
  if (bytes > POLICY_BYTES_MAX) {
    throw new FormError('policy', `at most ${POLICY_BYTES_MAX} bytes`, bytes);
  }
  const lines = text.split('\n');
  const count = lines[lines.length - 1] === '' ? lines.length - 1 : lines.length;
  if (count > POLICY_LINES_MAX) {
    throw new FormError('policy', `at most ${POLICY_LINES_MAX} lines`, count);
  }
  const reader = new PolicyReader();
  lines.forEach((line, i) => reader.read(i + 1, line));
  return reader.finish();
}
