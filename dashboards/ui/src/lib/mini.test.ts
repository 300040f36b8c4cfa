// Tests of the small charts' geometry.
import { expect, it } from 'vitest';
import { bandPath, linePath, valueTicks } from './mini';

const same = (n: number) => n;

it('breaks lines where nothing was observed', () => {
  const points = [1, 2, null, 4, null].map((value, t) => ({ t, value }));
  expect(linePath(points, same, same)).toBe('M0.0 1.0L1.0 2.0M3.0 4.0h0.01');
});

it('closes bands piece by piece', () => {
  const band = [
    { t: 0, lower: 1, upper: 3 },
    { t: 1, lower: 1, upper: 4 },
    { t: 2, lower: null, upper: null },
  ];
  expect(bandPath(band, same, same)).toBe('M0.0 3.0L1.0 4.0L1.0 1.0L0.0 1.0Z');
});

it('marks values at round numbers', () => {
  expect(valueTicks(416)).toEqual([0, 200, 400]);
  expect(valueTicks(4)).toEqual([0, 1, 2, 3, 4]);
  expect(valueTicks(0)).toEqual([0]);
});
