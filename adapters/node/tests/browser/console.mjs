/** Cases of the console in a browser. Each builds on the state that the one before left. */
import assert from 'node:assert/strict';
import { deposits } from './deposits.mjs';
import { network } from './network.mjs';
import { screen } from './screen.mjs';
import { URLS, complaints, openBrowser } from './support.mjs';

const began = Date.now();
const browser = await openBrowser();
const page = browser.pages()[0] ?? (await browser.newPage());
await page.goto(`${URLS[0]}/`);

let [passed, failed] = [0, 0];

async function run(cases) {
  for (const [name, test] of Object.entries(cases)) {
    const start = Date.now();
    try {
      await test(page, browser);
      assert.deepEqual(complaints.splice(0), [], 'the browser complained');
      passed += 1;
      console.log(`ok      ${name} (${Date.now() - start} ms)`);
    } catch (error) {
      failed += 1;
      console.log(`FAILED  ${name} (${Date.now() - start} ms)\n${error.stack}`);
      console.log(`  complaints: ${JSON.stringify(complaints.splice(0))}`);
      // Later cases stand on this one.
      return false;
    }
  }
  return true;
}

try {
  (await run(screen)) && (await run(deposits)) && (await run(network));
} finally {
  await browser.close();
}
console.log(`browser: ${Date.now() - began} ms`);
console.log(`browser: ${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
