/** A browser with a fresh profile, watched for complaints, and small helpers for cases. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { promisify } from 'node:util';

const needed = (name) => {
  const value = process.env[name];
  assert.ok(value, `${name} is not set`);
  return value;
};

export const URLS = needed('CONSOLE_URLS').split(',');
export const SCRATCH = needed('CONSOLE_SCRATCH');
export const POLICY = join(needed('CONSOLE_DATA'), 'policy');
export const VERIFY_PAGE = needed('CONSOLE_VERIFY_PAGE');
const { chromium } = createRequire(join(needed('CONSOLE_PLAYWRIGHT'), 'x.js'))('playwright-core');

/** How long something that must come is waited for. */
export const PATIENCE_MS = 30_000;

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Lines of the browser's log that belong to what a case does; all others fail the run. */
const expected = [];
/** Complaints of any page. */
export const complaints = [];

/** While `act` runs, failed requests that match are no complaint. */
export async function expecting(pattern, act) {
  expected.push(pattern);
  try {
    return await act();
  } finally {
    // Answers that were on their way arrive before the line is drawn.
    await new Promise((resolve) => setTimeout(resolve, 500));
    expected.splice(expected.indexOf(pattern), 1);
  }
}

function onLog(message) {
  const { url } = message.location();
  const line = `${message.type()}: ${message.text()} (${url})`;
  if (message.type() !== 'error' && message.type() !== 'warning') return;
  if (!expected.some((pattern) => pattern.test(line))) complaints.push(line);
}

/** @returns {Promise<import('playwright-core').BrowserContext>} */
export async function openBrowser(options = {}) {
  const context = await chromium.launchPersistentContext(mkdtempSync(join(SCRATCH, 'profile-')), {
    executablePath: needed('CONSOLE_CHROMIUM'),
    headless: true,
    args: FLAGS,
    acceptDownloads: true,
    locale: 'en-US',
    viewport: { width: 1280, height: 900 },
    ...options,
  });
  context.setDefaultTimeout(PATIENCE_MS);
  await context.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => {
      console.error(`policy violated: ${event.violatedDirective} ${event.blockedURI}`);
    });
  });
  context.on('page', watch);
  context.pages().forEach(watch);
  return context;
}

function watch(page) {
  page.on('console', onLog);
  page.on('pageerror', (error) => complaints.push(`uncaught: ${error.message}`));
  page.on('dialog', (dialog) => {
    complaints.push(`a script opened a box: ${dialog.message()}`);
    dialog.dismiss();
  });
}

/** Runs the `wutong` command; gives exit code and what it printed. */
export async function wutong(...args) {
  try {
    const { stdout, stderr } = await promisify(execFile)(needed('CONSOLE_WUTONG'), args);
    return { code: 0, said: stdout + stderr };
  } catch (error) {
    assert.equal(typeof error.code, 'number', String(error));
    return { code: error.code, said: error.stdout + error.stderr };
  }
}

/** Orders a validator of the devnet from the command line. */
export async function order(verb, i) {
  const { code, said } = await wutong('devnet', verb, String(i), '--data', needed('CONSOLE_DATA'));
  assert.equal(code, 0, said);
}

/** Drops a file on an element, as a hand would. */
export async function drop(page, selector, name, text) {
  const carried = await page.evaluateHandle(([fileName, content]) => {
    const data = new DataTransfer();
    data.items.add(new File([content], fileName));
    return data;
  }, [name, text]);
  await page.dispatchEvent(selector, 'dragover', { dataTransfer: carried });
  await page.dispatchEvent(selector, 'drop', { dataTransfer: carried });
}

/** Deposits a file and waits for a step; gives its card. */
export async function deposit(page, name, text, step = 'verified') {
  await drop(page, '#deposit-drop', name, text);
  const cards = page.locator('.job', { has: page.locator('.name strong', { hasText: name }) });
  const card = cards.first();
  await card.and(page.locator(`[data-step="${step}"]`)).waitFor();
  return card;
}

/** Presses a button that saves a file, and gives its suggested name and where it lies. */
export async function download(page, button, as) {
  const [saved] = await Promise.all([page.waitForEvent('download'), button.click()]);
  const path = join(SCRATCH, as);
  await saved.saveAs(path);
  return { path, name: saved.suggestedFilename() };
}

/** Leaves a picture where pictures are wanted. */
export async function picture(page, name) {
  const folder = process.env.WUTONG_SCREENSHOTS;
  if (!folder) return;
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
}

/** Waits until a text matches, and says what it was when it never does. */
export async function until(what, read, matches) {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    const found = await read();
    if (matches(found)) return found;
    assert.ok(Date.now() < end, `${what} never came: ${JSON.stringify(found)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
