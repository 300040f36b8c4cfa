// How fast the first page is on a real server: node dev/measure.mjs URL[,URL...] [rounds]. In Debian's Chromium, with an empty
// cache each time; several servers take turns, so that they can be compared on a machine that does other things as well. Prints
// what BENCHMARKS.md shows; nothing here passes or fails.
//   usable    time from navigation until sentence, lanes, chart and list are there and the main thread has nothing left to do
//   answered  time from a click on a row right then until its details are painted
//   thread    processor time of the page's main thread until then; of that script, layout and style
//   browser   processor time of all of Chromium's processes, from navigation until a second after
import { launch } from './browser.mjs';

const urls = (process.argv[2] ?? 'http://127.0.0.1:8080/').split(',');
const rounds = Number(process.argv[3] ?? 10);
const at = (list, share) => {
  const sorted = list.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
};
const browser = await launch();
const system = await browser.newBrowserCDPSession();
const spent = async () =>
  (await system.send('SystemInfo.getProcessInfo')).processInfo.reduce((sum, { cpuTime }) => sum + cpuTime * 1000, 0);

/** Runs in the page before its own scripts: tells when the page can be used. */
function watch() {
  const there = () =>
    document.querySelector('[data-testid="summary-sentence"]') &&
    document.querySelector('[data-testid="swimlane"]') &&
    document.querySelector('[data-testid="swimlane-by"]') &&
    document.querySelector('.mini svg .line') &&
    document.querySelector('[data-testid="anomaly-row"]');
  globalThis.usable = new Promise((resolve) => {
    const look = () => {
      if (!there()) setTimeout(look, 5);
      else requestIdleCallback(() => resolve(performance.now()));
    };
    look();
  });
}

/** Clicks the first row, and waits until what opens is painted. */
function click() {
  const begin = performance.now();
  document.querySelector('[data-testid="anomaly-row"] button[aria-expanded]')?.click();
  return new Promise((resolve) => {
    const look = () => {
      const open = document.querySelector('tr.detail dl');
      requestAnimationFrame(() => (open ? setTimeout(() => resolve(performance.now() - begin)) : look()));
    };
    look();
  });
}

async function visit(url, asked) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  const page = await context.newPage();
  await page.addInitScript(watch);
  const session = await context.newCDPSession(page);
  await session.send('Network.enable');
  await session.send('Performance.enable', { timeDomain: 'threadTicks' });
  const scripts = new Set();
  let script = 0;
  let requests = 0;
  session.on('Network.responseReceived', ({ requestId, type, response }) => {
    requests += 1;
    if (type === 'Script') scripts.add(requestId);
    if (response.url.includes('/api/v1/') && !response.url.includes('/events')) asked.add(response.url);
  });
  session.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
    if (scripts.has(requestId)) script += encodedDataLength;
  });
  const before = await spent();
  await page.goto(url, { waitUntil: 'commit' });
  const usable = await page.evaluate(() => globalThis.usable);
  const { metrics } = await session.send('Performance.getMetrics');
  const of = (name) => (metrics.find((metric) => metric.name === name)?.value ?? 0) * 1000;
  const seen = requests;
  const answered = await page.evaluate(click);
  await page.waitForLoadState('load');
  await page.waitForTimeout(1000);
  const all = (await spent()) - before;
  await context.close();
  return {
    usable,
    answered,
    thread: of('TaskDuration'),
    script: of('ScriptDuration'),
    layout: of('LayoutDuration'),
    style: of('RecalcStyleDuration'),
    browser: all,
    requests: seen,
    wire: script,
  };
}

const found = new Map(urls.map((url) => [url, []]));
const asked = new Map(urls.map((url) => [url, new Set()]));
for (let round = 0; round <= rounds; round += 1)
  for (const url of urls) {
    const one = await visit(url, asked.get(url));
    // The first opening of all pays for what the browser and the server do once.
    if (round > 0) found.get(url).push(one);
  }
await browser.close();
for (const [url, all] of found) {
  const of = (name) => all.map((one) => one[name]);
  const middle = (name) => at(of(name), 0.5).toFixed(0);
  console.log(`${url}, ${rounds} openings`);
  console.log(`  usable after: median ${middle('usable')} ms, worst ${at(of('usable'), 1).toFixed(0)} ms`);
  console.log(`  answered after: median ${middle('answered')} ms`);
  console.log(
    `  processor time, medians: thread ${middle('thread')} ms (script ${middle('script')}, layout ${middle('layout')}, style ${middle('style')}), browser ${middle('browser')} ms`,
  );
  console.log(
    `  ${middle('requests')} requests, script ${(at(of('wire'), 0.5) / 1024).toFixed(1)} kB on the wire, headers included`,
  );
}

/** The page's own requests, asked again one after the other. */
for (const [url, addresses] of asked) {
  const names = new Map();
  for (const address of addresses) {
    const { pathname, searchParams } = new URL(address);
    const name = [pathname.split('/api/v1/')[1], searchParams.get('by')].filter(Boolean).join(' by ');
    if (!names.has(name)) names.set(name, address);
  }
  console.log(url);
  for (const [name, address] of names) {
    const own = [];
    let size = 0;
    for (let n = 0; n < 40; n += 1) {
      const start = performance.now();
      size = (await (await fetch(address)).arrayBuffer()).byteLength;
      own.push(performance.now() - start);
    }
    console.log(
      `  ${name.padEnd(24)} p50 ${at(own, 0.5).toFixed(1).padStart(7)} ms   p95 ${at(own, 0.95).toFixed(1).padStart(7)} ms   ${(size / 1024).toFixed(1).padStart(7)} kB`,
    );
  }
}
