// Chromium through playwright-core, with the page's own errors collected.
import { createRequire } from 'node:module';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const require = createRequire(join(process.env.UI, 'package.json'));
const { chromium } = require('playwright-core');

export const base = process.env.BASE;

/** Runs a scenario in a fresh browser; fails on console errors, page errors and violated expectations. */
export async function withBrowser(options, scenario) {
  const profile = mkdtempSync(join(tmpdir(), 'halfopen-browser-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM,
    acceptDownloads: true,
    args: [
      '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
      '--disable-background-networking', '--disable-component-update', '--disable-sync',
    ],
    ...options,
  });
  const problems = [];
  try {
    const page = context.pages()[0] ?? (await context.newPage());
    page.setDefaultTimeout(60_000);
    page.on('console', (message) => message.type() === 'error' && problems.push(`console: ${message.text()}`));
    page.on('pageerror', (error) => problems.push(`page: ${error.message}`));
    await scenario(page);
  } finally {
    await context.close();
    rmSync(profile, { recursive: true, force: true });
  }
  if (problems.length > 0) throw new Error(problems.join('\n'));
}

export function expect(condition, message) {
  if (!condition) throw new Error(message);
}

/** Element with this test id. */
export const byId = (page, id) => page.locator(`[data-testid="${id}"]`);

export { require as uiRequire };
