/** The page: three inputs, one verdict. All content is shown as text, never as markup. */
import { FormError } from '../../src/bytes.js';
import { sha256Blob } from '../../src/hash.js';
import { POLICY_BYTES_MAX, parsePolicy } from '../../src/policy.js';
import { RECEIPT_BYTES_MAX } from '../../src/receipt.js';
import { verify } from '../../src/verify.js';
import { showChecks, showNothing, showPlace, showVerdict, showWords, visible } from './show.js';
import { chooseLanguage, percentText, say, sizeText } from './texts.js';

const byId = (id) => document.getElementById(id);

/** What the page knows; it lives as long as the page. */
const state = {
  /** @type {{file: File, digest: Uint8Array | null, stop: AbortController} | null} */
  file: null,
  /** @type {{name: string, bytes: Uint8Array} | null} */
  receipt: null,
  /** @type {import('../../src/policy.js').Policy | null} */
  policy: null,
  alone: false,
  /** Counts changes: the answer to an earlier question is thrown away. */
  turn: 0,
  report: null,
};

function note(id, text, kind = '') {
  const place = byId(id);
  place.textContent = visible(text);
  place.dataset.kind = kind;
}

/** Reads a small file; one byte more than allowed is enough for the library to refuse it. */
async function readSmall(file, max) {
  return new Uint8Array(await file.slice(0, max + 1).arrayBuffer());
}

async function takeFile(file) {
  state.file?.stop.abort();
  const stop = new AbortController();
  const taken = { file, digest: null, stop };
  state.file = taken;
  const bar = byId('file-progress');
  bar.hidden = false;
  bar.value = 0;
  const progress = (done, total) => {
    bar.value = total === 0 ? 1 : done / total;
    note('file-note', say('reading', file.name, percentText(bar.value)));
  };
  progress(0, file.size);
  refresh();
  try {
    taken.digest = await sha256Blob(file, progress, stop.signal);
  } catch (error) {
    if (state.file !== taken) return;
    state.file = null;
    note('file-note', say('cannotRead', error.message), 'bad');
  }
  if (state.file !== taken && state.file !== null) return;
  bar.hidden = true;
  if (state.file === taken) note('file-note', say('read', file.name, sizeText(file.size)), 'good');
  refresh();
}

async function takeReceipt(file) {
  try {
    state.receipt = { name: file.name, bytes: await readSmall(file, RECEIPT_BYTES_MAX) };
    note('receipt-note', say('read', file.name, sizeText(file.size)), 'good');
  } catch (error) {
    state.receipt = null;
    note('receipt-note', say('cannotRead', error.message), 'bad');
  }
  refresh();
}

async function takePolicyFile(file) {
  try {
    const bytes = await readSmall(file, POLICY_BYTES_MAX);
    byId('policy-text').value = new TextDecoder().decode(bytes);
    takePolicy(bytes, say('read', file.name, sizeText(file.size)));
  } catch (error) {
    note('policy-note', say('cannotRead', error.message), 'bad');
  }
}

/** @param {string | Uint8Array} source @param {string} told where it came from */
function takePolicy(source, told) {
  state.policy = null;
  note('policy-note', told);
  if (source.length > 0) {
    try {
      state.policy = parsePolicy(source);
      byId('policy-note').dataset.kind = 'good';
    } catch (error) {
      if (!(error instanceof FormError)) throw error;
      note('policy-note', say('noPolicy', error.message), 'bad');
    }
  }
  showPolicy();
  refresh();
}

/** The fingerprint that the reader got another way; null when none or not all of it is there. */
function pinned() {
  const text = byId('pin').value.replace(/[\s:]/g, '').toLowerCase();
  return /^[0-9a-f]{64}$/.test(text) ? text : null;
}

function showPolicy() {
  byId('anchor').hidden = state.policy === null;
  const whole = state.policy?.fingerprint ?? '';
  // Groups are easier to compare; they are boxes, so that the text itself stays whole.
  const groups = (whole.match(/.{8}/g) ?? []).map((group) => {
    const box = document.createElement('span');
    box.textContent = group;
    return box;
  });
  byId('fingerprint').replaceChildren(...groups);
  const written = byId('pin').value.trim() !== '';
  const pin = pinned();
  if (!written || state.policy === null) note('pin-note', '');
  else if (pin === null) note('pin-note', say('pinShort'));
  else if (pin === whole) note('pin-note', say('pinMatch'), 'good');
  else note('pin-note', say('pinDiffers'), 'bad');
}

function missing() {
  const names = [];
  if (state.file === null && !state.alone) names.push(say('fileTitle'));
  if (state.receipt === null) names.push(say('receiptTitle'));
  if (state.policy === null) names.push(say('policyTitle'));
  // A fingerprint that is only begun must not be taken for one that was compared.
  if (byId('pin').value.trim() !== '' && pinned() === null) names.push(say('pinRest'));
  return names;
}

/** Verifies when everything is there; whatever was shown before is taken away at once. */
async function refresh() {
  const turn = ++state.turn;
  state.report = null;
  const needed = missing();
  byId('alone').hidden = !(state.receipt && state.policy && state.file === null && !state.alone);
  if (needed.length > 0) {
    const none = state.file === null && state.receipt === null && state.policy === null;
    showNothing(none ? '' : say('waiting', needed.join(say('and'))));
    return;
  }
  showNothing(say('working'));
  if (state.file !== null && state.file.digest === null) return;
  const digest = state.file?.digest;
  const fingerprint = pinned() ?? undefined;
  try {
    const report = await verify(state.receipt.bytes, state.policy, { digest, fingerprint });
    if (turn !== state.turn) return;
    state.report = report;
    showVerdict(report);
    showChecks(report);
    showPlace();
  } catch (error) {
    if (turn === state.turn) showNothing(say('failure', String(error)));
  }
}

/** A file dropped beside the three fields goes where its name says. */
function takeDropped(file) {
  if (file.name.endsWith('.tlog-proof')) return takeReceipt(file);
  if (/(^|\.)policy(\.txt)?$/i.test(file.name)) return takePolicyFile(file);
  return takeFile(file);
}

function speak(code) {
  chooseLanguage(code);
  for (const button of document.querySelectorAll('[data-language]')) {
    button.setAttribute('aria-pressed', String(document.documentElement.lang === button.lang));
  }
  showWords();
  showPolicy();
  if (state.file?.digest) {
    note('file-note', say('read', state.file.file.name, sizeText(state.file.file.size)), 'good');
  }
  if (state.receipt) {
    const { name, bytes } = state.receipt;
    note('receipt-note', say('read', name, sizeText(bytes.length)), 'good');
  }
  if (state.report === null) refresh();
  else {
    showVerdict(state.report);
    showChecks(state.report);
  }
}

function onFile(input, take) {
  const field = byId(input);
  const zone = field.closest('.drop');
  field.addEventListener('change', () => {
    if (field.files.length > 0) take(field.files[0]);
    // The same file may be chosen again, after it was changed.
    field.value = '';
  });
  zone.addEventListener('drop', (event) => {
    event.preventDefault();
    event.stopPropagation();
    zone.classList.remove('over');
    if (event.dataTransfer.files.length > 0) take(event.dataTransfer.files[0]);
  });
  zone.addEventListener('dragover', () => zone.classList.add('over'));
  zone.addEventListener('dragleave', () => zone.classList.remove('over'));
}

function start() {
  onFile('file', (file) => {
    state.alone = false;
    return takeFile(file);
  });
  onFile('receipt', takeReceipt);
  onFile('policy-file', takePolicyFile);
  byId('policy-text').addEventListener('input', (event) => takePolicy(event.target.value, ''));
  byId('pin').addEventListener('input', () => {
    showPolicy();
    refresh();
  });
  byId('alone').addEventListener('click', () => {
    state.alone = true;
    refresh();
  });
  document.addEventListener('dragover', (event) => event.preventDefault());
  document.addEventListener('drop', (event) => {
    event.preventDefault();
    for (const file of event.dataTransfer.files) takeDropped(file);
  });
  for (const button of document.querySelectorAll('[data-language]')) {
    button.addEventListener('click', () => speak(button.lang));
  }
  speak(navigator.language ?? 'en');
}

start();
