// Tests of links.ts.
import { describe, expect, it } from 'vitest';
import type { Anomaly } from '../api/types';
import { bySeries, unbroken } from './groups';
import { seriesHref, seriesKey, sessionsHref, targetText } from './links';

const anomaly = {
  id: 'a',
  series: 'perspective=inbound&level=server_port&server=2001:db8::7&port=443',
  timestamp: 900_000,
  bucket_span: 900,
} as Anomaly;

describe('links', () => {
  it('lead to the series with the bucket, in the same range', () => {
    expect(seriesHref(anomaly, { from: 'now-7d', to: 'now', open: 'a' })).toBe(
      './series?perspective=inbound&level=server_port&server=2001:db8::7&port=443&from=now-7d&to=now&bucket=900000',
    );
  });

  it('lead to the failed sessions of one bucket', () => {
    const key = { perspective: 'inbound', level: 'port', server: null, port: 22, client: null } as const;
    expect(sessionsHref(key, 900_000, 900)).toBe(
      './sessions?from=900000&to=1800000&perspective=inbound&class=failed&port=22',
    );
  });
});

describe('seriesKey', () => {
  it('is complete or nothing', () => {
    expect(seriesKey({ perspective: 'edge', level: 'perspective' })).toMatchObject({ level: 'perspective' });
    expect(seriesKey({ perspective: 'edge', server: '10.0.0.1', port: '0' })).toMatchObject({
      level: 'server_port',
      port: 0,
    });
    expect(seriesKey({ perspective: 'edge', level: 'server_port', server: '10.0.0.1' })).toBeUndefined();
    expect(
      seriesKey({ perspective: 'edge', level: 'server', server: '10.0.0.1', port: '443', client: '10.0.0.9' }),
    ).toEqual({ perspective: 'edge', level: 'server', server: '10.0.0.1', port: null, client: null });
    expect(seriesKey({ perspective: 'nowhere', level: 'perspective' })).toBeUndefined();
    expect(seriesKey({ perspective: 'edge' })).toBeUndefined();
  });
});

it('names what a series is about', () => {
  const base = { level: 'server', server: null, port: null, client: null, service: null, perspective: 'edge' } as const;
  expect(targetText({ ...base, server: '2001:db8::7', port: 443 })).toBe('[2001:db8::7]:443');
  expect(targetText({ ...base, port: 22 })).toBe('port 22');
  expect(targetText({ ...base, client: '10.0.0.1' })).toBe('client 10.0.0.1');
  expect(targetText(base)).toBe('all edge');
});

it('groups anomalies by series, the first speaking for each', () => {
  const later = { ...anomaly, id: 'b', timestamp: 1_800_000 };
  const other = { ...anomaly, id: 'c', series: 'perspective=edge' };
  const groups = bySeries([later, other, anomaly]);
  expect(groups.map((g) => g.first.id)).toEqual(['b', 'c']);
  expect(groups[0]?.all.map((a) => a.id)).toEqual(['a', 'b']);
  expect(unbroken(groups[0]?.all ?? [])).toBe(true);
  expect(unbroken([anomaly, { ...anomaly, timestamp: 3_600_000 }])).toBe(false);
});
