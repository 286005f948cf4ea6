/**
 * Writes the page's script, which is the library itself, into page/verify.html, with the hashes
 * that its Content-Security-Policy allows. `--check` writes nothing and fails when they differ.
 *
 * Modules are joined in the order of their dependencies, imports and the word `export` left out;
 * names at the top level must therefore differ between modules, which is checked here.
 */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const PAGE = join(ROOT, 'page', 'verify.html');
const ENTRY = join(ROOT, 'page', 'src', 'app.js');

const IMPORT = /^import\s(?:[^;]*?\sfrom\s)?'([^']+)';\n/gm;
const EXPORT = /^export (?=async |function|class|const)/gm;
const TOP_LEVEL = /^(?:async )?(?:function\*?|class|const|let) (?:\[([^\]]+)\]|(\w+))/gm;

/** Modules that `path` needs, itself last, each once. */
function inOrder(path, seen = new Map()) {
  if (seen.has(path)) return seen;
  const source = readFileSync(path, 'utf8');
  for (const [, from] of source.matchAll(IMPORT)) {
    if (!from.startsWith('.')) throw new Error(`${path}: imports ${from}, which is no own module`);
    inOrder(join(dirname(path), from), seen);
  }
  seen.set(path, source);
  return seen;
}

function joined() {
  const owners = new Map();
  const parts = [];
  for (const [path, source] of inOrder(ENTRY)) {
    const name = relative(ROOT, path);
    const text = source.replace(IMPORT, '').replace(EXPORT, '');
    if (/^(?:import|export)\b/m.test(text)) throw new Error(`${name}: an import or export is left`);
    for (const [, list, single] of text.matchAll(TOP_LEVEL)) {
      for (const word of (list ?? single).split(',').map((part) => part.trim())) {
        if (owners.has(word)) throw new Error(`${word}: in ${owners.get(word)} and in ${name}`);
        owners.set(word, name);
      }
    }
    parts.push(`// ---- ${name}\n${text.trim()}\n`);
  }
  const script = `\n(() => {\n'use strict';\n\n${parts.join('\n')}})();\n`;
  if (/<\/script|<!--/i.test(script)) throw new Error('the script holds text that would end it');
  return script;
}

const sourceHash = (text) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

/** The page with its script and its policy written anew. */
function rendered(page) {
  const style = /<style>([\s\S]*?)<\/style>/.exec(page)[1];
  const script = joined();
  const policy = [
    "default-src 'none'",
    `script-src ${sourceHash(script)}`,
    `style-src ${sourceHash(style)}`,
    "base-uri 'none'",
    "form-action 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; ');
  return page
    .replace(/<script>[\s\S]*?<\/script>/, () => `<script>${script}</script>`)
    .replace(/(http-equiv="Content-Security-Policy"\s+content=")[^"]*/, (_, head) => head + policy);
}

const page = readFileSync(PAGE, 'utf8');
const wanted = rendered(page);
if (process.argv.includes('--check')) {
  if (page !== wanted) {
    console.error('page/verify.html differs from its sources: run `node tools/embed.mjs`');
    process.exit(1);
  }
} else if (page !== wanted) {
  writeFileSync(PAGE, wanted);
}
