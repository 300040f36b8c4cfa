// A person opens the demo, sees the critical anomaly, opens its series, and downloads a job.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { base, byId, expect, withBrowser } from './browser.mjs';

await withBrowser({ viewport: { width: 1440, height: 900 } }, async (page) => {
  await page.goto(`${base}/`);
  const sentence = byId(page, 'summary-sentence');
  await sentence.waitFor();
  await page.waitForFunction(
    () => document.querySelector('[data-testid="summary-sentence"]')?.textContent?.includes('10.2.0.7'),
  );
  expect((await sentence.textContent()).includes('critical'), 'the sentence names the severity');
  await byId(page, 'swimlane').first().waitFor();

  const row = byId(page, 'anomaly-row').filter({ hasText: '10.2.0.7' }).first();
  await row.waitFor();
  await byId(row, 'open-series').first().click();
  await page.waitForURL(/\/series/);
  await page.getByText('10.2.0.7').first().waitFor();
  await page.locator('canvas').first().waitFor();

  await page.goto(`${base}/jobs`);
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    byId(page, 'job-download-ecs-edge').click(),
  ]);
  expect(
    download.suggestedFilename() === 'elastiflow_ecs_avail_tcp_sess_fails_edge.json',
    `downloaded as ${download.suggestedFilename()}`,
  );
  const path = join(process.env.DOWNLOADS, 'job.json');
  await download.saveAs(path);
  const [{ job, datafeed }] = JSON.parse(readFileSync(path, 'utf8'));
  expect(job.job_id === 'elastiflow_ecs_avail_tcp_sess_fails_edge', 'the file holds the job');
  expect(datafeed.job_id === job.job_id, 'the file holds its datafeed');

  await page.goto(`${base}/exporters`);
  await byId(page, 'exporter-row').nth(1).waitFor();
  await page.goto(`${base}/sessions`);
  await byId(page, 'session-row').first().waitFor();
});
