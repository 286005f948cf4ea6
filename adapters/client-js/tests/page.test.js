/** The page is the library, and its policy allows exactly the two blocks that it holds. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const page = readFileSync(new URL('../page/verify.html', import.meta.url), 'utf8');
const tool = fileURLToPath(new URL('../tools/embed.mjs', import.meta.url));
const block = (tag) => new RegExp(`<${tag}>([\\s\\S]*?)</${tag}>`).exec(page)[1];
const hash = (text) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

test('page and sources are the same', async () => {
  await promisify(execFile)(process.execPath, [tool, '--check']);
});

test('the policy allows the two blocks and nothing else', () => {
  const [, policy] = /http-equiv="Content-Security-Policy"\s+content="([^"]*)"/.exec(page);
  assert.ok(policy.startsWith("default-src 'none'; "));
  assert.ok(policy.includes(`script-src ${hash(block('script'))};`));
  assert.ok(policy.includes(`style-src ${hash(block('style'))};`));
  assert.ok(!policy.includes('unsafe'));
});

test('nothing comes from elsewhere, nothing is kept, no markup is made from content', () => {
  const markup = page.replace(block('script'), '').replace(block('style'), '');
  assert.doesNotMatch(markup, /\s(?:src|href|style|on[a-z]+)=/);
  assert.doesNotMatch(block('style'), /url\(|@import/);
  for (const word of ['innerHTML', 'outerHTML', 'insertAdjacentHTML', 'document.write', 'eval(',
    'localStorage', 'sessionStorage', 'indexedDB', 'fetch(', 'XMLHttpRequest', 'WebSocket']) {
    assert.ok(!block('script').includes(word), word);
  }
});

test('the ids that other tests rely on are there', () => {
  const ids = ['file', 'receipt', 'policy-file', 'policy-text', 'verdict', 'checks', 'fingerprint'];
  for (const id of ids) assert.ok(page.includes(`id="${id}"`), id);
});
