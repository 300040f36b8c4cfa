// A person brings a job, sees it run over the demo's history, sees what it found, takes it in both vocabularies, silences
// it, goes back to a snapshot, and removes it.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { base, byId, expect, withBrowser } from './browser.mjs';

const definition = [
  {
    job: {
      job_id: 'refused-by-server',
      description: 'Connections that fail, by server',
      analysis_config: {
        bucket_span: '15m',
        detectors: [{ function: 'high_count', partition_field_name: 'server.ip', over_field_name: 'client.ip' }],
        influencers: ['server.ip', 'client.ip'],
      },
      data_description: { time_field: '@timestamp' },
    },
    datafeed: {
      datafeed_id: 'datafeed-refused-by-server',
      indices: ['any-*'],
      query: { bool: { filter: [{ term: { 'l4.session.established': { value: false } } }] } },
    },
  },
];
const broken = structuredClone(definition);
broken[0].job.analysis_config.detectors[0].partition_field_name = 'user.name';
const put = (name, value) => {
  const path = join(process.env.DOWNLOADS, name);
  writeFileSync(path, JSON.stringify(value));
  return path;
};
const answer = async (page, path) => (await page.request.get(`${base}/api/v1/${path}`)).json();

await withBrowser({ viewport: { width: 1440, height: 900 } }, async (page) => {
  await page.goto(`${base}/jobs?from=now-14d`);
  const input = byId(page, 'job-import');
  const report = byId(page, 'import-report');

  // What cannot be run is refused with its place.
  await input.setInputFiles(put('broken.json', broken));
  await report.getByText('detectors[0].partition_field_name').first().waitFor();

  // It runs over the whole history, and the page follows.
  await input.setInputFiles(put('job.json', definition));
  await report.getByText('imported').waitFor();
  const row = byId(page, 'imported-row').filter({ hasText: 'refused-by-server' });
  await row.getByRole('progressbar').waitFor();
  const ran = async (more) => {
    for (const end = Date.now() + 120_000; Date.now() < end; await page.waitForTimeout(250)) {
      const { runs, state } = await answer(page, 'jobs/imported/refused-by-server');
      if (runs.length > more && state === 'running') return runs;
    }
    throw new Error(`it did not run: ${JSON.stringify(await answer(page, 'jobs/imported/refused-by-server'))}`);
  };
  const [first] = await ran(0);
  expect(first.buckets > 1_000, `it ran over two weeks: ${JSON.stringify(first)}`);
  await row.getByRole('progressbar').waitFor({ state: 'detached' });
  await row.getByText('Running').waitFor();

  // What it found.
  await byId(row, 'job-details').click();
  const found = byId(page, 'job-record').filter({ hasText: '10.2.0.7' }).first();
  await found.waitFor();
  expect(/critical|major/.test(await found.textContent()), `the outage: ${await found.textContent()}`);
  expect(page.url().includes('job=refused-by-server'), 'the address shows the same to somebody else');

  for (const [schema, field] of [['ECS', 'server.ip'], ['CODEX', 'flow.server.ip.addr']]) {
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      byId(page, 'job-detail').getByRole('link', { name: schema, exact: true }).click(),
    ]);
    const path = join(process.env.DOWNLOADS, `${schema}.ndjson`);
    await download.saveAs(path);
    expect(download.suggestedFilename() === `refused-by-server_${schema.toLowerCase()}_results.ndjson`, download.suggestedFilename());
    const documents = readFileSync(path, 'utf8').trim().split('\n').map((line) => JSON.parse(line));
    const ids = new Set(documents.map((document) => document._id));
    expect(ids.size === documents.length && documents.length > 1_000, `${documents.length} documents, ${ids.size} ids`);
    const record = documents.find((one) => one.result_type === 'record' && one[field]?.includes('10.2.0.7'));
    expect(record?.partition_field_name === field && record.record_score > 3, JSON.stringify(record));
  }

  // Nobody is told of it for a day.
  const why = `tried out at ${Date.now()}`;
  const details = byId(page, 'job-detail');
  await byId(details, 'silence').click();
  await details.getByRole('form').locator('select').selectOption({ label: '1 day' });
  await details.getByLabel('Why').fill(why);
  await details.getByRole('button', { name: 'Silence refused-by-server' }).click();
  await details.getByText('Silenced until').waitFor();
  const { items } = await answer(page, 'silences');
  expect(items[0].active && items[0].matching.job_id === 'refused-by-server', JSON.stringify(items));
  await details.getByRole('link', { name: 'All silences' }).click();
  const silence = byId(page, 'silences').locator('li').filter({ hasText: why });
  await silence.getByRole('button').click();
  await silence.getByText('ended').waitFor();
  await page.goBack();

  // Back to what it knew some days ago, and over what came since once more.
  const before = (await answer(page, 'jobs/imported/refused-by-server')).runs.length;
  const snapshots = byId(page, 'job-detail').getByLabel('Go back to');
  await snapshots.waitFor();
  const options = await snapshots.locator('option').all();
  await snapshots.selectOption(await options.at(-1).getAttribute('value'));
  await byId(page, 'job-detail').getByLabel('and score again what came after').check();
  await byId(page, 'job-detail').getByRole('button', { name: 'Go back', exact: true }).click();
  const [again] = await ran(before);
  expect(again.buckets > 90, `it ran again: ${JSON.stringify(again)}`);

  await details.getByRole('button', { name: 'Switch off' }).click();
  await row.getByText('Switched off').waitFor();
  await details.getByRole('button', { name: /^Delete/ }).click();
  await details.getByRole('button', { name: 'Delete it and its results' }).click();
  await row.waitFor({ state: 'detached' });
});
