/**
 * A depositor's key. It signs through WebCrypto and, made here, cannot be read out again.
 */
import { FormError, exactBytes, fromBase64, toBase64 } from './bytes.js';
import { keyComplaint, verifyStrict } from './ed25519.js';
import {
  encodeStatement,
  keyFingerprint,
  parseStatement,
  signedBytes,
  statementId,
} from './statement.js';

const ED25519 = Object.freeze({ name: 'Ed25519' });
const PEM_LABEL = 'PRIVATE KEY';

/**
 * @typedef {object} Signer
 * @property {Uint8Array} publicKey 32 bytes
 * @property {(message: Uint8Array) => Promise<Uint8Array>} sign 64 bytes (RFC 8032)
 */

/** @returns {SubtleCrypto} @throws {Error} where the platform has none */
function subtleCrypto() {
  const subtle = globalThis.crypto?.subtle;
  if (subtle !== undefined) return subtle;
  throw new Error('WebCrypto: expected crypto.subtle, found none; use https or Node 20 or later');
}

async function signerOf(privateKey, publicKey) {
  const subtle = subtleCrypto();
  const raw = new Uint8Array(await subtle.exportKey('raw', publicKey));
  const complaint = keyComplaint(raw);
  if (complaint !== null) throw new FormError('key', 'a key of prime order', complaint);
  return {
    publicKey: raw,
    privateKey,
    sign: async (message) => new Uint8Array(await subtle.sign(ED25519, privateKey, message)),
  };
}

/**
 * Makes a key. In a browser keep `privateKey`, a CryptoKey, in IndexedDB: it can be stored there
 * and cannot be read out.
 * @param {{extractable?: boolean}} [options] extractable: so that `exportPem` can write it
 * @returns {Promise<Signer & {privateKey: CryptoKey}>}
 * @throws {Error} where WebCrypto has no Ed25519
 */
export async function generateKey({ extractable = false } = {}) {
  const usages = ['sign', 'verify'];
  const pair = await subtleCrypto().generateKey(ED25519, extractable, usages);
  return signerOf(pair.privateKey, pair.publicKey);
}

/**
 * Reads the key file that `wutong keygen` writes: unencrypted PKCS#8 PEM (RFC 8410).
 * @param {string} pem
 * @param {{extractable?: boolean}} [options]
 * @returns {Promise<Signer & {privateKey: CryptoKey}>}
 * @throws {FormError} when the text is no such document
 */
export async function importPem(pem, { extractable = false } = {}) {
  const form = 'an Ed25519 private key in PKCS#8 PEM';
  const malformed = (found) => new FormError('key file', form, found);
  const body = new RegExp(`-----BEGIN ${PEM_LABEL}-----([^-]*)-----END ${PEM_LABEL}-----`);
  const encoded = body.exec(pem);
  if (encoded === null) throw malformed(`no "${PEM_LABEL}" block`);
  const der = fromBase64(encoded[1].replace(/\s/g, ''), 'key file');
  const subtle = subtleCrypto();
  try {
    // The public half is read from a passing copy, so that the kept key stays unreadable.
    const passing = await subtle.importKey('pkcs8', der, ED25519, true, ['sign']);
    const { kty, crv, x } = await subtle.exportKey('jwk', passing);
    const jwk = { kty, crv, x };
    const publicKey = await subtle.importKey('jwk', jwk, ED25519, true, ['verify']);
    const privateKey = await subtle.importKey('pkcs8', der, ED25519, extractable, ['sign']);
    return await signerOf(privateKey, publicKey);
  } catch (error) {
    if (error instanceof FormError) throw error;
    throw malformed(error?.message || 'another document');
  } finally {
    der.fill(0);
  }
}

/**
 * @param {{privateKey: CryptoKey}} key made or read with `extractable: true`
 * @returns {Promise<string>} PKCS#8 PEM as `wutong` reads it; keep it where only you can read
 */
export async function exportPem({ privateKey }) {
  const der = new Uint8Array(await subtleCrypto().exportKey('pkcs8', privateKey));
  const lines = toBase64(der).match(/.{1,64}/g);
  return [`-----BEGIN ${PEM_LABEL}-----`, ...lines, `-----END ${PEM_LABEL}-----`, ''].join('\n');
}

/**
 * @typedef {object} SignedStatement
 * @property {Uint8Array} entry the bytes to submit; a statement commits once, however often it
 *   is sent
 * @property {Uint8Array} id 32 bytes
 * @property {import('./statement.js').Statement} statement
 */

/**
 * Signs a deposit, and checks the new signature strictly before it is handed out.
 * @param {Signer} key
 * @param {import('./statement.js').Deposit} deposit as `buildDeposit` makes it
 * @param {{issuer?: string, subject?: string}} [claims] who deposits and what, in your words;
 *   everybody can read both, so keep them opaque. Default: `key:<key id>` and "file"
 * @returns {Promise<SignedStatement>}
 * @throws {FormError} when issuer or subject is not 1 to 256 bytes of printable text, or the
 *   entry is longer than the log holds
 */
export async function signStatement(key, deposit, { issuer, subject = 'file' } = {}) {
  const unsigned = {
    issuer: issuer ?? `key:${keyFingerprint(key.publicKey)}`,
    subject,
    key: key.publicKey,
    deposit,
    signature: new Uint8Array(64),
  };
  const message = signedBytes(unsigned);
  const signature = exactBytes(await key.sign(message), 64, 'signature');
  if (!(await verifyStrict(key.publicKey, message, signature))) {
    throw new FormError('signature', 'one that verifies', 'another');
  }
  const entry = encodeStatement({ ...unsigned, signature });
  return { entry, id: statementId(entry), statement: parseStatement(entry) };
}
