/**
 * Signed notes (C2SP signed-note), checkpoints (tlog-checkpoint) and cosignatures
 * (tlog-cosignature). Reading is strict and judges no signature.
 */
import {
  FormError,
  concat,
  exactBytes,
  fromBase64,
  fromBigEndian64,
  fromHex,
  parseDecimal,
  toBase64,
  toHex,
  utf8,
} from './bytes.js';
import { verifyStrict } from './ed25519.js';
import { sha256 } from './hash.js';

/** Most signature lines of a note; the specification asks for at least 16. */
export const SIGNATURES_MAX = 64;

/** Most bytes of a note. */
export const NOTE_BYTES_MAX = 65_536;

/** Type bytes of keys: what a key signs. */
export const KEY_TYPES = Object.freeze({ log: 0x01, cosigner: 0x04 });

const SIGNATURE_PREFIX = '\u2014 ';
const COSIGNATURE_BYTES = 72;
const LOG_SIGNATURE_BYTES = 64;

/**
 * @typedef {object} NoteSignature
 * @property {string} name the key's name
 * @property {string} keyId eight hexadecimal digits
 * @property {Uint8Array} bytes what follows the key id
 */

/**
 * @typedef {object} Note
 * @property {string} text the signed text with its last newline
 * @property {NoteSignature[]} signatures in order
 */

/**
 * @typedef {object} VerifierKey
 * @property {string} name no spaces, no plus
 * @property {number} type a value of KEY_TYPES
 * @property {Uint8Array} key 32 bytes
 * @property {string} keyId first four bytes of SHA-256(name || 0x0A || type || key), hexadecimal
 */

/**
 * @typedef {object} TreeHead
 * @property {string} origin name of the log
 * @property {import('./bytes.js').Uint64} size leaves of its tree
 * @property {Uint8Array} root 32 bytes
 */

/** @param {Uint8Array} bytes at least four @returns {string} */
function keyIdText(bytes) {
  return toHex(bytes.subarray(0, 4));
}

/**
 * @param {string} name
 * @returns {string} the name
 * @throws {FormError} when it is empty or has a space, a control character or a plus
 */
export function checkKeyName(name) {
  if (name !== '' && !/[\p{White_Space}\p{Cc}+]/u.test(name)) return name;
  throw new FormError('key name', "a text without spaces and '+'", JSON.stringify(name));
}

/**
 * @param {string} name
 * @param {number} type a value of KEY_TYPES
 * @param {Uint8Array} key 32 bytes
 * @returns {VerifierKey}
 * @throws {FormError} when the name is none
 */
export function verifierKey(name, type, key) {
  exactBytes(key, 32, 'verifier key');
  const digest = sha256(utf8(checkKeyName(name)), Uint8Array.of(0x0a, type), key);
  return { name, type, key, keyId: keyIdText(digest) };
}

/**
 * @param {string} text `<name>+<8 hexadecimal digits>+<base64(type || key)>`
 * @returns {VerifierKey}
 * @throws {FormError} when it is malformed, of another type, or its key id is another key's
 */
export function parseVerifierKey(text) {
  const parts = /^([^+]*)\+([0-9a-f]{8})\+([\s\S]*)$/u.exec(text);
  const form = '"<name>+<8 hex digits>+<base64>"';
  const malformed = () => new FormError('verifier key', form, JSON.stringify(text));
  if (parts === null) throw malformed();
  const [, name, keyId, encoded] = parts;
  const blob = fromBase64(encoded, 'verifier key');
  if (blob.length === 0) throw malformed();
  const type = blob[0];
  if (!Object.values(KEY_TYPES).includes(type)) {
    throw new FormError('verifier key', 'type 1 or 4 with an Ed25519 key', `type ${type}`);
  }
  if (blob.length !== 33) throw malformed();
  const key = verifierKey(name, type, blob.slice(1));
  if (key.keyId === keyId) return key;
  throw new FormError('verifier key', `key id ${key.keyId}`, keyId);
}

/** @param {VerifierKey} key @returns {string} its text form */
export function verifierKeyText(key) {
  return `${key.name}+${key.keyId}+${toBase64(concat(Uint8Array.of(key.type), key.key))}`;
}

/** @param {VerifierKey} key @param {NoteSignature} line @returns {boolean} whether it claims it */
export function claimsKey(key, line) {
  return key.name === line.name && key.keyId === line.keyId;
}

/** @param {NoteSignature} line @returns {string} with its newline */
export function signatureLine(line) {
  const blob = concat(fromHex(line.keyId), line.bytes);
  return `${SIGNATURE_PREFIX}${line.name} ${toBase64(blob)}\n`;
}

/**
 * @param {string} line without its newline
 * @returns {NoteSignature}
 * @throws {FormError}
 */
function parseSignatureLine(line) {
  const form = '"\u2014 <name> <base64>" and a newline';
  const malformed = () => new FormError('signature line', form, JSON.stringify(line));
  const rest = line.startsWith(SIGNATURE_PREFIX) ? line.slice(SIGNATURE_PREFIX.length) : '';
  const space = rest.indexOf(' ');
  if (space < 0) throw malformed();
  const name = checkKeyName(rest.slice(0, space));
  const blob = fromBase64(rest.slice(space + 1), 'signature');
  if (blob.length < 5) throw malformed();
  return { name, keyId: keyIdText(blob), bytes: blob.slice(4) };
}

/** @param {Note} note @returns {string} */
export function noteText(note) {
  return `${note.text}\n${note.signatures.map(signatureLine).join('')}`;
}

/**
 * @param {string} text
 * @returns {Note} of which `noteText` gives the same text
 * @throws {FormError} when it is no note in canonical form
 */
export function parseNote(text) {
  const bytes = utf8(text).length;
  if (bytes > NOTE_BYTES_MAX) throw new FormError('note', `at most ${NOTE_BYTES_MAX} bytes`, bytes);
  const control = /[\u0000-\u0009\u000b-\u001f]/u.exec(text);
  if (control !== null) {
    const found = JSON.stringify(control[0]);
    throw new FormError('note', 'no control characters but newline', found);
  }
  const blank = text.lastIndexOf('\n\n');
  if (blank < 0) throw new FormError('note', 'a blank line between text and signatures', 'none');
  const lines = text.slice(blank + 2).split('\n');
  const last = lines.pop();
  if (last !== '') throw new FormError('signature line', 'a newline at its end', 'none');
  if (lines.length < 1 || lines.length > SIGNATURES_MAX) {
    throw new FormError('signatures', `1 to ${SIGNATURES_MAX}`, lines.length);
  }
  return { text: text.slice(0, blank + 1), signatures: lines.map(parseSignatureLine) };
}

/** @param {TreeHead} head @returns {string} three lines, the last newline included */
export function treeHeadText(head) {
  return `${head.origin}\n${head.size}\n${toBase64(head.root)}\n`;
}

/**
 * @param {string} text a note's text
 * @returns {TreeHead}
 * @throws {FormError} when it is not three lines of origin, size and root
 */
export function parseTreeHead(text) {
  const lines = text.split('\n');
  if (lines.length !== 4 || lines[3] !== '') {
    throw new FormError('checkpoint', 'three lines (origin, size, root)', lines.length);
  }
  const origin = checkKeyName(lines[0]);
  const size = parseDecimal(lines[1]);
  if (size === null) throw new FormError('tree size', 'a decimal number', JSON.stringify(lines[1]));
  return { origin, size, root: exactBytes(fromBase64(lines[2], 'root'), 32, 'root') };
}

/**
 * A checkpoint as receipts carry it: one log line, written first, then cosignatures.
 * @param {string} text
 * @returns {{note: Note, head: TreeHead}}
 * @throws {FormError} when it is not in that form
 */
export function parseCheckpoint(text) {
  const note = parseNote(text);
  const head = parseTreeHead(note.text);
  const found = note.signatures.filter((line) => line.name === head.origin).length;
  if (found !== 1 || note.signatures[0].name !== head.origin) {
    const form = `the first signature, and no other, by ${JSON.stringify(head.origin)}`;
    throw new FormError('log line', form, found);
  }
  note.signatures.forEach((line, i) => {
    const length = i === 0 ? LOG_SIGNATURE_BYTES : COSIGNATURE_BYTES;
    exactBytes(line.bytes, length, `signature of ${JSON.stringify(line.name)}`);
  });
  // Builder and reader are checked against each other.
  if (noteText(note) !== text || treeHeadText(head) !== note.text) {
    throw new FormError('checkpoint', 'canonical form', 'another form');
  }
  return { note, head };
}

/**
 * @param {VerifierKey} key of a log
 * @param {string} text
 * @param {NoteSignature} line
 * @returns {Promise<boolean>} whether it is the key's valid signature, judged strictly
 */
export async function verifyLogLine(key, text, line) {
  return (
    key.type === KEY_TYPES.log &&
    claimsKey(key, line) &&
    line.bytes.length === LOG_SIGNATURE_BYTES &&
    (await verifyStrict(key.key, utf8(text), line.bytes))
  );
}

/** @param {import('./bytes.js').Uint64} timeS @param {string} text @returns {Uint8Array} */
export function cosignedMessage(timeS, text) {
  return utf8(`cosignature/v1\ntime ${timeS}\n${text}`);
}

/**
 * @param {VerifierKey} key of a cosigner
 * @param {string} text
 * @param {NoteSignature} line
 * @returns {Promise<import('./bytes.js').Uint64 | null>} its time in seconds since the Unix epoch;
 *   null when the cosignature is not valid, judged strictly
 */
export async function verifyCosignature(key, text, line) {
  if (key.type !== KEY_TYPES.cosigner || !claimsKey(key, line)) return null;
  if (line.bytes.length !== COSIGNATURE_BYTES) return null;
  const timeS = fromBigEndian64(line.bytes);
  if (timeS >= 2n ** 63n) return null;
  const signature = line.bytes.subarray(8);
  return (await verifyStrict(key.key, cosignedMessage(timeS, text), signature)) ? timeS : null;
}

/** @param {string} text a checkpoint's note text @returns {Uint8Array} what "not before" names */
export function checkpointHash(text) {
  return sha256(utf8(text));
}
