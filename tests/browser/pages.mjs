// Every page, in the theme and size given: no accessibility violation (axe), no error on the console, no broken content policy,
// no sideways scrolling. Leaves a picture of each in the folder SHOTS, where that is set.
import { readFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { base, byId, uiRequire, withBrowser } from './browser.mjs';

const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
const axe = readFileSync(uiRequire.resolve('axe-core/axe.min.js'), 'utf8');
const [theme, size] = process.env.LOOK.split('-');
const viewport = size === 'phone' ? { width: 390, height: 844 } : { width: 1440, height: 900 };
const series = 'perspective=inbound&level=server_port&server=10.2.0.7&port=443';
const shots = process.env.SHOTS;
if (shots) mkdirSync(shots, { recursive: true });

const PAGES = [
  ['explorer', '/', (page) => byId(page, 'anomaly-row').first().waitFor()],
  ['explorer-open', '/?min_score=75', async (page) => {
    await byId(page, 'anomaly-row').first().getByRole('button').click();
    await byId(page, 'anomaly-context').waitFor();
    await byId(page, 'neighbours').locator('li').first().waitFor();
  }],
  ['explorer-filter', '/?filter=outcome%20refused%20and%20not%20port%2025', (page) => byId(page, 'swimlane').first().waitFor()],
  ['series', `/series?${series}`, (page) => page.locator('canvas').first().waitFor()],
  ['explorer-none', '/?filter=port%201', (page) => page.getByText('Nothing passes the filter').waitFor()],
  ['series-forecast', `/series?${series}&forecast=1d`, (page) => page.locator('canvas').first().waitFor()],
  ['series-pick', '/series', (page) => page.getByRole('heading', { level: 1 }).waitFor()],
  ['sessions', '/sessions', (page) => byId(page, 'session-row').first().waitFor()],
  ['sessions-flows', '/sessions?view=flows', (page) => byId(page, 'sankey').waitFor()],
  ['sessions-live', '/sessions?view=live', (page) => page.getByRole('heading', { level: 1 }).waitFor()],
  ['jobs', '/jobs', (page) => byId(page, 'job-row').first().waitFor()],
  ['jobs-preview', '/jobs?preview=ecs-edge', (page) => byId(page, 'job-preview').waitFor()],
  ['jobs-catalogue', '/jobs?view=catalogue&topic=sec_brute_force', (page) => byId(page, 'definition-row').first().waitFor()],
  ['jobs-calendars', '/jobs?view=calendars', async (page) => {
    await byId(page, 'new-calendar').click();
    await byId(page, 'calendar-form').waitFor();
  }],
  ['jobs-delivery', '/jobs?view=delivery', (page) => page.getByRole('heading', { name: 'Result documents' }).waitFor()],
  ['exporters', '/exporters', (page) => byId(page, 'exporter-row').first().waitFor()],
  ['guide', '/guide', (page) => page.getByText('halfopen_dropped_total').first().waitFor()],
  ['nowhere', '/nowhere', (page) => page.getByText('There is no such page').waitFor()],
];
const only = process.env.ONLY?.split(',');

const complaints = [];
await withBrowser({ viewport, colorScheme: theme }, async (page) => {
  for (const [name, path, ready] of PAGES) {
    if (only && !only.includes(name)) continue;
    await page.goto(base + path, { waitUntil: 'load' });
    await ready(page);
    await page.waitForFunction(() => !document.querySelector('.skeleton'));
    await page.waitForTimeout(200);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    if (wide > 0) complaints.push(`${name}: ${wide} px too wide`);
    await page.evaluate(() => scrollTo(0, 0));
    if (shots) await page.screenshot({ path: join(shots, `${name}-${theme}-${size}.png`), fullPage: true });
    await page.evaluate(axe);
    const { violations } = await page.evaluate((rules) => globalThis.axe.run(document, { runOnly: rules }), RULES);
    for (const { id, help, nodes } of violations) {
      const where = nodes.slice(0, 3).map((node) => `${node.target} ${node.any[0]?.message ?? ''}`);
      complaints.push(`${name}: axe ${id}: ${help} (${nodes.length}): ${where.join(' | ')}`);
    }
  }
});
if (complaints.length > 0) throw new Error(complaints.join('\n'));
