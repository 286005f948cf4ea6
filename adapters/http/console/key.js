/** The depositor's key: made here when first needed, and not readable even by this page. */
import { toHex } from '/client/bytes.js';
import { generateKey } from '/client/keys.js';
import { keyFingerprint } from '/client/statement.js';
import { byId, exact, fact, make, onLanguage, say, setText, tell } from './dom.js';
import { forget, keep, kept } from './keeping.js';

const PLACE = 'depositor';
/** How long a second press is waited for. */
const SURE_MS = 6000;

/** @type {{publicKey: Uint8Array, privateKey: CryptoKey} | null} */
let key = null;
let sureTimer = 0;

/** @returns {Promise<import('/client/keys.js').Signer>} */
export async function depositorKey() {
  if (key === null) {
    const { publicKey, privateKey } = await generateKey();
    key = { publicKey, privateKey };
    await keep('keys', PLACE, key);
    tell('key-told', '');
    show();
  }
  const { publicKey, privateKey } = key;
  const sign = async (message) =>
    new Uint8Array(await crypto.subtle.sign({ name: 'Ed25519' }, privateKey, message));
  return { publicKey, sign };
}

function show() {
  const facts = make('dl', 'facts');
  if (key === null) {
    fact(facts, say('keyId'), say('noKeyYet'));
  } else {
    fact(facts, say('keyId'), exact(keyFingerprint(key.publicKey)));
    fact(facts, say('publicKey'), exact(toHex(key.publicKey)));
  }
  byId('key-facts').replaceChildren(...facts.children);
  const button = byId('key-forget');
  button.hidden = key === null;
  setText(button, say(sureTimer === 0 ? 'forgetKey' : 'forgetKeySure'));
}

function calm() {
  clearTimeout(sureTimer);
  sureTimer = 0;
  show();
}

async function onForget() {
  if (sureTimer === 0) {
    sureTimer = setTimeout(calm, SURE_MS);
    show();
    return;
  }
  await forget('keys', PLACE);
  key = null;
  calm();
  tell('key-told', say('keyForgotten'), 'good');
}

/** Takes the kept key up and lets it be forgotten. */
export async function prepareKey() {
  byId('key-forget').addEventListener('click', onForget);
  onLanguage(show);
  try {
    key = (await kept('keys', PLACE)) ?? null;
  } catch (error) {
    tell('key-told', say('nothingKept', error.message), 'bad');
  }
  show();
}
