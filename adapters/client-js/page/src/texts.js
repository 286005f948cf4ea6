/** The page's words in English and Chinese. Values of a receipt are shown as they are. */
import {
  CHINESE_CHECKS,
  CHINESE_PATTERNS,
  CHINESE_PHRASES,
  ENGLISH_CHECKS,
} from './check_texts.js';

const ENGLISH = {
  title: 'Verify a receipt',
  lead: 'Check that a document was deposited, who signed for it, and when.',
  private: 'Nothing leaves this device. The page works without a network.',
  inputs: 'What is verified',
  fileTitle: 'Document',
  fileHint: 'The file that was deposited. It is read on this device only.',
  receiptTitle: 'Receipt',
  receiptHint: 'The file that ends in .tlog-proof.',
  policyTitle: 'Policy',
  policyHint: 'Whose signatures count, and how many. Get it from people you trust.',
  choose: 'Choose a file or drop it here',
  paste: 'Paste the policy instead',
  policyLabel: 'Text of the policy',
  fingerprintTitle: 'Fingerprint of this policy',
  fingerprintHint:
    'A receipt is worth as much as the policy it is checked against. Compare this fingerprint ' +
    'with one that you got another way: in print, by telephone, or from the organisations ' +
    'themselves.',
  pinLabel: 'Fingerprint that you got another way (optional)',
  pinMatch: 'It is the same.',
  pinDiffers: 'It is another one: do not use this policy.',
  pinRest: 'the rest of the fingerprint',
  pinShort: 'A fingerprint has 64 hexadecimal digits.',
  reading: 'Reading {0}: {1}',
  read: '{0} ({1})',
  cannotRead: 'This file cannot be read: {0}',
  noPolicy: 'This is not a policy. {0}',
  waiting: 'Still needed: {0}.',
  and: ' and ',
  working: 'Verifying\u2026',
  failure: 'The verification itself failed; nothing is known about the receipt: {0}',
  alone: 'Verify the receipt without its document',
  verified: 'VERIFIED',
  demonstration: 'VERIFIED (DEMONSTRATION)',
  refused: 'REFUSED',
  verifiedLead: 'This document was deposited, and the organisations below signed for it.',
  verifiedAlone:
    'The receipt holds. No document was compared, so this says nothing about any file.',
  demonstrationLead:
    'All checks hold, yet one party holds all keys of a demonstration network: it proves nothing.',
  refusedLead: 'Do not rely on this receipt with this document and this policy.',
  signedBy: 'Signed by',
  existedBefore: 'Existed before',
  noBound: 'no joint bound: see the time of each signer',
  depositedBy: 'Deposited by',
  holderOf: 'the holder of key {0}',
  ownWords: '\u201c{0}\u201d, in its own words (key {1})',
  subject: 'Subject',
  declared: 'Claimed time',
  notProven: '{0} (not proven)',
  place: 'Place in the log',
  placeText: 'entry {0}, block {1} of {2}',
  network: 'Network',
  networkText: '{0}, namespace {1}',
  statement: 'Statement',
  madeAfter: 'Made after',
  checkpointText: 'checkpoint {0}',
  signedAt: '{0}, key {1}, {2}',
  checksTitle: 'All checks',
  expected: 'Expected',
  found: 'Found',
  both: 'As expected:',
  next: 'Next step',
  passed: 'holds',
  noted: 'note',
  failed: 'failed',
  footer:
    'This page is one file without foreign parts. Its script is the library wutong-client; the ' +
    'browser is told to run nothing else and to open no connection. The page forgets everything ' +
    'when you close it.',
};

const CHINESE = {
  title: '核验回执',
  lead: '核验文件是否已存证、由哪些机构签署、在何时之前已经存在。',
  private: '任何数据都不会离开本设备。本页面无需联网即可使用。',
  inputs: '核验内容',
  fileTitle: '文件',
  fileHint: '已存证的原始文件，只在本设备上读取。',
  receiptTitle: '回执',
  receiptHint: '以 .tlog-proof 结尾的文件。',
  policyTitle: '信任策略',
  policyHint: '规定哪些机构的签名有效、需要多少个。请从您信任的人处取得。',
  choose: '选择文件，或将文件拖放到此处',
  paste: '改为粘贴策略文本',
  policyLabel: '策略文本',
  fingerprintTitle: '本策略的指纹',
  fingerprintHint:
    '回执的可信程度取决于核验所用的策略。请将此指纹与通过其他途径取得的指纹核对，例如印刷品、' +
    '电话，或直接向各机构查询。',
  pinLabel: '通过其他途径取得的指纹（可选）',
  pinMatch: '两者一致。',
  pinDiffers: '两者不一致：请勿使用此策略。',
  pinRest: '指纹的其余部分',
  pinShort: '指纹由 64 位十六进制数字组成。',
  reading: '正在读取 {0}：{1}',
  read: '{0}（{1}）',
  cannotRead: '无法读取此文件：{0}',
  noPolicy: '这不是信任策略。{0}',
  waiting: '还需要：{0}。',
  and: '、',
  working: '正在核验……',
  failure: '核验程序本身出错，无法判断此回执：{0}',
  alone: '不比对文件，只核验回执',
  verified: '核验通过',
  demonstration: '核验通过（演示网络）',
  refused: '核验不通过',
  verifiedLead: '此文件已存证，并由下列机构签署。',
  verifiedAlone: '回执成立。但未比对任何文件，因此不能说明任何文件的真实性。',
  demonstrationLead: '各项检查均成立，但演示网络的全部密钥由同一方持有，不具有证明力。',
  refusedLead: '请勿依赖此回执与此文件、此策略的组合。',
  signedBy: '签署机构',
  existedBefore: '存在时间早于',
  noBound: '无共同上限：见各签署机构的时间',
  depositedBy: '存证人',
  holderOf: '密钥 {0} 的持有者',
  ownWords: '“{0}”（自述，密钥 {1}）',
  subject: '主题',
  declared: '自称时间',
  notProven: '{0}（未经证明）',
  place: '账本位置',
  placeText: '第 {0} 条，区块 {1}，{2}',
  network: '网络',
  networkText: '{0}，命名空间 {1}',
  statement: '声明编号',
  madeAfter: '晚于',
  checkpointText: '检查点 {0}',
  signedAt: '{0}，密钥 {1}，{2}',
  checksTitle: '全部检查',
  expected: '应为',
  found: '实为',
  both: '与预期一致：',
  next: '下一步',
  passed: '成立',
  noted: '提示',
  failed: '不成立',
  footer:
    '本页面为单一文件，不含外部内容。其脚本即 wutong-client 程序库；浏览器被要求不得运行其他代码，' +
    '也不得建立任何连接。关闭页面后不保留任何内容。',
};

const LANGUAGES = {
  en: {
    words: ENGLISH,
    checks: ENGLISH_CHECKS,
    phrases: new Map(),
    patterns: [],
    locale: 'en-GB',
  },
  zh: {
    words: CHINESE,
    checks: CHINESE_CHECKS,
    phrases: CHINESE_PHRASES,
    patterns: CHINESE_PATTERNS,
    locale: 'zh-CN',
  },
};

let language = LANGUAGES.en;

/** @param {string} code the language to speak; English when it is not Chinese */
export function chooseLanguage(code) {
  language = code.toLowerCase().startsWith('zh') ? LANGUAGES.zh : LANGUAGES.en;
  document.documentElement.lang = language === LANGUAGES.zh ? 'zh' : 'en';
}

/** @param {string} key @param {...unknown} values for {0}, {1}, ... @returns {string} */
export function say(key, ...values) {
  return language.words[key].replace(/\{(\d)\}/g, (_, position) => String(values[position]));
}

/** @param {string} check @returns {{name: string, about: string}} */
export function checkWords(check) {
  const [name, about] = language.checks.get(check) ?? [check, ''];
  return { name, about };
}

/** @param {string} text a phrase of the library @returns {string} translated where known */
export function phrase(text) {
  const fixed = language.phrases.get(text);
  if (fixed !== undefined) return fixed;
  const found = language.patterns.find(([pattern]) => pattern.test(text));
  return found === undefined ? text : text.replace(...found);
}

/** @param {number} n @returns {string} */
export function sizeText(n) {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let step = 0;
  for (; n >= 1000 && step < units.length - 1; step++) n /= 1000;
  const format = new Intl.NumberFormat(language.locale, { maximumFractionDigits: step && 1 });
  return `${format.format(n)} ${units[step]}`;
}

/** @param {number} part from 0 to 1 @returns {string} */
export function percentText(part) {
  return new Intl.NumberFormat(language.locale, { style: 'percent' }).format(part);
}
