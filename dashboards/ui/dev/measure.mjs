// How fast the first page is on a real server: node dev/measure.mjs URL [rounds]. In Debian's Chromium, with an empty cache each
// time: script that is loaded (gzipped), time until the page can be used (its rows are there and the main thread is free), and the
// page's own requests, asked again one after the other. Prints what BENCHMARKS.md shows; nothing here passes or fails.
import { launch } from './browser.mjs';

const url = new URL(process.argv[2] ?? 'http://127.0.0.1:8080/');
const rounds = Number(process.argv[3] ?? 10);
const at = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
const browser = await launch();
const usable = [];
const asked = new Set();
let script = 0;
for (let round = 0; round < rounds; round += 1) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  const page = await context.newPage();
  const session = await context.newCDPSession(page);
  await session.send('Network.enable');
  const scripts = new Set();
  script = 0;
  session.on('Network.responseReceived', ({ requestId, type, response }) => {
    if (type === 'Script') scripts.add(requestId);
    if (response.url.includes('/api/v1/') && !response.url.includes('/events')) asked.add(response.url);
  });
  session.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
    if (scripts.has(requestId)) script += encodedDataLength;
  });
  await page.goto(url.href, { waitUntil: 'commit' });
  const ms = await page.evaluate(async () => {
    const there = () =>
      document.querySelector('[data-testid="summary-sentence"]') &&
      document.querySelector('[data-testid="swimlane"]') &&
      document.querySelector('.mini svg .line') &&
      document.querySelector('[data-testid="anomaly-row"]');
    while (!there()) await new Promise((resolve) => setTimeout(resolve, 5));
    await new Promise((resolve) => requestIdleCallback(resolve));
    return performance.now();
  });
  usable.push(ms);
  await page.waitForLoadState('load');
  await context.close();
}
await browser.close();
usable.sort((a, b) => a - b);
console.log(`script: ${(script / 1024).toFixed(1)} kB on the wire, headers included`);
console.log(`usable after: median ${at(usable, 0.5).toFixed(0)} ms, worst ${at(usable, 1).toFixed(0)} ms of ${rounds}`);
const times = new Map();
for (const address of asked) {
  const { pathname, searchParams } = new URL(address);
  const name = [pathname.split('/api/v1/')[1], searchParams.get('by')].filter(Boolean).join(' by ');
  if (times.has(name)) continue;
  const own = [];
  for (let n = 0; n < 60; n += 1) {
    const start = performance.now();
    await (await fetch(address)).arrayBuffer();
    own.push(performance.now() - start);
  }
  times.set(
    name,
    own.sort((a, b) => a - b),
  );
}
for (const [name, own] of times)
  console.log(
    `${name.padEnd(24)} p50 ${at(own, 0.5).toFixed(1).padStart(7)} ms   p95 ${at(own, 0.95).toFixed(1).padStart(7)} ms`,
  );
