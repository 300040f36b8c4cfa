// A person opens the stored sessions of a capture and sees each of them with its outcome.
import { base, byId, expect, withBrowser } from './browser.mjs';

const labels = {
  closed: 'Closed',
  refused: 'Refused',
  no_answer: 'No answer',
  reset_resp: 'Server reset',
  unreachable: 'Unreachable',
};
const expected = JSON.parse(process.env.OUTCOMES);

await withBrowser({ viewport: { width: 1440, height: 900 } }, async (page) => {
  await page.goto(`${base}/sessions?from=2000-01-01T00:00:00Z&to=2100-01-01T00:00:00Z&proto=6`);
  const rows = byId(page, 'session-row');
  await rows.first().waitFor();
  const texts = await rows.allTextContents();
  const count = Object.keys(expected).length;
  expect(texts.length === count, `${texts.length} sessions are shown, expected ${count}`);
  for (const [port, outcomes] of Object.entries(expected)) {
    const text = texts.find((row) => row.includes(port)) ?? '';
    const shown = outcomes.some((outcome) => text.includes(labels[outcome]));
    expect(shown, `the session of port ${port} does not read ${outcomes.join(' or ')}: ${text}`);
  }
});
