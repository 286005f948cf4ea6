/** The console: wires the parts to what is seen of the network. */
import { addDeposit, askBlocks, redrawOnLanguage, showLive } from './chain.js';
import { prepareDeposits } from './deposit.js';
import { prepareDetails } from './details.js';
import { byId, chooseLanguage, make, onLanguage, saveText, say } from './dom.js';
import { keep, kept } from './keeping.js';
import { prepareKey } from './key.js';
import { prepareLookup } from './lookup.js';
import { Network } from './network.js';
import { Stream } from './stream.js';
import { showNetwork } from './validators.js';

/** Deposits that are asked for when the page is opened. */
const DEPOSITS_BEFORE = 8;

const network = new Network();
const stream = new Stream(() => network.base, (event) => addDeposit(network, event), showLive);
let isStarted = false;

function showPolicy() {
  const whole = network.policy?.fingerprint ?? '';
  if (byId('fingerprint').textContent === whole) return;
  // Groups are easier to compare; they are boxes, so that the text itself stays whole.
  const groups = (whole.match(/.{8}/g) ?? []).map((group) => make('span', '', group));
  byId('fingerprint').replaceChildren(...groups);
}

function onSeen() {
  showNetwork(network);
  showPolicy();
  if (network.health === null) return;
  askBlocks(network, network.health.height);
  if (!isStarted) {
    isStarted = true;
    stream.start(Math.max(0, network.health.statements - DEPOSITS_BEFORE));
  }
  stream.follow();
}

async function onLanguageChosen({ currentTarget }) {
  const { language } = currentTarget.dataset;
  chooseLanguage(language);
  await keep('choices', 'language', language).catch(() => undefined);
}

async function begin() {
  const chosen = await kept('choices', 'language').catch(() => undefined);
  chooseLanguage(chosen ?? navigator.language ?? 'en');
  for (const button of document.querySelectorAll('[data-language]')) {
    button.addEventListener('click', onLanguageChosen);
  }
  byId('policy-save').addEventListener('click', () => {
    if (network.policyText !== null) saveText(say('policyName'), network.policyText);
  });
  // A file that misses its place must not replace the page.
  for (const type of ['dragover', 'drop']) {
    document.addEventListener(type, (event) => event.preventDefault());
  }
  prepareDetails();
  prepareLookup(network);
  redrawOnLanguage(network);
  onLanguage(() => {
    document.title = `${say('title')} \u2013 Wutong`;
    showNetwork(network);
  });
  network.addEventListener('change', onSeen);
  network.run();
  await prepareKey();
  await prepareDeposits(network);
}

begin();
