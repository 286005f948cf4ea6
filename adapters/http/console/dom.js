/** Elements, words and times. Whatever comes from outside is set as text, never as markup. */
import { CHINESE } from './words_zh.js';
import { ENGLISH } from './words_en.js';

const WORDS = { en: ENGLISH, zh: CHINESE };
const listeners = new Set();
let language = 'en';

/** @param {string} id @returns {HTMLElement} */
export const byId = (id) => document.getElementById(id);

/**
 * The page's words, with `{0}`, `{1}`, ... replaced.
 * @param {string} key
 * @param {...unknown} values
 */
export function say(key, ...values) {
  const words = WORDS[language][key];
  if (words === undefined) throw new Error(`no words for ${key}`);
  return words.replace(/\{(\d)\}/g, (_, i) => String(values[i]));
}

/** Calls `listener` now and whenever the language changes. */
export function onLanguage(listener) {
  listeners.add(listener);
  listener();
}

/** @returns {'en' | 'zh'} */
export const currentLanguage = () => language;

/** @param {string} wanted */
export function chooseLanguage(wanted) {
  language = wanted.toLowerCase().startsWith('zh') ? 'zh' : 'en';
  document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en';
  for (const place of document.querySelectorAll('[data-say]')) {
    place.textContent = say(place.dataset.say);
  }
  for (const button of document.querySelectorAll('[data-language]')) {
    button.setAttribute('aria-pressed', String(button.dataset.language === language));
  }
  for (const listener of listeners) listener();
}

/**
 * A text whose marks of writing direction are written out: left alone they could make a name or a
 * key read backwards.
 * @param {unknown} text
 */
export function visible(text) {
  const marks = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
  const written = (mark) => `\\u${mark.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return String(text).replace(marks, written);
}

/** Sets a text where it differs, so that nothing is read aloud twice. */
export function setText(place, text) {
  const shown = visible(text);
  if (place.textContent !== shown) place.textContent = shown;
}

/**
 * @param {string} tag
 * @param {string} className
 * @param {...unknown} children elements, or what is shown as text
 */
export function make(tag, className, ...children) {
  const made = document.createElement(tag);
  if (className !== '') made.className = className;
  made.append(...children.map((child) => (child?.nodeType ? child : visible(child))));
  return made;
}

/** A button that says `text` and does `act`. */
export function makeButton(className, text, act) {
  const button = make('button', className, text);
  button.type = 'button';
  button.addEventListener('click', act);
  return button;
}

/** A label and its values in a list of facts. */
export function fact(list, label, ...values) {
  const shown = values.map((value) => (value?.nodeType ? value : make('dd', '', value)));
  list.append(make('dt', '', label), ...shown);
}

/** A value of which each character counts. */
export const exact = (text) => make('dd', 'mono', text);

/** A message at its place: '' (nothing special), 'good' or 'bad'. */
export function tell(id, text, kind = '') {
  const place = byId(id);
  setText(place, text);
  place.dataset.kind = kind;
}

/** @param {number} ms since the epoch */
export function clockText(ms) {
  const date = new Date(ms);
  const today = date.toDateString() === new Date().toDateString();
  const day = today ? {} : { dateStyle: 'short' };
  return new Intl.DateTimeFormat(language, { timeStyle: 'medium', ...day }).format(date);
}

/** @param {number} ms since the epoch @returns {string} for records: UTC, the same everywhere */
export function utcText(ms) {
  return new Date(ms).toISOString().replace('T', ' ').replace(/\.\d+Z/, ' UTC');
}

/** @param {number} ms */
export function spanText(ms) {
  const seconds = Math.round(ms / 1000);
  if (seconds < 120) return say('seconds', seconds);
  const minutes = Math.round(seconds / 60);
  return minutes < 120 ? say('minutes', minutes) : say('hours', Math.round(minutes / 60));
}

/** @param {number} bytes */
export function sizeText(bytes) {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let [size, unit] = [bytes, 0];
  for (; size >= 1000 && unit < units.length - 1; unit++) size /= 1000;
  const number = new Intl.NumberFormat(language, { maximumFractionDigits: unit === 0 ? 0 : 1 });
  return `${number.format(size)} ${units[unit]}`;
}

/** First digits of a hash, for lists. */
export const shortHash = (hex) => `${hex.slice(0, 8)}\u2026${hex.slice(-4)}`;

/** Hands a text to the browser as a file. */
export function saveText(name, text) {
  const url = URL.createObjectURL(new Blob([text], { type: 'application/octet-stream' }));
  const link = make('a', '');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** Lets files be dropped on a label, as well as chosen by its input. */
export function takeFiles(dropId, inputId, take) {
  const [drop, input] = [byId(dropId), byId(inputId)];
  input.addEventListener('change', () => {
    const files = [...input.files];
    // The same file may be chosen again.
    input.value = '';
    if (files.length > 0) take(files);
  });
  const over = (is) => (event) => {
    event.preventDefault();
    drop.classList.toggle('over', is);
  };
  drop.addEventListener('dragover', over(true));
  drop.addEventListener('dragleave', over(false));
  drop.addEventListener('drop', (event) => {
    over(false)(event);
    const files = [...(event.dataTransfer?.files ?? [])];
    if (files.length > 0) take(files);
  });
}
