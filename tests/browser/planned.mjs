// The catalogue of jobs: found by words, told of, taken, run here. Then planned work: a calendar is made, gets an event that keeps
// jobs quiet, and is deleted. All of it with axe, and on a phone without sideways scrolling.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { base, byId, expect, uiRequire, withBrowser } from './browser.mjs';

const axe = readFileSync(uiRequire.resolve('axe-core/axe.min.js'), 'utf8');
const answer = async (page, path) => (await page.request.get(`${base}/api/v1/${path}`)).json();
const sound = async (page, where) => {
  await page.waitForFunction(() => !document.querySelector('.skeleton'));
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  expect(wide <= 0, `${where}: ${wide} px too wide`);
  await page.evaluate(axe);
  const found = await page.evaluate(() =>
    globalThis.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }),
  );
  expect(found.violations.length === 0, `${where}: ${JSON.stringify(found.violations.map(({ id, nodes }) => [id, nodes[0].target]))}`);
};

await withBrowser({ viewport: { width: 1440, height: 900 } }, async (page) => {
  const topics = byId(page, 'topic');
  const { items } = await answer(page, 'jobs/catalogue');
  const all = items.flatMap(({ jobs }) => jobs);
  await page.goto(`${base}/jobs?view=catalogue`);
  await topics.first().waitFor();
  expect((await topics.count()) === items.length, `${await topics.count()} topics of ${items.length}`);
  expect((await byId(page, 'catalogue-count').textContent()).includes(`${all.length} of ${all.length} definitions`), 'all are counted');

  // Words narrow by topic, perspective and schema alike; one topic that is left opens by itself.
  const search = byId(page, 'catalogue-search');
  await page.keyboard.press('/');
  await page.keyboard.type('brute force codex private');
  await page.waitForFunction(() => document.querySelectorAll('[data-testid="topic"]').length === 1);
  await byId(page, 'definition-row').getByText('elastiflow_codex_sec_brute_force_priv').first().waitFor();
  expect((await byId(page, 'definition-row').count()) === 1, 'one definition is left');
  for (const heading of ['Why it matters', 'Likely causes', 'First steps']) await page.getByText(heading).waitFor();
  await page.reload();
  await byId(page, 'definition-row').first().waitFor();
  expect((await search.inputValue()) === 'brute force codex private', 'the search is in the address');
  await search.fill('no such thing');
  await page.getByText('No definition matches').waitFor();
  await page.getByRole('button', { name: 'Show all' }).click();

  // Opened by keyboard; previewed and taken as the file that the command line makes.
  const scan = topics.filter({ hasText: 'ports of one server' }).first();
  const toggle = scan.getByRole('button', { expanded: false }).first();
  await toggle.focus();
  await page.keyboard.press('Enter');
  const id = 'elastiflow_ecs_sec_portscan_direct_priv';
  await page.getByRole('button', { name: `Preview ${id}` }).click();
  await byId(page, 'job-preview').getByText(id).first().waitFor();
  const [download] = await Promise.all([page.waitForEvent('download'), byId(page, `job-download-${id}`).click()]);
  const path = join(process.env.DOWNLOADS, 'catalogue.json');
  await download.saveAs(path);
  expect(JSON.parse(readFileSync(path, 'utf8'))[0].job.job_id === id, 'the file holds the job');
  await sound(page, 'catalogue');

  // It runs here, and leads to what it found; there the way to help stands beside it.
  const row = byId(page, 'definition-row').filter({ hasText: id });
  await byId(row, 'run-here').click();
  await row.getByRole('link', { name: `what ${id} found` }).click();
  await page.waitForURL(new RegExp(`job=${id}`));
  await byId(page, 'job-detail').getByText('What to do then').waitFor();
  const { imported } = await answer(page, 'jobs');
  expect(imported.some(({ job_id }) => job_id === id), 'the job is there');

  // Planned work.
  await page.getByRole('link', { name: 'Calendars' }).click();
  await byId(page, 'new-calendar').click();
  await page.getByLabel('Name').fill('Core switch');
  await page.getByLabel('Description').fill('Planned work');
  await page.getByLabel('some jobs or groups').check();
  await page.getByLabel(id).check();
  await page.getByRole('button', { name: 'Create' }).click();
  const calendar = byId(page, 'calendar').filter({ hasText: 'core-switch' });
  await calendar.getByText('No event yet').waitFor();

  await calendar.getByRole('button', { name: /^Add event/ }).click();
  const form = byId(page, 'event-form');
  await form.getByLabel('What is planned').fill('Upgrade');
  await form.getByLabel('End').fill('2001-01-01T00:00');
  await form.getByText('The end must be after the start').waitFor();
  expect(await form.getByRole('button', { name: 'Add' }).isDisabled(), 'it cannot end before it starts');
  await form.getByLabel(/^Start/).fill('2030-05-01T22:00');
  await form.getByLabel('End').fill('2030-05-02T02:00');
  await form.getByLabel('learn nothing of it').uncheck();
  await form.getByText('It lasts 4 h').waitFor();
  await form.getByRole('button', { name: 'Add' }).click();
  const event = byId(calendar, 'event-row');
  await event.waitFor();
  expect(/Upgrade.*No results/s.test(await event.textContent()), `the event: ${await event.textContent()}`);
  const [kept] = (await answer(page, 'calendars')).items.filter(({ calendar_id }) => calendar_id === 'core-switch');
  const [planned] = kept.events;
  expect(kept.job_ids.join() === id && planned.end_time - planned.start_time === 4 * 3_600_000, JSON.stringify(kept));
  expect(planned.skip_result === true && planned.skip_model_update === false, JSON.stringify(planned));
  await sound(page, 'calendars');
  await page.setViewportSize({ width: 390, height: 844 });
  await sound(page, 'calendars on a phone');
  await page.setViewportSize({ width: 1440, height: 900 });

  // A second calendar of that name is refused before it could replace the first.
  await byId(page, 'new-calendar').click();
  await page.getByLabel('Name').fill('core-switch');
  await page.getByText('There is a calendar core-switch already').waitFor();
  await page.getByRole('button', { name: 'Cancel' }).click();

  await event.getByRole('button', { name: 'Remove Upgrade' }).click();
  await calendar.getByText('No event yet').waitFor();
  await calendar.getByRole('button', { name: /^Delete/ }).click();
  await calendar.getByRole('button', { name: 'Delete it' }).click();
  await calendar.waitFor({ state: 'detached' });
  expect(!(await answer(page, 'calendars')).items.some(({ calendar_id }) => calendar_id === 'core-switch'), 'it is gone');
});
