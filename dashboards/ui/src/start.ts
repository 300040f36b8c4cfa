// Runs before anything is painted, and before the application's script is there: applies the stored theme, asks for the files
// of the page that the address names, which its script tag lists, and for the answers that the first page begins with. A file
// of its own because the content policy allows no inline script.
import { type Ahead, type Answer, apiUrl, ask } from './lib/ahead';
import { anomaliesQuery, influencersQuery, lanesBy, lanesQuery, summaryQuery, worstQuery } from './lib/explorer';
import { cellsFor, columnWidth, laneWidth } from './lib/lanes';
import { DEFAULT_RANGE, resolve } from './lib/range';
import { basePath, type Patch, pageOf, parseParams, perspectiveOf } from './lib/url';
import { zoneName } from './lib/zone';

const page = pageOf(location.pathname, basePath(document.baseURI));
const params = parseParams(location.search);
const ahead: Ahead = { now: Date.now(), answers: new Map() };
globalThis.ahead = ahead;

function start(path: string, query: Patch) {
  const url = apiUrl(path, query);
  const response = ask(url);
  const json = response.then((found) => (found.status === 200 ? found.json() : undefined));
  const answer: Answer = { response, json };
  // Whoever takes it learns of a failure.
  json.then(
    (body) => {
      answer.body = body;
    },
    () => undefined,
  );
  ahead.answers.set(url, answer);
}

const bounds = { from: params.from ?? DEFAULT_RANGE.from, to: params.to ?? DEFAULT_RANGE.to };
const span = resolve(bounds, ahead.now) ?? resolve(DEFAULT_RANGE, ahead.now);
const scoped = span && page === 'explorer' && { ...span, perspective: perspectiveOf(params) };
if (scoped) {
  const cells = cellsFor(laneWidth(columnWidth(innerWidth)));
  start('swimlane', lanesQuery(params, scoped, cells, 'overall'));
  start('swimlane', lanesQuery(params, scoped, cells, lanesBy(params)));
  start('influencers', influencersQuery(params, scoped));
  start('series/worst', worstQuery(params, scoped));
}

let utc = false;
try {
  const theme = localStorage.getItem('halfopen.theme');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
  utc = localStorage.getItem('halfopen.zone') === 'UTC';
} catch {
  // Storage may be blocked; the system's preference then decides.
}
if (scoped) {
  const told = { ...scoped, timezone: zoneName(utc ? 'UTC' : 'local') };
  start('summary', summaryQuery(params, told));
  start('anomalies', anomaliesQuery(params, told));
}

for (const file of (document.currentScript?.getAttribute(`data-${page}`) ?? '').split(' ').filter(Boolean)) {
  const link = document.createElement('link');
  link.rel = file.endsWith('.css') ? 'preload' : 'modulepreload';
  if (link.rel === 'preload') link.as = 'style';
  link.crossOrigin = '';
  link.href = file;
  document.head.append(link);
}
