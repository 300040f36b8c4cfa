// From the first page to the sessions that failed in three clicks; then what goes out to a colleague, and the flow view.
import { gzipSync } from 'node:zlib';
import { base, byId, expect, withBrowser } from './browser.mjs';

await withBrowser({ viewport: { width: 1440, height: 900 }, timezoneId: 'Asia/Kolkata' }, async (page) => {
  // What the first page loads: all scripts until it is at rest.
  let script = 0;
  const counted = [];
  page.on('response', (response) => {
    if (!/\.js(\?|$)/.test(new URL(response.url()).pathname)) return;
    counted.push(response.body().then((body) => (script += gzipSync(body, { level: 9 }).length), () => undefined));
  });
  await page.goto(`${base}/?perspective=inbound`);
  const row = byId(page, 'anomaly-row').filter({ hasText: '10.2.0.7' }).first();
  await row.waitFor();
  await page.locator('.mini svg .line').first().waitFor();
  await page.waitForLoadState('load');
  await page.waitForTimeout(500);
  await Promise.all(counted);
  expect(script > 20_000 && script <= 60 * 1024, `the first page loads ${script} bytes of gzipped script`);

  // It asks for each of its answers once, and before its own script is there.
  const requests = await page.evaluate(() => performance.getEntriesByType('resource').map(({ name, startTime }) => ({ name, startTime })));
  const began = requests.find(({ name }) => name.endsWith('/api/v1/version'))?.startTime ?? 0;
  const answers = requests.filter(({ name }) => /\/api\/v1\/(summary|anomalies|influencers|swimlane|series)/.test(name));
  const late = answers.filter(({ startTime }) => startTime >= began);
  expect(answers.length === 6 && late.length === 0, `six answers asked for before ${began}: ${JSON.stringify(answers)}`);

  // 1: the anomaly, in words, with who failed, shares, and what else broke.
  await row.getByRole('button').click();
  const context = byId(page, 'anomaly-context');
  await context.waitFor();
  const sentence = await row.locator('.why').textContent();
  expect(/10\.2\.0\.7:443 .*\d+ of \d+ connection attempts (\(\d+ failed in all\) )?from \d+ clients/.test(sentence), `the sentence: ${sentence}`);
  const time = /\d\d:\d\d/.exec(await row.locator('time').textContent())?.[0];
  expect(sentence.includes(` ${time}: `), `the sentence has the time of its row, ${time}: ${sentence}`);
  await context.getByText('Clients that failed').waitFor();
  await context.locator('li .num').first().waitFor();
  const share = await context.locator('li .num.muted').first().textContent();
  expect(/\d/.test(share), `the first client has a share: ${share}`);
  await byId(page, 'neighbours').locator('li').first().waitFor();

  // The counts narrow the lanes as they narrow the list.
  const unusual = page.locator('[role="gridcell"].warning');
  expect((await unusual.count()) > 0, 'there are warnings in the lanes');
  const critical = page.getByRole('button', { name: /^[\d,]+ critical$/ });
  await critical.click();
  await unusual.first().waitFor({ state: 'detached' });
  await critical.click();
  await unusual.first().waitFor();

  // 2: the sessions themselves.
  await byId(page, 'open-sessions').first().click();
  await page.waitForURL(/\/sessions\?/);
  const session = byId(page, 'session-row').first();
  await session.waitFor();
  expect((await session.textContent()).includes('10.2.0.7:443'), 'the sessions are those of the server');
  // 3: one of them, with its facts.
  await session.locator('button.open').click();
  await page.locator('tr.facts').waitFor();

  // The address alone shows the same to somebody else.
  const link = page.url();
  const other = await page.context().newPage();
  await other.goto(link);
  await byId(other, 'session-row').first().waitFor();
  await other.close();

  // The filter box: a mistake is shown with its column and changes nothing; a filter narrows.
  await page.goto(`${base}/sessions?from=now-6h`);
  const box = byId(page, 'filter');
  await box.fill('server 10.2.0.7 and outcome refusd');
  await box.press('Enter');
  const error = byId(page, 'filter-error');
  await error.waitFor();
  expect((await error.textContent()).includes('Column 29'), `the mistake: ${await error.textContent()}`);
  await box.fill('server 10.2.0.7 and outcome refused');
  await box.press('Enter');
  await page.waitForURL(/filter=/);
  await error.waitFor({ state: 'detached' });
  await byId(page, 'session-row').first().waitFor();
  await page.waitForFunction(() => {
    const rows = [...document.querySelectorAll('[data-testid="session-row"]')];
    return rows.length > 0 && rows.every((r) => r.textContent.includes('Refused') && r.textContent.includes('10.2.0.7'));
  });

  // What stands above the list counts what the filter leaves: all of it failed, and by refusal.
  const overview = page.locator('.overview');
  await overview.locator('svg rect.failed').first().waitFor();
  expect((await overview.locator('svg rect.established').count()) === 0, 'only what passes the filter is counted');
  await overview.getByRole('button', { name: /^established/ }).click();
  await page.waitForURL(/class=established/);
  await page.getByText('No session matches').waitFor();

  // The first page follows it as well, and lanes by outcome narrow by it.
  await page.goto(`${base}/?filter=server%2010.2.0.7`);
  await page.getByText('that pass the filter').waitFor();
  await page.goto(`${base}/?by=outcome`);
  await byId(page, 'swimlane-by').getByRole('rowheader', { name: 'refused' }).waitFor();
  await byId(page, 'swimlane-by').locator('.critical').first().click();
  await page.waitForURL(/filter=outcome/);
  await page.goto(`${base}/?filter=port%201`);
  await page.getByText('Nothing passes the filter').waitFor();

  // A series goes on into the future, and up to what it is a part of.
  await page.goto(`${base}/series?perspective=inbound&level=server_port&server=10.2.0.7&port=443`);
  await page.locator('canvas').first().waitFor();
  const [forecast] = await Promise.all([
    page.waitForResponse((answer) => answer.url().includes('/api/v1/forecast')),
    byId(page, 'forecast').selectOption('1d'),
  ]);
  expect((await forecast.json()).points.length === 96, 'a day of buckets is forecast');
  await page.waitForURL(/forecast=1d/);
  await page.getByRole('link', { name: 'all ports of 10.2.0.7' }).click();
  await page.waitForURL(/level=server&server=10\.2\.0\.7/);

  // Flows: a click on a server narrows to it.
  await page.goto(`${base}/sessions?view=flows`);
  await byId(page, 'sankey').waitFor();
  await byId(page, 'flow-node').filter({ hasText: '10.2.0.7' }).first().click();
  await page.waitForURL(/server=10\.2\.0\.7/);
  await page.waitForFunction(() => document.querySelectorAll('section[aria-label="Servers"] li').length === 1);

  // A view that is kept finds back.
  await byId(page, 'views').click();
  await page.getByLabel('Name of this view').fill('web server');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.goto(`${base}/sessions`);
  await byId(page, 'views').click();
  await page.getByRole('link', { name: 'web server' }).click();
  await page.waitForURL(/view=flows.*server=10\.2\.0\.7|server=10\.2\.0\.7.*view=flows/);

  // Exports come as files.
  await page.goto(`${base}/sessions?from=now-1h&limit=1`);
  await byId(page, 'session-row').first().waitFor();
  await page.getByRole('button', { name: 'Export sessions' }).click();
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'CSV' }).click()]);
  expect(/\.csv$/.test(download.suggestedFilename()), `saved as ${download.suggestedFilename()}`);
});
