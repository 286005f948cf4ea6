/** The network under faults, as the console shows and makes them. */
import assert from 'node:assert/strict';
import { URLS, deposit, expecting, order, picture, until } from './support.mjs';

/** What a browser logs of a node that is down. */
const DOWN = /ERR_(CONNECTION_|EMPTY_|INCOMPLETE_|NETWORK_|ABORTED|FAILED)/;
const NO_QUORUM = /status of 503.*\/v1\/(health|statements)/;

const card = (page, i) => page.locator(`.validator[data-name="validator-${i}"]`);
const press = (page, i, verb) => card(page, i).locator(`[data-verb="${verb}"]`).click();
const banner = (page, state) => page.locator(`#health[data-state="${state}"]`).waitFor();
const state = (page, i, wanted) =>
  card(page, i).and(page.locator(`[data-state="${wanted}"]`)).waitFor();

/** Ordinals of the deposits that are shown, newest first. */
const ordinals = (page) =>
  page.locator('#deposits .lead').allInnerTexts().then((all) => all.map((t) => Number(t.slice(1))));

/** Deposits that the list holds. */
const ROWS = 8;

let waiting = null;

export const network = {
  async 'one validator is stopped: it is missing, and deposits go on'(page) {
    await press(page, 3, 'stop');
    await state(page, 3, 'stopped');
    await banner(page, 'note');
    const text = await page.locator('#health').innerText();
    assert.match(text, /Demonstration Court \(validator-3\)/);
    assert.match(text, /3 of 4 present, 3 needed/);
    await deposit(page, 'with-three.txt', 'three are enough');
  },

  async 'two are stopped: no quorum, both are named, and a deposit waits'(page) {
    await expecting(NO_QUORUM, async () => {
      await press(page, 2, 'stop');
      await banner(page, 'bad');
      const text = await page.locator('#health').innerText();
      assert.match(text, /No quorum/);
      assert.match(text, /Demonstration Court \(validator-3\)/);
      assert.match(text, /\(validator-2\)/);
      waiting = await deposit(page, 'waits.txt', 'patience', 'admitted');
      await until('who is missing', () => waiting.innerText(),
        (said) => said.includes('(validator-2)') && said.includes('(validator-3)'));
      await picture(page, 'no-quorum-light');
    });
  },

  async 'start heals, and what waited is committed and verified'(page) {
    await expecting(NO_QUORUM, async () => {
      await press(page, 2, 'start');
      await press(page, 3, 'start');
      await banner(page, 'good');
    });
    await waiting.and(page.locator('[data-step="verified"]')).waitFor();
    assert.equal(await page.locator('.validator[data-state="present"]').count(), 4);
  },

  async 'the serving validator goes and comes back: the page reads on elsewhere, without a gap'(
    page, browser) {
    const other = await browser.newPage();
    await other.goto(`${URLS[1]}/`);
    await other.locator('#live[data-state="live"]').waitFor();
    let newest = 0;
    await expecting(DOWN, async () => {
      await press(page, 0, 'stop');
      await until('that it is down', () => page.locator('#health').innerText(),
        (text) => text.includes('Demonstration University') && text.includes('does not answer'));
      const links = page.locator('#health-links a');
      assert.ok((await links.count()) === 3, 'links to the three others');
      assert.equal(await links.first().getAttribute('href'), `${URLS[1]}/`);
      await page.locator('#live[data-state="live"]').waitFor();
      const [before] = await ordinals(page);
      await deposit(other, 'meanwhile.txt', 'made at another validator');
      await picture(page, 'own-stopped-light');
      [newest] = await until('the deposit', () => ordinals(page), (all) => all[0] > before);
      assert.ok(await card(page, 0).locator('[data-verb="start"]').isDisabled());
      await press(other, 0, 'start');
      await banner(page, 'good');
      await page.locator('#live[data-state="live"]').waitFor();
    });
    await deposit(page, 'afterwards.txt', 'made here again');
    // The receipt may be here before the event is drawn.
    const expected = Array.from({ length: newest + 1 }, (_, i) => newest + 1 - i).slice(0, ROWS);
    for (const reader of [page, other]) {
      const same = (all) => all.join() === expected.join();
      await until(`deposits ${expected} without a gap`, () => ordinals(reader), same);
    }
    await other.close();
  },

  // By the command, since both turn the same switch.
  async 'a validator that is cut off says so, and is healed'(page) {
    await order('cut', 2);
    await state(page, 2, 'cut');
    await banner(page, 'note');
    await page.emulateMedia({ colorScheme: 'dark' });
    await picture(page, 'cut-dark');
    await page.emulateMedia({ colorScheme: 'light' });
    await press(page, 2, 'start');
    await state(page, 2, 'present');
    await banner(page, 'good');
  },
};
