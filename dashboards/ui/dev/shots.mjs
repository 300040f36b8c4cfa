// Pictures and checks of every page: desktop and phone, light and dark, in shots/; axe, console errors, policy violations and
// sideways scrolling make it fail. Serves dist/ with fixtures itself, under a path prefix. ONLY=name takes some, URL another server.
import { mkdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { launch } from './browser.mjs';
import { start } from './serve.mjs';

const out = fileURLToPath(new URL('../shots', import.meta.url));
const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const NOW = Date.parse('2026-11-17T14:20:00Z');

const PAGES = [
  ['explorer', ''],
  ['explorer-open', '?perspective=inbound&open=first'],
  ['explorer-empty', '', 'empty'],
  ['explorer-learning', '', 'learning'],
  ['explorer-quiet', '', 'quiet'],
  ['explorer-error', '', 'error'],
  ['explorer-focus', `?focus_from=${Math.round(NOW - (37 / 12) * 36e5)}&focus_to=${NOW - 2 * 36e5}&server=10.2.0.7`],
  ['explorer-stale', '', 'stale'],
  ['explorer-slow', '', 'slow'],
  ['explorer-news', '', 'news'],
  ['series-pick', 'series'],
  ['series', 'series?perspective=inbound&level=server_port&server=10.2.0.7&port=443&bucket=first'],
  [
    'series-zoomed',
    `series?perspective=inbound&level=server_port&server=10.2.0.7&port=443&zoom_from=${NOW - 6 * 36e5}&zoom_to=${NOW - 36e5}`,
  ],
  ['sessions', 'sessions'],
  ['sessions-none', 'sessions?server=10.9.9.9'],
  ['sessions-flows', 'sessions?view=flows'],
  ['jobs', 'jobs'],
  ['jobs-preview', 'jobs?preview=ecs-edge'],
  ['jobs-catalogue', 'jobs?view=catalogue&topic=sec_brute_force'],
  ['jobs-calendars', 'jobs?view=calendars'],
  ['jobs-delivery', 'jobs?view=delivery'],
  ['jobs-delivery-none', 'jobs?view=delivery', 'empty'],
  ['exporters', 'exporters'],
  ['exporters-empty', 'exporters', 'empty'],
  ['guide', 'guide'],
  ['nowhere', 'nowhere'],
];
const SIZES = [
  ['desktop', { width: 1440, height: 900 }],
  ['phone', { width: 390, height: 844 }],
];

const server = process.env.URL ? undefined : await start({ prefix: '/net/halfopen/', now: () => NOW });
const base = process.env.URL ?? server.url;
const only = process.env.ONLY?.split(',');
const browser = await launch();
const MOST = 40;
let bad = 0;
const complain = (text) => {
  bad += 1;
  if (bad <= MOST) console.log(`  ! ${text}`);
};
await mkdir(out, { recursive: true });

async function settle(page, mode) {
  if (mode === 'slow') return page.waitForTimeout(800);
  await page
    .waitForFunction(() => !document.querySelector('.skeleton'), undefined, { timeout: 8000 })
    .catch(() => undefined);
  await page.waitForTimeout(350);
}

async function check(page, mode) {
  const sideways = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  if (sideways > 0) complain(`the page scrolls sideways by ${sideways} px`);
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() =>
    globalThis.axe.run(document, {
      runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
    }),
  );
  for (const { id, help, nodes } of violations) {
    complain(
      `axe ${id}: ${help} (${nodes.length}): ${nodes
        .slice(0, 3)
        .map((n) => `${n.target} ${n.any[0]?.message ?? ''}`)
        .join(' | ')}`,
    );
  }
  return mode;
}

for (const [theme, scheme] of [
  ['light', 'light'],
  ['dark', 'dark'],
]) {
  for (const [size, viewport] of SIZES) {
    for (const [name, path, mode = ''] of PAGES) {
      if (only && !only.includes(name)) continue;
      if (process.env.URL && mode) continue;
      server?.setMode(mode);
      const context = await browser.newContext({ viewport, colorScheme: scheme, timezoneId: 'Europe/Berlin' });
      const page = await context.newPage();
      if (server) await page.clock.setFixedTime(NOW);
      console.log(`${name} ${size} ${theme}`);
      page.on('console', (message) => {
        if (message.type() === 'error' && !(mode === 'error' && message.text().includes('503')))
          complain(`console: ${message.text()}`);
      });
      page.on('pageerror', (error) => complain(`page: ${error}`));
      await page.goto(base + path.replace(/&(open|bucket)=first/, ''));
      await settle(page, mode);
      if (path.includes('open=first')) await page.getByTestId('anomaly-row').first().click();
      if (path.includes('bucket=first')) {
        await page.getByTestId('anomaly-row').first().waitFor();
        const t = NOW - (NOW % 900_000) - 3 * 3_600_000;
        await page.goto(`${base}${path.replace('bucket=first', `bucket=${t}`)}`);
      }
      if (mode === 'news') await page.getByText('3 new').waitFor();
      await settle(page, mode);
      await check(page, mode);
      const height = Math.min(
        await page.evaluate(() => document.documentElement.scrollHeight),
        size === 'phone' ? 1700 : 2400,
      );
      await page.screenshot({
        path: `${out}/${name}-${size}-${theme}.png`,
        fullPage: true,
        clip: { x: 0, y: 0, width: viewport.width, height },
      });
      await context.close();
    }
  }
}
await browser.close();
server?.close();
console.log(bad ? `${bad} complaints` : 'no complaints');
process.exitCode = bad ? 1 : 0;
