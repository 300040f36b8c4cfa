// Tests of sentence.ts.
import { expect, test } from 'vitest';
import { explained } from './sentence';

const details = {
  type: 'spike',
  length: 5,
  single_bucket_impact: 70,
  multi_bucket_impact: 10,
  high_variance_penalty: false,
  incomplete_bucket_penalty: false,
} as const;
const at = { timestamp: Date.UTC(2026, 10, 22, 0, 30), bucket_span: 900, details: { ...details } };
const what = '10.2.0.7:443 refused 97 of 99 connection attempts from 77 clients';

test('times of an explanation are those of the zone shown', () => {
  // The server stands in Berlin, an hour ahead.
  const explanation = `${what}; usual for Sunday 01:30: 2.2; high since 00:30`;
  expect(explained({ ...at, explanation }, 'UTC')).toBe(
    `${what}; usual for Sunday 00:30: 2.2; high since Saturday 23:30`,
  );
});

test('what has no times stays, and long ago has a date', () => {
  expect(explained({ ...at, explanation: what }, 'UTC')).toBe(what);
  const explanation = `${what}; usual for Sunday 01:30: 2.2; low since 2026-11-10 22:00`;
  const long = { ...at, details: { ...details, length: 1000 }, explanation };
  expect(explained(long, 'UTC')).toBe(`${what}; usual for Sunday 00:30: 2.2; low since 11 Nov 14:45`);
});
