/** Deposits from the browser, and their receipts. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import {
  POLICY,
  SCRATCH,
  URLS,
  VERIFY_PAGE,
  deposit,
  download,
  drop,
  expecting,
  openBrowser,
  picture,
  until,
  wutong,
} from './support.mjs';

const MARKUP_NAME = '<img src=x onerror=alert(1)> & "contract".txt';
const MARKUP_SUBJECT = '<script>alert(2)</script><b>case 7</b>';
const TEXT = 'signed, sealed, delivered';
const document = join(SCRATCH, 'contract.txt');
const forged = join(SCRATCH, 'forged.txt');
let receipt = '';
let policy = '';

/** The verdict of a verification page about a file. */
async function verdict(page, file) {
  await page.setInputFiles('#file', file);
  await page.setInputFiles('#receipt', receipt);
  await page.setInputFiles('#policy-file', policy);
  const place = page.locator('#verdict[data-verdict]');
  await place.waitFor();
  return place.getAttribute('data-verdict');
}

export const deposits = {
  async 'a dropped file is deposited and its receipt verified here'(page) {
    writeFileSync(document, TEXT);
    writeFileSync(forged, TEXT.replace('sealed', 'seared'));
    await page.fill('#subject', MARKUP_SUBJECT);
    const card = await deposit(page, MARKUP_NAME, TEXT);
    const said = await card.innerText();
    assert.match(said, /Receipt verified \(demonstration\)/);
    assert.match(said, /Demonstration \w+.*\(validator-\d\)/);
    assert.match(said, /only that the node agrees with itself/);
    assert.match(said, /salt is inside the receipt/);
    await picture(page, 'deposited-light');
  },

  async 'names and subjects with markup are texts'(page) {
    const shown = await page.locator('.job .name strong').first().textContent();
    assert.equal(shown, MARKUP_NAME);
    await page.locator('#deposits .row').first().click();
    await until('the subject', () => page.locator('#details-facts').innerText(),
      (text) => text.includes(MARKUP_SUBJECT));
    const made = await page.locator('main img, main script, main b, dialog b, dialog script').count();
    assert.equal(made, 0);
    await page.emulateMedia({ colorScheme: 'dark' });
    await picture(page, 'details-dark');
    await page.emulateMedia({ colorScheme: 'light' });
    await page.keyboard.press('Escape');
    await page.fill('#subject', '');
  },

  async 'the receipt downloads under its name and verifies with the command'(page) {
    const card = page.locator('.job').first();
    const saved = await download(page, card.locator('[data-act="receipt"]'), 'r.tlog-proof');
    assert.match(saved.name, /contract.*\.txt\.tlog-proof$/);
    receipt = saved.path;
    policy = (await download(page, page.locator('#policy-save'), 'policy.txt')).path;
    assert.equal(readFileSync(policy, 'utf8'), readFileSync(POLICY, 'utf8'));
    const good = await wutong('verify', document, '--receipt', receipt, '--policy', POLICY);
    assert.equal(good.code, 0, good.said);
    assert.match(good.said, /VERIFIED \(DEMONSTRATION\)/);
    const bad = await wutong('verify', forged, '--receipt', receipt, '--policy', POLICY);
    assert.equal(bad.code, 1, bad.said);
  },

  async 'the offline page verifies it with the network off, and refuses one changed byte'() {
    const alone = await openBrowser({ offline: true });
    try {
      const page = await alone.newPage();
      await page.goto(pathToFileURL(VERIFY_PAGE).href);
      assert.equal(await verdict(page, document), 'demonstration');
      assert.doesNotMatch(await page.locator('#verdict').innerText(), /No document was compared/);
      await page.reload();
      assert.equal(await verdict(page, forged), 'refused');
    } finally {
      await alone.close();
    }
  },

  async 'the page that the node serves verifies it too'(page, browser) {
    const served = await browser.newPage();
    await served.goto(`${URLS[1]}/verify`);
    assert.equal(await verdict(served, document), 'demonstration');
    await served.close();
  },

  async 'a public digest is found by its file, and content warns first'(page) {
    assert.ok(await page.locator('#content-warning').isHidden());
    await page.check('input[value="digest"]');
    await deposit(page, 'public.txt', 'a public document');
    await drop(page, '#lookup-drop', 'another name.txt', 'a public document');
    await page.locator('#lookup-found .row').waitFor();
    await page.check('input[value="content"]');
    assert.match(await page.locator('#content-warning').innerText(), /public for ever/);
    await deposit(page, 'open letter.txt', 'to whom it may concern');
    await page.check('input[value="commitment"]');
    await expecting(/\/v1\/lookup\?value=.*/, async () => {
      await drop(page, '#lookup-drop', 'unknown.txt', 'never deposited');
      await until('an answer', () => page.locator('#lookup-told').innerText(),
        (text) => text.includes('Nothing lodges'));
    });
    await drop(page, '#lookup-drop', 'r.tlog-proof', readFileSync(receipt, 'utf8'));
    await until('the subject', () => page.locator('#details-facts').innerText(),
      (text) => text.includes(MARKUP_SUBJECT));
    await page.keyboard.press('Escape');
  },

  async 'key and receipts outlive the page, and the key can be forgotten'(page) {
    const keyId = () => page.locator('#key-facts .mono').first().textContent();
    const before = await keyId();
    assert.match(before, /^[0-9a-f]{16}$/);
    await page.reload();
    await page.locator('.job[data-step="verified"]').nth(2).waitFor();
    assert.equal(await keyId(), before);
    const exported = await page.evaluate(async () => {
      const { kept } = await import('/console/keeping.js');
      const { privateKey } = await kept('keys', 'depositor');
      return crypto.subtle.exportKey('pkcs8', privateKey).then(() => true, () => false);
    });
    assert.equal(exported, false, 'the key can be read out');
    await page.click('#key-box summary');
    await page.click('#key-forget');
    await page.click('#key-forget');
    await until('no key', () => page.locator('#key-facts').innerText(),
      (text) => !text.includes(before));
    const stored = await page.evaluate(() => [localStorage.length, sessionStorage.length]);
    assert.deepEqual(stored, [0, 0]);
    const cards = page.locator('.job');
    for (let left = await cards.count(); left > 0; left--) {
      await cards.first().getByRole('button', { name: 'Remove' }).click();
      await until('one less', () => cards.count(), (count) => count === left - 1);
    }
  },
};
