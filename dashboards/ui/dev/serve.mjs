// Fixture server for work on the UI without a collector: serves dist/ as the product does (same content policy) and an
// API with a made-up network. `npm run build && npm run mock`; PORT and PREFIX from the environment, MODE=empty|learning|quiet|error.
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { alerts, silences, sinks } from './fixtures/delivery.mjs';
import { flows } from './fixtures/flows.mjs';
import { anomalies, buckets, bucketsOf, forecast, influencers, SERVICES, SPAN, swimlane } from './fixtures/series.mjs';
import { counted, sessions } from './fixtures/sessions.mjs';
import { calendars, catalogue, exporters, jobFile, jobs, reference } from './fixtures/status.mjs';

const dist = fileURLToPath(new URL('../dist', import.meta.url));
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };
const PAGES = new Set(['', 'series', 'sessions', 'jobs', 'exporters', 'guide']);

function bound(text, now, fallback) {
  if (!text) return fallback;
  const relative = /^now(?:-(\d+)([smhdw]))?$/.exec(text);
  if (relative)
    return now - Number(relative[1] ?? 0) * { s: 1e3, m: 6e4, h: 36e5, d: 864e5, w: 6048e5 }[relative[2] ?? 's'];
  return /^\d+$/.test(text) ? Number(text) : Date.parse(text);
}

/** The server's own reading is richer; this one knows one mistake. */
function filterCheck(text) {
  const column = text.indexOf('refusd') + 1;
  if (column === 0) return { filter: text.trim(), error: null };
  const message = '"refusd" is no outcome: did you mean refused?';
  return { filter: null, error: { column, length: 6, message } };
}

/** Fields of a filter that is single values joined by "and". */
function filterFields(text) {
  return Object.fromEntries(
    text
      .split(' and ')
      .map((part) => part.trim().split(' '))
      .filter((part) => part.length === 2),
  );
}

function summary(all, sessionsSeen, mode, now) {
  const counts = { critical: 0, major: 0, minor: 0, warning: 0 };
  for (const a of all) if (a.severity in counts) counts[a.severity] += 1;
  const worst = [...all].sort((a, b) => b.score - a.score)[0] ?? null;
  const base = {
    counts,
    sessions: sessionsSeen,
    failed: 8214,
    series: 1840,
    last_bucket: Math.floor(now / SPAN) * SPAN - SPAN - (mode === 'stale' ? 4 * 3_600_000 : 0),
    worst,
    learning: null,
  };
  if (mode === 'empty')
    return {
      ...base,
      sentence: 'No sessions have arrived yet.',
      sessions: 0,
      failed: 0,
      series: 0,
      last_bucket: null,
      state: 'empty',
    };
  if (mode === 'learning')
    return {
      ...base,
      sentence: 'Learning what is usual: needs 2 more days before it can judge.',
      state: 'learning',
      learning: 'needs 2 more days',
    };
  if (mode === 'quiet' || !worst)
    return { ...base, sentence: 'Quiet: 1.2 M sessions checked, nothing unusual.', state: 'quiet' };
  const times = Math.round(worst.actual / Math.max(worst.typical, 1));
  return {
    ...base,
    state: 'anomalies',
    sentence: `${counts.critical} critical in this range; worst: ${worst.server}:${worst.port} failed ${times}× its typical number`,
  };
}

function answer(path, query, mode, now) {
  const from = bound(query.get('from'), now, now - 86_400_000);
  const to = bound(query.get('to'), now, now);
  const perspective = query.get('perspective');
  const none = mode === 'empty' || mode === 'learning' || mode === 'quiet';
  const all = none ? [] : anomalies(from, to, now).filter((a) => !perspective || a.perspective === perspective);
  switch (path) {
    case 'summary':
      return summary(all, 1_204_331, mode, now);
    case 'anomalies': {
      const min = Number(query.get('min_score') ?? 0);
      const said = filterFields(query.get('filter') ?? '');
      const items = all.filter(
        (a) =>
          a.score >= min &&
          ['server', 'port'].every((f) => !said[f] || String(a[f]) === said[f]) &&
          (!said.client || a.influencers.some((i) => i.value === said.client)),
      );
      items.sort((a, b) => (query.get('sort') === 'time' ? b.timestamp - a.timestamp : b.score - a.score));
      const start = Number(query.get('cursor') ?? 0);
      const limit = Number(query.get('limit') ?? 100);
      const more = start + limit < items.length;
      return {
        items: items.slice(start, start + limit),
        next_cursor: more ? String(start + limit) : null,
        total: items.length,
      };
    }
    case 'swimlane': {
      const lanes = swimlane(
        from,
        to,
        query.get('by') ?? 'overall',
        Number(query.get('cells') ?? 96),
        Number(query.get('limit') ?? 10),
        perspective,
        now,
      );
      return none ? { ...lanes, lanes: [] } : lanes;
    }
    case 'influencers':
      return none ? { fields: [] } : influencers(from, to, perspective, now);
    case 'series':
    case 'series/worst': {
      const worst = path === 'series/worst' && [...all].sort((a, b) => b.score - a.score)[0];
      const [server, port] = worst ? [worst.server, String(worst.port)] : [query.get('server'), query.get('port')];
      const i = Math.max(
        0,
        SERVICES.findIndex((s) => s.server === server && String(s.port) === port),
      );
      const points = bucketsOf(i, from, to, now).map(({ incident, ...point }) => point);
      const failed = points.reduce((sum, p) => sum + p.actual, 0);
      const s = SERVICES[i];
      return {
        key: {
          perspective: s.perspective,
          level: query.get('level') ?? 'server_port',
          server: s.server,
          port: s.port,
          client: null,
        },
        label: `${s.server}:${s.port} (${s.service}), ${s.perspective}`,
        bucket_span: 900,
        points,
        outcomes: [
          { outcome: 'refused', count: Math.round(failed * 0.7) },
          { outcome: 'no_answer', count: Math.round(failed * 0.2) },
          { outcome: 'half_open', count: Math.round(failed * 0.1) },
        ],
        learning: mode === 'learning' ? 'needs 2 more days' : null,
      };
    }
    case 'buckets':
      return { items: mode === 'empty' ? [] : buckets(from, to, perspective, now) };
    case 'sessions/summary':
      return counted(query, from, to, none && mode !== 'quiet');
    case 'forecast':
      return forecast(query, now);
    case 'sessions':
      return none && mode !== 'quiet' ? { items: [], next_cursor: null } : sessions(query, from, to);
    case 'flows':
      return flows(query);
    case 'filter':
      return filterCheck(query.get('text') ?? '');
    case 'alerts':
      return none ? { items: [] } : alerts(now);
    case 'silences':
      return none ? { items: [] } : silences(now);
    case 'sinks':
      return none ? { items: [] } : sinks(now);
    case 'annotations':
      return { items: [] };
    case 'reference':
      return reference;
    case 'openapi.json':
      return { paths: { '/api/v1/summary': { get: { summary: 'The state of things.', parameters: [] } } } };
    case 'exporters':
      return exporters(now, mode === 'empty');
    case 'jobs':
      return jobs(now);
    case 'jobs/catalogue':
      return catalogue;
    case 'calendars':
      return calendars(now);
    case 'version':
      return { name: 'halfopen', version: '0.1.0', demo: true, started: now - 3_600_000, now };
    default: {
      const job = /^jobs\/(ecs|codex)\/(\w+)$/.exec(path) ?? /^jobs\/catalogue\/\w+?_(ecs|codex)_(\w+)$/.exec(path);
      return job ? jobFile(job[1], job[2]) : undefined;
    }
  }
}

const CSP =
  "default-src 'self'; base-uri 'self'; form-action 'none'; frame-ancestors 'none'; img-src 'self' data:; object-src 'none'";

export function start({ port = 0, prefix = '/', mode = '', now = Date.now } = {}) {
  let current = mode;
  const server = createServer(async (request, response) => {
    const url = new URL(request.url, 'http://localhost');
    const path = url.pathname.startsWith(prefix) ? url.pathname.slice(prefix.length) : undefined;
    const send = (status, type, body, more = {}) => {
      response.writeHead(status, {
        'content-type': type,
        'content-security-policy': CSP,
        'x-content-type-options': 'nosniff',
        ...more,
      });
      response.end(body);
    };
    if (path === undefined) return send(404, 'text/plain', 'not found');
    if (path === 'api/v1/events') {
      response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
      response.write(': hello\n\n');
      if (current === 'news')
        for (let i = 0; i < 3; i += 1) response.write(`id: ${i}\nevent: anomaly\ndata: {"perspective":"inbound"}\n\n`);
      return;
    }
    if (path.startsWith('api/v1/')) {
      const body =
        current === 'error' && !path.endsWith('version')
          ? undefined
          : answer(path.slice(7), url.searchParams, current, now());
      if (current === 'slow') await new Promise((done) => setTimeout(done, 60_000));
      if (body) return send(200, 'application/json', JSON.stringify(body));
      const problem = {
        type: 'about:blank',
        title: 'The store cannot be read',
        status: 503,
        detail: 'failed to list /var/lib/halfopen/results: permission denied',
        instance: path,
        request_id: '01JD3V9Q8W',
      };
      return send(503, 'application/problem+json', JSON.stringify(problem));
    }
    const file = PAGES.has(path.replace(/\/$/, '')) ? 'index.html' : normalize(path);
    try {
      const body = await readFile(join(dist, file));
      return send(200, TYPES[extname(file)] ?? 'application/octet-stream', body);
    } catch {
      return send(200, 'text/html', await readFile(join(dist, 'index.html')));
    }
  });
  return new Promise((done) => {
    server.listen(port, '127.0.0.1', () => {
      const origin = `http://127.0.0.1:${server.address().port}`;
      done({
        url: `${origin}${prefix}`,
        setMode: (m) => {
          current = m;
        },
        close: () => {
          server.closeAllConnections();
          server.close();
        },
      });
    });
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { PORT = '8080', PREFIX = '/', MODE = '' } = process.env;
  const { url } = await start({ port: Number(PORT), prefix: PREFIX, mode: MODE });
  console.log(`fixtures at ${url}`);
}
