// Addresses that lead from an anomaly to its series and its sessions.
import type { Anomaly, Level, SeriesKey } from '../api/types';
import { endpoint } from './filter';
import { hrefOf, type Params, parseParams, patchParams } from './url';

type Target = Pick<Anomaly, 'level' | 'server' | 'port' | 'client' | 'service' | 'perspective'>;

/** What a series is about, in a few characters. */
export function targetText(target: Target): string {
  if (target.server && target.port !== null) return endpoint(target.server, target.port);
  if (target.server) return target.server;
  if (target.port !== null) return `port ${target.port}`;
  if (target.client) return `client ${target.client}`;
  return `all ${target.perspective}`;
}

/** The series of an anomaly, with its bucket selected. */
export function seriesHref(anomaly: Anomaly, params: Params): string {
  const { from, to } = params;
  return hrefOf('series', patchParams(parseParams(anomaly.series), { from, to, bucket: anomaly.timestamp }));
}

/** Failed sessions of one bucket of a series. */
export function sessionsHref(key: SeriesKey, bucket: number, spanSeconds: number, more: Params = {}): string {
  return hrefOf('sessions', patchParams(sessionsQuery(key, bucket, spanSeconds), more));
}

/** Query for the failed sessions of one bucket of a series. */
export function sessionsQuery(key: SeriesKey, bucket: number, spanSeconds: number): Params {
  return patchParams(
    {},
    {
      from: bucket,
      to: bucket + spanSeconds * 1000,
      perspective: key.perspective,
      class: 'failed',
      server: key.server,
      port: key.port,
      client: key.client,
    },
  );
}

/** The filter that leaves the sessions of a series. */
export function seriesFilter(key: SeriesKey): string {
  return (['server', 'port', 'client'] as const)
    .flatMap((field) => (key[field] === null ? [] : [`${field} ${key[field]}`]))
    .join(' and ');
}

/** Query of a series. */
export function seriesQuery(key: SeriesKey): Params {
  return patchParams(
    {},
    { perspective: key.perspective, level: key.level, server: key.server, port: key.port, client: key.client },
  );
}

/** What each level counts by; the API refuses anything beside it. */
export const NEEDED = {
  server_port: ['server', 'port'],
  server: ['server'],
  port: ['port'],
  client: ['client'],
  perspective: [],
} as const satisfies Record<Level, readonly ('server' | 'port' | 'client')[]>;
const LEVELS = Object.keys(NEEDED) as Level[];

/** The series that an address names, or nothing when it names none. */
export function seriesKey(params: Params): SeriesKey | undefined {
  const perspective = (['edge', 'inbound', 'outbound', 'private'] as const).find((name) => name === params.perspective);
  if (!perspective) return undefined;
  const server = params.server ?? null;
  const port = params.port ? Number(params.port) : null;
  const client = params.client ?? null;
  const implied =
    server && port !== null
      ? 'server_port'
      : server
        ? 'server'
        : port !== null
          ? 'port'
          : client
            ? 'client'
            : undefined;
  const level = LEVELS.find((name) => name === params.level) ?? implied;
  if (!level) return undefined;
  const needed: readonly ('server' | 'port' | 'client')[] = NEEDED[level];
  const given = { server, port, client };
  if (needed.some((field) => given[field] === null)) return undefined;
  const key: SeriesKey = { perspective, level, server: null, port: null, client: null };
  return Object.assign(key, pickFields(given, needed));
}

function pickFields<T extends object, K extends keyof T>(from: T, fields: readonly K[]): Pick<T, K> {
  return Object.fromEntries(fields.map((field) => [field, from[field]])) as Pick<T, K>;
}
