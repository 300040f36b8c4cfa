// Behaviour in a real browser, against dist/ with fixtures under a path prefix: keys, address as state, lanes, brush, exports.
import { readFile } from 'node:fs/promises';
import { launch } from './browser.mjs';
import { start } from './serve.mjs';

const NOW = Date.parse('2026-11-17T14:20:00Z');
const server = await start({ prefix: '/net/halfopen/', now: () => NOW });
const browser = await launch();
const MOST = 40;
let bad = 0;

function expect(told, what) {
  if (told) return;
  bad += 1;
  if (bad <= MOST) console.log(`  ! ${what}`);
}

async function scene(name, path, play, mode = '') {
  console.log(name);
  server.setMode(mode);
  const context = await browser.newContext({
    viewport: { width: 1440, height: 900 },
    timezoneId: 'Europe/Berlin',
    acceptDownloads: true,
  });
  const page = await context.newPage();
  await page.clock.setFixedTime(NOW);
  page.on('pageerror', (error) => expect(false, `page error: ${error}`));
  page.on('console', (message) => message.type() === 'error' && expect(false, `console: ${message.text()}`));
  page.setDefaultTimeout(20_000);
  try {
    await page.goto(server.url + path);
    await play(page, (key) => new URL(page.url()).searchParams.get(key));
  } catch (error) {
    expect(false, String(error).split('\n').slice(0, 4).join(' '));
  }
  await context.close();
}

const rows = (page) => page.getByTestId('anomaly-row');

await scene('keys', '', async (page, param) => {
  await rows(page).first().waitFor();
  await page.keyboard.press('?');
  expect(await page.getByRole('dialog', { name: 'Keyboard' }).isVisible(), '? shows the help');
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await page.keyboard.press('2');
  expect(param('perspective') === 'inbound', '2 chooses inbound');
  await page.keyboard.press('2');
  expect(param('perspective') === null, '2 again chooses all');
  await page.keyboard.press('[');
  expect(Number(param('to')) === NOW - 86_400_000, `[ shifts back, to is ${param('to')}`);
  await page.keyboard.press(']');
  await page.keyboard.press(']');
  expect(param('to') === 'now', '] comes back to now');
  await page.keyboard.press('t');
  expect((await page.locator('html').getAttribute('data-theme')) === 'dark', 't is dark');
  await page.keyboard.press('/');
  await page.keyboard.type('server 10.2.0.9 and port 25\n');
  await page.waitForURL(/server=/);
  expect(param('server') === '10.2.0.9' && param('port') === '25', 'the filter goes into the address');
  await page.waitForFunction(() => document.querySelectorAll('[data-testid="anomaly-row"]').length === 1);
  await page.keyboard.press('Escape');
  await page.keyboard.press('g');
  await page.keyboard.press('j');
  await page.getByTestId('job-row').first().waitFor();
  expect(page.url().startsWith(`${server.url}jobs`), 'g j goes to the jobs, below the prefix');
  await page.goBack();
  await rows(page).first().waitFor();
  expect(param('server') === '10.2.0.9', 'back restores the filter');
});

await scene('few requests', '', async (page) => {
  await rows(page).first().waitFor();
  await page.locator('.mini svg').first().waitFor();
  const asked = [];
  page.on(
    'request',
    (request) => request.url().includes('/api/') && asked.push(new URL(request.url()).pathname.split('/').pop()),
  );
  await page.reload();
  await rows(page).first().waitFor();
  await page.waitForTimeout(1000);
  expect(asked.length <= 8, `the Explorer asks for each thing once: ${asked.join(' ')}`);
});

await scene('lanes by keyboard', '', async (page, param) => {
  const grid = page.getByTestId('swimlane-by');
  await grid.waitFor();
  expect((await grid.locator('[tabindex="0"]').count()) === 1, 'one tab stop');
  await grid.locator('[tabindex="0"]').focus();
  await page.keyboard.press('n');
  const label = await page.evaluate(() => document.activeElement.getAttribute('aria-label'));
  expect(/critical, score/.test(label ?? ''), `n jumps to an anomaly: ${label}`);
  await page.keyboard.press('Enter');
  expect(param('server') === '10.2.0.7' && Number(param('focus_from')) > 0, 'Enter selects cell and lane');
  const before = Number(param('focus_to'));
  await page.keyboard.press('Shift+ArrowRight');
  expect(Number(param('focus_to')) > before, 'Shift extends the selection');
  expect(
    await page.evaluate(() => document.activeElement.getAttribute('role') === 'gridcell'),
    'focus stays in the grid',
  );
  await page.keyboard.press('Escape');
  expect(param('focus_from') === null && param('server') === null, 'Escape clears it');
});

await scene('lanes by pointer', '', async (page, param) => {
  const cells = page.getByTestId('swimlane').getByRole('gridcell');
  await cells.first().waitFor();
  const [a, b] = [await cells.nth(80).boundingBox(), await cells.nth(88).boundingBox()];
  await page.mouse.move(a.x + 4, a.y + 8);
  await page.mouse.down();
  await page.mouse.move(b.x + 4, b.y + 8, { steps: 6 });
  await page.mouse.up();
  const length = Number(param('focus_to')) - Number(param('focus_from'));
  expect(length === 9 * 900_000, `a drag selects nine cells, ${length / 900_000}`);
  await page.getByRole('button', { name: 'Zoom in' }).click();
  expect(
    Number(param('to')) - Number(param('from')) === length && param('focus_from') === null,
    'Zoom in makes it the range',
  );
});

await scene('from the anomaly to the cause', '', async (page, param) => {
  await rows(page).first().click();
  await page.getByText('Likely cause').waitFor();
  expect(param('open') !== null, 'an open row is in the address');
  await page.getByTestId('open-series').nth(1).click();
  await page.getByTestId('bucket-sessions').getByTestId('session-row').first().waitFor();
  expect(page.url().includes('/series?') && param('bucket') !== null, 'the series opens with its bucket and sessions');
  const plot = page.locator('.u-over').first();
  const box = await plot.boundingBox();
  await page.mouse.move(box.x + box.width * 0.6, box.y + 100);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.9, box.y + 100, { steps: 8 });
  await page.mouse.up();
  await page.waitForFunction(() => location.search.includes('zoom_from'));
  const bucket = param('bucket');
  const again = await page.locator('.u-over').first().boundingBox();
  await page.mouse.click(again.x + again.width * 0.5, again.y + 100);
  await page.waitForFunction((old) => new URLSearchParams(location.search).get('bucket') !== old, bucket);
  expect(Number(param('bucket')) % 900_000 === 0, 'a click chooses a whole bucket');
  await page.getByRole('button', { name: 'Whole range' }).click();
  expect(param('zoom_from') === null, 'Whole range undoes the zoom');
});

await scene(
  'context brush',
  'series?perspective=inbound&level=server_port&server=10.2.0.7&port=443',
  async (page, param) => {
    await page.locator('.u-over').nth(1).waitFor();
    const box = await page.locator('.u-over').nth(1).boundingBox();
    await page.mouse.move(box.x + box.width * 0.3, box.y + 10);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.5, box.y + 10, { steps: 8 });
    await page.mouse.up();
    await page.waitForFunction(() => location.search.includes('zoom_from'));
    const length = Number(param('zoom_to')) - Number(param('zoom_from'));
    expect(Math.abs(length / 86_400_000 - 0.2) < 0.02, `the brush chooses a fifth, ${length / 86_400_000}`);
    const from = param('zoom_from');
    await page.getByRole('button', { name: 'Later' }).click();
    expect(Number(param('zoom_from')) > Number(from), 'Later moves on');
  },
);

await scene(
  'news',
  '',
  async (page) => {
    await rows(page).first().waitFor();
    await page.getByText('3 new').waitFor();
    const top = await rows(page).first().boundingBox();
    const pill = page.getByTestId('refresh');
    const wide = await pill.boundingBox();
    await pill.click();
    await page.getByText('Refresh').waitFor();
    const after = await rows(page).first().boundingBox();
    expect(top.y === after.y && wide.width === (await pill.boundingBox()).width, 'news moves nothing');
  },
  'news',
);

await scene('range picker', '', async (page, param) => {
  await page.getByTestId('range').click();
  await page.getByRole('button', { name: 'Last 7 days' }).click();
  expect(param('from') === 'now-7d', 'a preset goes into the address');
  await page.getByTestId('range').click();
  await page.getByLabel('Start').fill('2026-11-17T08:00');
  await page.getByLabel('End').fill('2026-11-17T10:00');
  await page.getByRole('button', { name: 'Apply' }).nth(1).click();
  expect(Number(param('to')) - Number(param('from')) === 7_200_000, 'absolute times go into the address');
  await page.getByTestId('range').click();
  await page.getByPlaceholder('now-90m').fill('tomorrow');
  await page.getByRole('button', { name: 'Apply' }).first().click();
  expect(await page.getByRole('alert').isVisible(), 'nonsense is refused with a reason');
});

await scene('tables and exports', '', async (page) => {
  await rows(page).first().waitFor();
  await page.getByRole('button', { name: 'Table view of When and where' }).click();
  expect(
    await page.getByRole('region', { name: 'When and where, as a table' }).isVisible(),
    'a chart has a table view',
  );
  await page.getByRole('button', { name: 'Export anomalies' }).click();
  const download = page.waitForEvent('download');
  await page.getByRole('button', { name: 'CSV' }).click();
  const file = await download;
  const text = await readFile(await file.path(), 'utf8');
  expect(/^halfopen-anomalies-.*\.csv$/.test(file.suggestedFilename()), file.suggestedFilename());
  expect(text.startsWith('timestamp,score,severity') && text.split('\r\n').length > 20, 'the export has all rows');
});

await scene('sessions', 'sessions?from=now-1h&to=now', async (page, param) => {
  const list = page.getByTestId('session-row');
  await list.first().waitFor();
  expect((await list.count()) === 100, 'a page of sessions');
  await page.getByRole('button', { name: 'Load older' }).click();
  await page.waitForFunction(() => document.querySelectorAll('[data-testid="session-row"]').length === 200);
  await page.getByRole('button', { name: 'Bytes' }).click();
  expect(param('sort') === 'bytes-desc', 'sort goes into the address');
  await page.getByLabel('Class').selectOption('failed');
  await page.waitForFunction(
    () =>
      ![...document.querySelectorAll('[data-testid="session-row"]')].some((row) => row.textContent.includes('Closed')),
  );
  await list.first().getByRole('button').first().click();
  expect(await page.getByText('Community id').isVisible(), 'a session opens');
});

await scene('jobs', 'jobs', async (page, param) => {
  const link = page.getByTestId('job-download-ecs-edge');
  await link.waitFor();
  expect(
    (await link.getAttribute('href')) === '/net/halfopen/api/v1/jobs/ecs/edge',
    'the download address is below the prefix',
  );
  await page.getByRole('button', { name: 'Preview codex-private' }).click();
  await page.getByTestId('job-preview').waitFor();
  expect(param('preview') === 'codex-private', 'the preview is in the address');
});

await browser.close();
server.close();
console.log(bad ? `${bad} complaints` : 'no complaints');
process.exitCode = bad ? 1 : 0;
