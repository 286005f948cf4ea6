/**
 * The signed statement: a COSE_Sign1 (RFC 9052 section 4.2) by the depositor's own key.
 *
 * `18([protected, {}, payload, signature])`. The protected header is `{1: EdDSA, 3: content type,
 * 4: key id, 15: {1: issuer, 2: subject, 8: {1: {1: 1, -1: 6, -2: key}}}}`; the payload is
 * `[1, network, namespace, mode, algorithm, value, declared time | null, not before | null,
 * [references]]`. Both are deterministic CBOR.
 */
import { FormError, equalBytes, exactBytes, toHex, uint64, utf8 } from './bytes.js';
import {
  CborTag,
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
import { sha256 } from './hash.js';
import { leafHash } from './merkle.js';

/** Most bytes of an entry: tile bundles carry a 16-bit length (C2SP tlog-tiles). */
export const ENTRY_BYTES_MAX = 65_535;
/** Most statements that one deposit may refer to. */
export const REFERENCES_MAX = 16;
/** Most bytes of a body that the network keeps beside the log. */
export const BODY_BYTES_MAX = 4 << 20;
/** The content type of a deposit. */
export const DEPOSIT_CONTENT_TYPE = 'application/vnd.wutong.deposit.v1+cbor';
/** Number of SHA-256, in payloads and in commitments. */
export const SHA256_ALGORITHM = 1;

/** Modes by number. */
export const MODES = Object.freeze(['digest', 'commitment', 'content', 'batch', 'body']);

const PARTY_BYTES_MAX = 256;
const COSE_SIGN1 = 18;
const EDDSA = -8;
const COMMIT_DOMAIN = utf8('wutong/commit/v1');

/**
 * What a deposit lodges, by mode.
 * @typedef {{mode: 'digest' | 'commitment' | 'content', value: Uint8Array}
 *   | {mode: 'batch', value: {root: Uint8Array, count: import('./bytes.js').Uint64}}
 *   | {mode: 'body', value: {digest: Uint8Array, size: import('./bytes.js').Uint64}}} Lodged
 */

/**
 * The payload.
 * @typedef {Lodged & {network: string, namespace: string,
 *   declaredTimeMs: import('./bytes.js').Uint64 | null, notBefore: Uint8Array | null,
 *   references: Uint8Array[]}} Deposit
 */

/**
 * @typedef {object} Statement
 * @property {string} issuer the author, in the author's words
 * @property {string} subject what it is about, in the author's words
 * @property {Uint8Array} key the author's, 32 bytes
 * @property {Deposit} deposit
 * @property {Uint8Array} signature 64 bytes
 */

/**
 * SHA-256("wutong/commit/v1" || salt || algorithm || digest): without the random salt nobody can
 * recognise even a guessable document.
 * @param {Uint8Array} salt 32 bytes
 * @param {Uint8Array} digest 32 bytes
 * @returns {Uint8Array} 32 bytes
 */
export function commit(salt, digest) {
  exactBytes(salt, 32, 'salt');
  exactBytes(digest, 32, 'digest');
  return sha256(COMMIT_DOMAIN, salt, Uint8Array.of(SHA256_ALGORITHM), digest);
}

/** @param {Uint8Array} key @returns {string} first 16 hexadecimal digits of its SHA-256 */
export function keyFingerprint(key) {
  return toHex(coseKeyId(key));
}

/** @param {Uint8Array} entry @returns {Uint8Array} the statement's id: its entry's leaf hash */
export function statementId(entry) {
  return leafHash(entry);
}

/**
 * @param {unknown} text
 * @param {string} field named in the error
 * @returns {string}
 * @throws {FormError} when it is not 1 to 32 characters of a-z, 0-9 and '-'
 */
export function checkName(text, field) {
  if (typeof text === 'string' && /^[a-z0-9-]{1,32}$/.test(text)) return text;
  throw new FormError(field, "1 to 32 characters of a-z, 0-9 and '-'", JSON.stringify(text));
}

/** A party or subject: 1 to 256 bytes without control characters. */
function checkParty(text, field) {
  const length = utf8(text).length;
  if (length < 1 || length > PARTY_BYTES_MAX) {
    throw new FormError(field, `1 to ${PARTY_BYTES_MAX} bytes`, length);
  }
  const control = /\p{Cc}/u.exec(text);
  if (control === null) return text;
  throw new FormError(field, 'no control characters', JSON.stringify(control[0]));
}

function coseKeyId(key) {
  return sha256(key).slice(0, 8);
}

function encodeHeader({ issuer, subject, key }) {
  const coseKey = new Map([[1, 1], [-1, 6], [-2, key]]);
  const claims = new Map([[1, issuer], [2, subject], [8, new Map([[1, coseKey]])]]);
  const header = [[1, EDDSA], [3, DEPOSIT_CONTENT_TYPE], [4, coseKeyId(key)], [15, claims]];
  return encodeCbor(new Map(header));
}

/** The values of a map that has exactly these keys, in this order. */
function mapValues(value, keys, field) {
  const found = value instanceof Map ? [...value.keys()] : [];
  const same = found.length === keys.length && found.every((key, i) => key === keys[i]);
  if (value instanceof Map && same) return [...value.values()];
  throw new FormError(field, `a map with the keys ${keys.join(', ')}`, 'something else');
}

function decodeHeader(bytes) {
  const map = decodeCbor(bytes, 'protected header');
  const [algorithm, type, keyId, claims] = mapValues(map, [1, 3, 4, 15], 'protected header');
  cborConstant(algorithm, EDDSA, 'algorithm of the signature');
  cborConstant(type, DEPOSIT_CONTENT_TYPE, 'content type');
  const [issuer, subject, confirmation] = mapValues(claims, [1, 2, 8], 'claims');
  const [coseKey] = mapValues(confirmation, [1], 'key');
  const [keyType, curve, key] = mapValues(coseKey, [1, -1, -2], 'key');
  cborConstant(keyType, 1, 'key');
  cborConstant(curve, 6, 'key');
  exactBytes(key, 32, 'key');
  if (!equalBytes(exactBytes(keyId, 8, 'key id'), coseKeyId(key))) {
    throw new FormError('key id', toHex(coseKeyId(key)), toHex(keyId));
  }
  return {
    issuer: checkParty(cborText(issuer, 'issuer'), 'issuer'),
    subject: checkParty(cborText(subject, 'subject'), 'subject'),
    key,
  };
}

function atLeastOne(value, field) {
  if (cborUint(value, field) >= 1) return value;
  throw new FormError(field, '1 or more', value);
}

function decodeLodged(number, value) {
  const mode = typeof number === 'number' ? MODES[number] : undefined;
  switch (mode) {
    case 'digest':
    case 'commitment':
      return { mode, value: cborHash(value, 'value') };
    case 'content':
      if (cborBytes(value, 'value').length >= 1) return { mode, value };
      throw new FormError('value', '1 byte of content or more', 0);
    case 'batch': {
      const [root, count] = cborArray(value, 2, 'value');
      return {
        mode,
        value: { root: cborHash(root, 'root'), count: atLeastOne(count, 'count') },
      };
    }
    case 'body': {
      const [digest, size] = cborArray(value, 2, 'value');
      return {
        mode,
        value: { digest: cborHash(digest, 'digest'), size: atLeastOne(size, 'size') },
      };
    }
    default:
      throw new FormError('mode', `0 to ${MODES.length - 1}`, String(number));
  }
}

function lodgedValue({ mode, value }) {
  if (mode === 'batch') return [value.root, value.count];
  if (mode === 'body') return [value.digest, value.size];
  return value;
}

/**
 * @param {Uint8Array} bytes
 * @returns {Deposit}
 * @throws {FormError} that names the field
 */
export function decodeDeposit(bytes) {
  const items = cborArray(decodeCbor(bytes, 'payload'), 9, 'payload');
  const [version, network, namespace, mode, algorithm, value, time, notBefore, references] = items;
  cborConstant(version, 1, 'version');
  cborConstant(algorithm, SHA256_ALGORITHM, 'algorithm');
  return {
    network: checkName(network, 'network'),
    namespace: checkName(namespace, 'namespace'),
    ...decodeLodged(mode, value),
    declaredTimeMs: cborNullable(time, (t) => cborUint(t, 'declared time')),
    notBefore: cborNullable(notBefore, (hash) => cborHash(hash, 'not before')),
    references: cborArrayUpTo(references, REFERENCES_MAX, 'references').map((hash) =>
      cborHash(hash, 'references'),
    ),
  };
}

/**
 * @param {Deposit} deposit
 * @returns {Uint8Array} the payload, which reads back as the same deposit
 * @throws {FormError} when a field has a value that a deposit cannot have
 */
export function encodeDeposit(deposit) {
  const time = deposit.declaredTimeMs;
  const bytes = encodeCbor([
    1,
    deposit.network,
    deposit.namespace,
    MODES.indexOf(deposit.mode),
    SHA256_ALGORITHM,
    lodgedValue(deposit),
    time === null ? null : uint64(time, 'declared time'),
    deposit.notBefore,
    deposit.references,
  ]);
  decodeDeposit(bytes);
  return bytes;
}

function signatureInput(header, payload) {
  return encodeCbor(['Signature1', header, new Uint8Array(0), payload]);
}

/**
 * The bytes that a depositor signs (RFC 9052 section 4.4).
 * @param {Statement} statement its signature is not used
 * @returns {Uint8Array}
 */
export function signedBytes(statement) {
  return signatureInput(encodeHeader(statement), encodeDeposit(statement.deposit));
}

/**
 * @param {Statement} statement
 * @returns {Uint8Array} the bytes that are logged
 * @throws {FormError} when they are too many, or a field has an impossible value
 */
export function encodeStatement(statement) {
  const payload = encodeDeposit(statement.deposit);
  const parts = [encodeHeader(statement), new Map(), payload, statement.signature];
  const entry = encodeCbor(new CborTag(COSE_SIGN1, parts));
  if (entry.length <= ENTRY_BYTES_MAX) return entry;
  throw new FormError('entry', `at most ${ENTRY_BYTES_MAX} bytes`, entry.length);
}

/**
 * @param {Uint8Array} entry
 * @returns {Statement} whose signature is not judged
 * @throws {FormError} when the bytes are not exactly those that `encodeStatement` writes
 */
export function parseStatement(entry) {
  if (entry.length < 1 || entry.length > ENTRY_BYTES_MAX) {
    throw new FormError('entry', `1 to ${ENTRY_BYTES_MAX} bytes`, entry.length);
  }
  const tagged = decodeCbor(entry, 'entry');
  if (!(tagged instanceof CborTag) || tagged.tag !== COSE_SIGN1) {
    throw new FormError('entry', 'CBOR tag 18', tagged?.tag ?? 'none');
  }
  const [header, unprotected, payload, signature] = cborArray(tagged.value, 4, 'entry');
  mapValues(unprotected, [], 'unprotected header');
  const statement = {
    ...decodeHeader(cborBytes(header, 'protected header')),
    deposit: decodeDeposit(cborBytes(payload, 'payload')),
    signature: exactBytes(signature, 64, 'signature'),
  };
  // Builder and reader are checked against each other.
  if (equalBytes(encodeStatement(statement), entry)) return statement;
  throw new FormError('entry', 'deterministic form (RFC 8949 section 4.2.1)', 'another form');
}

/**
 * @typedef {object} DepositWish
 * @property {string} network the one network it is meant for
 * @property {string} [namespace] default "public"
 * @property {'digest' | 'commitment' | 'content' | 'batch' | 'body'} [mode] default "commitment"
 * @property {Uint8Array} [document] the document, or
 * @property {Uint8Array} [digest] its SHA-256 (modes digest and commitment)
 * @property {{root: Uint8Array, count: number}} [batch] of mode batch, as `buildBatch` makes it
 * @property {Uint8Array} [salt] 32 random bytes; made when not given
 * @property {number | bigint | null} [declaredTimeMs] your claim of the time; default now
 * @property {Uint8Array | null} [notBefore] SHA-256 of a checkpoint's note text
 * @property {Uint8Array[]} [references] ids of earlier statements, at most 16
 */

/**
 * Makes a payload. The document itself is part of it in mode "content" only.
 * @param {DepositWish} wish
 * @returns {{deposit: Deposit, salt: Uint8Array | null}} keep the salt: it exists nowhere else
 * @throws {FormError} that names the field
 */
export function buildDeposit(wish) {
  const mode = wish.mode ?? 'commitment';
  const digest = () => {
    if (wish.digest !== undefined) return exactBytes(wish.digest, 32, 'digest');
    if (wish.document !== undefined) return sha256(wish.document);
    throw new FormError('document', 'a document or its digest', 'neither');
  };
  const salt =
    mode === 'commitment' ? (wish.salt ?? crypto.getRandomValues(new Uint8Array(32))) : null;
  const values = {
    digest,
    commitment: () => commit(salt, digest()),
    content: () => sized(wish.document, ENTRY_BYTES_MAX),
    batch: () => ({ root: wish.batch?.root, count: wish.batch?.count }),
    body: () => ({ digest: digest(), size: sized(wish.document, BODY_BYTES_MAX).length }),
  };
  if (!MODES.includes(mode)) throw new FormError('mode', MODES.join(', '), String(mode));
  const deposit = {
    network: checkName(wish.network, 'network'),
    namespace: checkName(wish.namespace ?? 'public', 'namespace'),
    mode,
    value: values[mode](),
    declaredTimeMs: wish.declaredTimeMs === undefined ? Date.now() : wish.declaredTimeMs,
    notBefore: wish.notBefore ?? null,
    references: wish.references ?? [],
  };
  encodeDeposit(deposit);
  return { deposit, salt };
}

function sized(document, max) {
  const length = document?.length ?? 0;
  if (length >= 1 && length <= max) return document;
  throw new FormError('document', `1 to ${max} bytes`, length);
}

/**
 * The digest that a document's own SHA-256 is compared with, where the statement holds it openly.
 * @param {Deposit} deposit
 * @returns {Uint8Array | null} null for commitments and batches
 */
export function openDigest(deposit) {
  if (deposit.mode === 'digest') return deposit.value;
  if (deposit.mode === 'content') return sha256(deposit.value);
  return deposit.mode === 'body' ? deposit.value.digest : null;
}
