// Tests of the small helpers.
import { describe, expect, it } from 'vitest';
import type { Exporter } from '../api/types';
import { sumBuckets } from './buckets';
import { troubles } from './exporters';
import { impactSteps } from './impact';
import { actionOf } from './keys';
import { outcomeClass, outcomeLabel } from './outcomes';
import { severityOf } from './severity';
import { preferred, snippets, target } from './snippets';

it('knows severities at their limits', () => {
  expect([2.9, 3, 25, 50, 75, 100].map(severityOf)).toEqual([
    'low',
    'warning',
    'minor',
    'major',
    'critical',
    'critical',
  ]);
});

it('scales impacts to five steps', () => {
  expect([0, 1, 2, 4, 7, 12].map(impactSteps)).toEqual([0, 1, 2, 3, 4, 5]);
});

it('knows outcomes, and shows unknown ones as they are', () => {
  expect(outcomeLabel('no_answer')).toBe('No answer');
  expect(outcomeClass('scan_fin_rejected')).toBe('probe');
  expect(outcomeLabel('brand_new')).toBe('brand new');
});

describe('keys', () => {
  it('act alone or after g', () => {
    expect(actionOf('?', '')).toEqual({ name: 'help' });
    expect(actionOf('2', '')).toEqual({ name: 'perspective', argument: 'inbound' });
    expect(actionOf('[', '')).toEqual({ name: 'shift', argument: -1 });
    expect(actionOf('t', '')).toEqual({ name: 'theme' });
    expect(actionOf('t', 'g')).toEqual({ name: 'go', argument: 'sessions' });
    expect(actionOf('5', '')).toBeUndefined();
    expect(actionOf('q', 'g')).toBeUndefined();
  });
});

describe('snippets', () => {
  it('name this host when the listener takes any address', () => {
    expect(target('0.0.0.0:2055', 'flow.example')).toEqual({ host: 'flow.example', port: '2055' });
    expect(target('[::]:4739', '[2001:db8::1]')).toEqual({ host: '2001:db8::1', port: '4739' });
    expect(target('192.0.2.10:4739', 'flow.example')).toEqual({ host: '192.0.2.10', port: '4739' });
  });

  it('carry address and port, for every vendor', () => {
    for (const { text } of snippets({ host: '192.0.2.10', port: '4739' })) {
      expect(text).toContain('192.0.2.10');
      expect(text).toContain('4739');
    }
    expect(snippets({ host: '2001:db8::1', port: '4739' }).at(-1)?.text).toContain('[2001:db8::1]:4739');
  });

  it('prefer UDP, and there the port of IPFIX', () => {
    const listen = [
      { protocol: 'ipfix-tcp', address: 'a:4739' },
      { protocol: 'netflow', address: 'b:2055' },
      { protocol: 'netflow', address: 'b:4739' },
    ];
    expect(preferred(listen)?.address).toBe('b:4739');
    expect(preferred(listen.slice(0, 2))?.address).toBe('b:2055');
    expect(preferred(listen.slice(0, 1))?.address).toBe('a:4739');
    expect(preferred([])).toBeUndefined();
  });
});

describe('troubles', () => {
  const well: Exporter = {
    address: '192.0.2.1',
    domain: 0,
    protocols: ['ipfix'],
    first_seen: 0,
    last_seen: 1_000_000,
    packets: 10,
    records: 1000,
    records_per_second: 1,
    bytes: 1,
    templates: 1,
    name: null,
    unknown_template_records: 0,
    template_collisions: 0,
    waiting_sets: 0,
    restarts: 0,
    sequence_lost: 0,
    drops: [],
    clock_skew_ms: 10,
    capability: 'full_or',
    coverage: 0.99,
    sampling: 1,
  };
  it('says nothing when all is well', () => {
    expect(troubles(well, 1_000_000)).toEqual([]);
  });
  it('says what is wrong', () => {
    expect(troubles(well, 2_000_000)[0]).toContain('Silent');
    expect(troubles({ ...well, clock_skew_ms: -4200 }, 1_000_000)[0]).toContain('4.2 s behind');
    expect(troubles({ ...well, sequence_lost: 10 }, 1_000_000)[0]).toContain('lost');
    expect(troubles({ ...well, drops: [{ reason: 'queue_full', count: 2 }] }, 1_000_000)[0]).toContain('2 dropped');
    expect(troubles({ ...well, coverage: 0.5 }, 1_000_000)[0]).toContain('50 %');
    expect(troubles({ ...well, capability: 'sampled', coverage: 0 }, 1_000_000)).toHaveLength(1);
  });
});

it('sums buckets of several perspectives', () => {
  const bucket = {
    perspective: 'edge',
    timestamp: 900,
    bucket_span: 900,
    score: 3,
    initial_score: 3,
    severity: 'warning',
    event_count: 10,
    failed_count: 2,
    series_count: 1,
    is_interim: false,
  } as const;
  const sums = sumBuckets([{ ...bucket, timestamp: 1800 }, bucket, { ...bucket, perspective: 'private', score: 9 }]);
  expect(sums.map(({ t, attempts, actual, score }) => [t, attempts, actual, score])).toEqual([
    [900, 20, 4, 9],
    [1800, 10, 2, 3],
  ]);
});
