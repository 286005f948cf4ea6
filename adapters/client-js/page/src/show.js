/** Verdict, evidence and checks as elements; every value is set as text. */
import { utcText } from '../../src/report.js';
import { checkWords, phrase, say } from './texts.js';

const element = (id) => document.getElementById(id);

/**
 * A text whose marks of writing direction are written out: left alone they could make a name or a
 * key read backwards.
 * @param {string} text
 * @returns {string}
 */
export function visible(text) {
  const marks = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
  return text.replace(marks, (mark) => `\\u${mark.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function make(tag, className, ...children) {
  const made = document.createElement(tag);
  if (className !== '') made.className = className;
  made.append(...children.map((child) => (child.nodeType ? child : visible(String(child)))));
  return made;
}

/** Puts the page's own words where `data-say` names them. */
export function showWords() {
  for (const place of document.querySelectorAll('[data-say]')) {
    place.textContent = say(place.dataset.say);
  }
  document.title = `${say('title')} \u2013 Wutong`;
}

/** @param {string} text shown instead of a verdict */
export function showNothing(text) {
  const verdict = element('verdict');
  delete verdict.dataset.verdict;
  verdict.hidden = text === '';
  verdict.replaceChildren(make('p', 'waiting', text));
  element('checks').replaceChildren();
  element('all-checks').hidden = true;
}

/** `2026-01-31T12:00:00Z` as people write it. */
function timeText(seconds) {
  return utcText(seconds).replace('T', ' ').replace('Z', ' UTC');
}

const ofMs = (ms) => timeText(BigInt(ms) / 1000n);

function row(list, label, ...values) {
  list.append(make('dt', '', say(label)));
  for (const value of values) list.append(value.nodeType ? value : make('dd', '', value));
}

function signerEntry({ organisation, witness, keyId, timeS }) {
  const name = make('strong', '', organisation);
  const detail = make('small', '', say('signedAt', witness, keyId, timeText(timeS)));
  return make('dd', 'signer', name, detail);
}

function depositorText({ issuer, depositorKeyId }) {
  if (issuer === `key:${depositorKeyId}`) return say('holderOf', depositorKeyId);
  return say('ownWords', issuer, depositorKeyId);
}

function evidenceList(evidence) {
  const list = make('dl', 'evidence');
  const mono = (text) => make('dd', 'mono', text);
  row(list, 'signedBy', ...evidence.signers.map(signerEntry));
  const before = evidence.existedBeforeS;
  const bound = before === null ? say('noBound') : timeText(before);
  row(list, 'existedBefore', make('dd', 'when', bound));
  row(list, 'depositedBy', depositorText(evidence));
  row(list, 'subject', evidence.subject);
  if (evidence.declaredTimeMs !== null) {
    row(list, 'declared', say('notProven', ofMs(evidence.declaredTimeMs)));
  }
  if (evidence.notBefore !== null) {
    row(list, 'madeAfter', mono(say('checkpointText', evidence.notBefore)));
  }
  row(list, 'place', say('placeText', evidence.index, evidence.height, ofMs(evidence.blockTimeMs)));
  row(list, 'network', say('networkText', evidence.network, evidence.namespace));
  row(list, 'statement', mono(evidence.id));
  return list;
}

function comparison({ expected, found, next }) {
  const list = make('dl', 'compared');
  row(list, 'expected', phrase(expected));
  row(list, 'found', phrase(found));
  row(list, 'next', phrase(next));
  return list;
}

function failureEntry(finding) {
  const title = make('h3', '', checkWords(finding.check).name);
  return make('section', 'failure', title, comparison(finding));
}

/** Brings a new verdict into sight, unless the reader is writing somewhere. */
export function showPlace() {
  const writing = document.activeElement?.matches('textarea, input[type="text"]') ?? false;
  if (!writing) element('verdict').scrollIntoView({ block: 'nearest' });
}

/** @param {import('../../src/report.js').Report} report */
export function showVerdict(report) {
  const place = element('verdict');
  const { verdict, evidence, failures } = report;
  place.hidden = false;
  place.dataset.verdict = verdict;
  const alone = verdict === 'verified' && !evidence.documentMatched;
  const parts = [
    make('h2', '', say(verdict)),
    make('p', 'lead', say(alone ? 'verifiedAlone' : `${verdict}Lead`)),
  ];
  if (verdict === 'demonstration' && !evidence.documentMatched) {
    parts.push(make('p', 'lead', say('verifiedAlone')));
  }
  if (evidence === null) parts.push(...failures.map(failureEntry));
  else parts.push(evidenceList(evidence));
  place.replaceChildren(...parts);
}

function checkEntry(finding) {
  const { name, about } = checkWords(finding.check);
  const { verdict } = finding;
  const mark = make('span', 'mark', say(verdict));
  const entry = make('li', '', make('p', 'check-head', make('strong', '', name), mark));
  entry.dataset.check = finding.check;
  entry.dataset.verdict = verdict;
  entry.append(make('p', 'about', about));
  if (verdict === 'passed') {
    const label = make('span', 'both', `${say('both')} `);
    entry.append(make('p', 'value', label, phrase(finding.found)));
  } else {
    entry.append(comparison(finding));
  }
  return entry;
}

/** @param {import('../../src/report.js').Report} report */
export function showChecks(report) {
  element('checks').replaceChildren(...report.findings.map(checkEntry));
  element('all-checks').hidden = false;
}
