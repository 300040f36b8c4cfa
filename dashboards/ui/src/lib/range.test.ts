// Tests of range.ts.
import { describe, expect, it } from 'vitest';
import { absolute, DEFAULT_RANGE, isRelative, parseBound, relativeLabel, resolve, shift, zoomOut } from './range';

const NOW = Date.parse('2026-11-17T14:20:00Z');
const HOUR = 3_600_000;

describe('parseBound', () => {
  it('understands relative, epoch and RFC 3339 forms', () => {
    expect(parseBound('now', NOW)).toBe(NOW);
    expect(parseBound('now-90m', NOW)).toBe(NOW - 1.5 * HOUR);
    expect(parseBound(' now-2d ', NOW)).toBe(NOW - 48 * HOUR);
    expect(parseBound('1795190761094', NOW)).toBe(1795190761094);
    expect(parseBound('2026-11-17T13:20:00Z', NOW)).toBe(NOW - HOUR);
  });

  it('refuses what is none of them', () => {
    for (const text of ['', 'yesterday', 'now+1h', 'now-1y', '12', '2026-99-99'])
      expect(parseBound(text, NOW)).toBeUndefined();
  });
});

describe('resolve', () => {
  it('needs an end after the start', () => {
    expect(resolve(DEFAULT_RANGE, NOW)).toEqual({ from: NOW - 24 * HOUR, to: NOW });
    expect(resolve({ from: 'now', to: 'now-1h' }, NOW)).toBeUndefined();
    expect(resolve({ from: 'nonsense', to: 'now' }, NOW)).toBeUndefined();
  });
});

describe('shift', () => {
  it('goes back by its own length, as absolute times', () => {
    expect(shift(DEFAULT_RANGE, -1, NOW)).toEqual(absolute({ from: NOW - 48 * HOUR, to: NOW - 24 * HOUR }));
  });

  it('goes forward until it meets now, and is relative again there', () => {
    const back = shift(DEFAULT_RANGE, -1, NOW);
    expect(shift(back, 1, NOW + 1)).toEqual(absolute({ from: NOW - 24 * HOUR, to: NOW }));
    expect(shift(absolute({ from: NOW - 7 * HOUR, to: NOW - HOUR }), 1, NOW)).toEqual({ from: 'now-6h', to: 'now' });
    expect(shift(DEFAULT_RANGE, 1, NOW)).toEqual({ from: 'now-1d', to: 'now' });
  });
});

describe('zoomOut', () => {
  it('doubles the length and does not go past now', () => {
    expect(zoomOut({ from: 'now-1h', to: 'now' }, NOW)).toEqual(absolute({ from: NOW - 2 * HOUR, to: NOW }));
    const early = absolute({ from: NOW - 10 * HOUR, to: NOW - 8 * HOUR });
    expect(zoomOut(early, NOW)).toEqual(absolute({ from: NOW - 11 * HOUR, to: NOW - 7 * HOUR }));
  });
});

describe('labels', () => {
  it('names relative ranges in words', () => {
    expect(relativeLabel(DEFAULT_RANGE)).toBe('Last 24 hours');
    expect(relativeLabel({ from: 'now-90m', to: 'now' })).toBe('Last 90 minutes');
    expect(relativeLabel({ from: 'now-1w', to: 'now' })).toBe('Last 1 week');
    expect(relativeLabel(absolute({ from: 1, to: 2 }))).toBeUndefined();
    expect(isRelative(DEFAULT_RANGE)).toBe(true);
    expect(isRelative({ from: '1795190761094', to: 'now' })).toBe(false);
  });
});
