/** Deposits by drag and drop: a card for each, with its steps and its receipt. */
import { MODES } from '/client/statement.js';
import { utcText as secondsText } from '/client/report.js';
import { byId, fact, make, makeButton, onLanguage, say, saveText, setText, sizeText, takeFiles,
  tell } from './dom.js';
import { showStatement } from './details.js';
import { Job, STEPS } from './job.js';
import { allKept } from './keeping.js';

/** @type {Map<Job, HTMLElement>} */
const cards = new Map();

const chosenMode = () => document.querySelector('input[name="mode"]:checked').value;

/** Lets files be dropped, and takes up the deposits that were under way. */
export async function prepareDeposits(network) {
  for (const radio of document.querySelectorAll('input[name="mode"]')) {
    radio.addEventListener('change', () => {
      byId('content-warning').hidden = chosenMode() !== 'content';
    });
  }
  network.addEventListener('change', () => showNamespaces(network));
  takeFiles('deposit-drop', 'deposit-file', (files) => takeAll(network, files));
  onLanguage(() => cards.forEach((card, job) => draw(network, job, card)));
  try {
    const jobs = await allKept('jobs');
    for (const facts of jobs.sort((a, b) => a.at - b.at)) {
      const job = new Job(network, facts);
      add(network, job);
      job.run();
    }
  } catch (error) {
    tell('deposit-told', say('nothingKept', error.message), 'bad');
  }
}

/** Those that anybody may deposit in; a choice is shown when there is one. */
function showNamespaces({ namespaces }) {
  const place = byId('namespace');
  if (place.length > 0 || namespaces.length === 0) return;
  const open = namespaces.filter(({ open }) => open).map(({ name }) => new Option(name, name));
  place.append(...open);
  byId('namespace-box').hidden = open.length < 2;
}

/** One after the other: each is read in full before the next. */
async function takeAll(network, files) {
  const [mode, subject] = [chosenMode(), byId('subject').value.trim()];
  const problem = !isSecureContext ? 'insecure' : network.health === null ? 'nobodyAnswers' : '';
  tell('deposit-told', problem === '' ? '' : say(problem), problem === '' ? '' : 'bad');
  if (problem !== '') return;
  const namespace = byId('namespace').value || undefined;
  const jobs = files.map((file) => {
    const { name, size } = file;
    const facts = { id: crypto.randomUUID(), name, size, mode, namespace, at: Date.now() };
    const job = new Job(network, facts);
    add(network, job);
    return { job, file };
  });
  for (const { job, file } of jobs) await job.run(file, subject);
}

function add(network, job) {
  const card = make('li', 'job');
  cards.set(job, card);
  for (const earlier of byId('jobs').querySelectorAll('.verdict')) earlier.open = false;
  byId('jobs').prepend(card);
  job.addEventListener('change', () => draw(network, job, card));
  draw(network, job, card);
}

function stepState(job, i) {
  if (i < job.done) return 'done';
  if (i > job.done) return 'later';
  return job.error === '' ? 'now' : 'failed';
}

function steps(job) {
  const list = make('ol', 'steps');
  STEPS.forEach((step, i) => {
    const state = stepState(job, i);
    const item = make('li', '', say(`step_${step}`));
    item.dataset.state = state;
    if (state === 'now') item.setAttribute('aria-current', 'step');
    list.append(item);
  });
  return list;
}

function standing(network, job) {
  if (job.error !== '') return [job.error, 'bad'];
  if (job.done === 0 && job.progress > 0) {
    return [say('reading', Math.floor(100 * job.progress)), ''];
  }
  if (job.missing.length > 0) {
    const titles = job.missing.map((name) => network.title(name));
    return [say('waitsForQuorum', titles.join(say('and'))), 'note'];
  }
  if (job.waiting !== '') return [say('asksAgain'), 'note'];
  return ['', ''];
}

/** Only what changed is made anew when the steps did not: buttons keep their focus. */
function draw(network, job, card) {
  const key = [document.documentElement.lang, job.done, job.error, job.report !== null].join();
  if (card.dataset.key !== key) {
    card.dataset.key = key;
    const { name, size, mode } = job.facts;
    const title = make('p', 'name', make('strong', '', name),
      ` ${sizeText(size)} \u00b7 ${say(MODES.includes(mode) ? mode : 'deposit')}`);
    const told = make('p', 'told');
    told.setAttribute('role', 'status');
    card.replaceChildren(title, steps(job), told, ...result(job, card), actions(network, job));
    card.dataset.step = STEPS[job.done - 1] ?? 'new';
  }
  const told = card.querySelector('.told');
  const [text, kind] = standing(network, job);
  setText(told, text);
  told.dataset.kind = kind;
}

function result(job, card) {
  const { report } = job;
  if (report === null || report.verdict === 'refused') return [];
  const box = make('details', 'verdict', make('summary', '', say(`${report.verdict}_verdict`)));
  box.dataset.verdict = report.verdict;
  box.open = byId('jobs').firstElementChild === card;
  const facts = make('dl', 'facts');
  const { signers, existedBeforeS, depositorKeyId, height, index } = report.evidence;
  const time = existedBeforeS === null ? say('noBound')
    : secondsText(existedBeforeS).replace('T', ' ').replace('Z', ' UTC');
  fact(facts, say('existedBefore'), time);
  fact(facts, say('signedBy'), ...signers.map((s) => `${s.organisation} (${s.witness})`));
  fact(facts, say('depositedBy'), say('holderOf', depositorKeyId));
  fact(facts, say('place'), say('placeIn', index, height));
  box.append(facts, make('p', 'caveat', say('ownPolicyCaveat')));
  if (job.facts.salt) box.append(make('p', 'caveat', say('saltInside')));
  return [box];
}

function actions(network, job) {
  const place = make('div', 'actions');
  const { facts } = job;
  if (facts.receipt) {
    const save = () => saveText(`${facts.name}.tlog-proof`, job.receiptText());
    const button = makeButton('action main', say('receiptSave'), save);
    button.dataset.act = 'receipt';
    place.append(button);
  }
  if (facts.statement) {
    const show = () => showStatement(network, facts.statement);
    place.append(makeButton('action', say('showDetails'), show));
  }
  if (job.error !== '' && facts.entry && !facts.receipt) {
    place.append(makeButton('action', say('tryAgain'), () => job.run()));
  }
  if (facts.receipt || job.error !== '') {
    place.append(makeButton('action', say('remove'), () => remove(job)));
  }
  return place;
}

async function remove(job) {
  await job.remove();
  cards.get(job).remove();
  cards.delete(job);
  byId('deposit-file').focus();
}
