/** What the screen shows, and to whom. */
import assert from 'node:assert/strict';
import { complaints, picture, until } from './support.mjs';

export const screen = {
  async 'four validators, the quorum and the demonstration are shown'(page) {
    await page.locator('#health[data-state="good"]').waitFor();
    assert.equal(await page.locator('.validator[data-state="present"]').count(), 4);
    const text = await page.locator('#health').innerText();
    assert.match(text, /4 of 4 present, 3 needed/);
    await page.locator('#demonstration').waitFor();
    assert.match(await page.locator('#demonstration').innerText(), /DEMONSTRATION.*prove nothing/s);
    const organisations = await page.locator('.organisation').allInnerTexts();
    assert.ok(organisations.includes('Demonstration Notary Office'), organisations.join());
    assert.equal(await page.locator('.validator.proposer').count(), 1);
    await page.locator('#live[data-state="live"]').waitFor();
  },

  async 'everything can be reached and is named without a pointer'(page) {
    const nameless = await page.evaluate(() => {
      const isShown = (e) => e.checkVisibility({ visibilityProperty: true });
      const named = (e) => e.getAttribute('aria-label') || e.innerText?.trim() || e.labels?.length
        || e.getAttribute('aria-labelledby');
      const all = document.querySelectorAll('button, a, input, summary');
      return [...all].filter((e) => isShown(e) && !named(e)).map((e) => e.outerHTML);
    });
    assert.deepEqual(nameless, []);
    await page.locator('body').press('Tab');
    assert.equal(await page.evaluate(() => document.activeElement.className), 'skip');
    await page.locator('#blocks .row').first().focus();
    await page.keyboard.press('Enter');
    await page.locator('dialog[open] #details-facts .mono').first().waitFor();
    await page.keyboard.press('Escape');
    assert.ok(await page.evaluate(() => document.activeElement.matches('#blocks .row')));
  },

  async 'the page speaks Chinese, fits a telephone, and remembers the language'(page, browser) {
    await page.click('[data-language="zh"]');
    await until('Chinese', () => page.locator('h1').innerText(), (text) => text === '存证账本');
    assert.equal(await page.evaluate(() => document.documentElement.lang), 'zh-CN');
    await page.setViewportSize({ width: 360, height: 740 });
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(width <= 360, `the page is ${width} wide`);
    await picture(page, 'telephone-zh');
    await page.setViewportSize({ width: 1280, height: 900 });
    const other = await browser.newPage();
    await other.goto(page.url());
    await until('Chinese', () => other.locator('h1').innerText(), (text) => text === '存证账本');
    await other.close();
    await page.click('[data-language="en"]');
  },

  async 'foreign code and hosts are refused, and this run would notice'(page) {
    const trials = {
      'img-src': () => (new Image().src = 'http://127.0.0.1:9/picture.png'),
      'connect-src': () => fetch('http://127.0.0.1:9/').catch(() => undefined),
      'require-trusted-types-for': () => {
        try {
          document.createElement('p').innerHTML = '<b>markup</b>';
        } catch {
          // The browser throws, and reports.
        }
      },
    };
    for (const [directive, act] of Object.entries(trials)) {
      await page.evaluate(act);
      await until(`a complaint about ${directive}`, () => complaints,
        (all) => all.some((line) => line.includes(`policy violated: ${directive}`)));
      // The browser's own lines about it come beside ours.
      await page.waitForTimeout(200);
      complaints.splice(0);
    }
  },
};
