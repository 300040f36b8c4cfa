// Screenshots of every page, light and dark, wide and narrow, into the folder SHOTS.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { base, withBrowser } from './browser.mjs';

const folder = process.env.SHOTS;
mkdirSync(folder, { recursive: true });
const series = 'perspective=inbound&level=server_port&server=10.2.0.7&port=443';
const pages = { explorer: '/', series: `/series?${series}`, sessions: '/sessions', jobs: '/jobs', exporters: '/exporters', guide: '/guide' };

for (const colorScheme of ['light', 'dark']) {
  for (const [width, height] of [[1440, 900], [390, 844]]) {
    await withBrowser({ viewport: { width, height }, colorScheme }, async (page) => {
      for (const [name, path] of Object.entries(pages)) {
        await page.goto(base + path, { waitUntil: 'load' });
        await page.waitForTimeout(1500);
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
        if (overflow > 0) throw new Error(`${name} is ${overflow} px too wide at ${width}`);
        await page.screenshot({ path: join(folder, `${name}-${colorScheme}-${width}.png`), fullPage: true });
      }
    });
  }
}
