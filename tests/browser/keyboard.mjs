// The same way without a mouse: pages by their keys, the swim lane by arrows, a row opened and left again, help, theme.
import { base, byId, expect, withBrowser } from './browser.mjs';

await withBrowser({ viewport: { width: 1440, height: 900 } }, async (page) => {
  const focused = (test) => page.waitForFunction(test);
  await page.goto(`${base}/`);
  await byId(page, 'anomaly-row').first().waitFor();

  // The first stop of Tab leads past the header.
  await page.keyboard.press('Tab');
  expect((await page.evaluate(() => document.activeElement.textContent)).includes('Skip to content'), 'the skip link comes first');
  await page.keyboard.press('Enter');
  await focused(() => document.activeElement?.id === 'main');

  // The swim lane is one stop; n goes to the next anomaly and Enter selects it.
  await byId(page, 'swimlane').first().waitFor();
  for (let i = 0; i < 40; i += 1) {
    await page.keyboard.press('Tab');
    if (await page.evaluate(() => Boolean(document.activeElement?.closest('[data-testid="swimlane"]')))) break;
  }
  expect(
    await page.evaluate(() => Boolean(document.activeElement?.closest('[data-testid="swimlane"]'))),
    'Tab reaches the swim lane',
  );
  await page.keyboard.press('Home');
  await page.keyboard.press('n');
  await page.keyboard.press('Enter');
  await page.waitForURL(/focus_from=/);
  await page.keyboard.press('Escape');
  await page.waitForFunction(() => !location.search.includes('focus_from'));

  // A row opens by its button, and its links are reached by Tab.
  const toggle = byId(page, 'anomaly-row').first().getByRole('button');
  await toggle.focus();
  await page.keyboard.press('Enter');
  await byId(page, 'anomaly-context').waitFor();
  await byId(page, 'open-sessions').first().focus();
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/sessions\?/);
  await byId(page, 'session-row').first().waitFor();
  await page.locator('button.open').first().focus();
  await page.keyboard.press('Enter');
  await page.locator('tr.facts').waitFor();

  // Pages, filter, perspective, range, theme and help by key.
  await page.evaluate(() => document.activeElement.blur());
  for (const [key, path] of [['j', 'jobs'], ['x', 'exporters'], ['h', 'guide'], ['s', 'series'], ['t', 'sessions'], ['e', '']]) {
    await page.keyboard.press('g');
    await page.keyboard.press(key);
    await page.waitForFunction((name) => location.pathname.endsWith(`/${name}`), path);
  }
  await page.keyboard.press('2');
  await page.waitForURL(/perspective=inbound/);
  await page.keyboard.press('[');
  await page.waitForURL(/from=/);
  const dark = () => page.evaluate(() => document.documentElement.dataset.theme);
  const before = await dark();
  await page.keyboard.press('t');
  await page.waitForFunction((was) => document.documentElement.dataset.theme !== was, before);
  await page.keyboard.press('/');
  await focused(() => document.activeElement?.hasAttribute('data-filter'));
  await page.keyboard.press('Escape');
  await page.keyboard.press('?');
  await page.getByRole('dialog').waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
});
