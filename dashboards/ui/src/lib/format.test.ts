// Tests of format.ts.
import { describe, expect, it } from 'vitest';
import {
  ago,
  bytes,
  compact,
  dayTime,
  duration,
  exactClock,
  fromInput,
  integer,
  percent,
  probability,
  quantity,
  ratio,
  spanText,
  toInput,
} from './format';

const T = Date.parse('2026-11-17T14:05:09.120Z');

describe('numbers', () => {
  it('keep few digits', () => {
    expect(integer(1234567)).toBe('1,234,567');
    expect(integer(null)).toBe('–');
    expect(quantity(0.345)).toBe('0.35');
    expect(quantity(9.87)).toBe('9.9');
    expect(quantity(412.4)).toBe('412');
    expect(compact(1_204_331)).toBe('1.2 M');
    expect(compact(34_000)).toBe('34 k');
    expect(compact(9812)).toBe('9,812');
    expect(bytes(999)).toBe('999 B');
    expect(bytes(18_204_112)).toBe('18 MB');
    expect(bytes(1536)).toBe('1.5 kB');
  });

  it('do not round a share to a lie', () => {
    expect(percent(0.004)).toBe('<1 %');
    expect(percent(0.998)).toBe('>99 %');
    expect(percent(1)).toBe('100 %');
    expect(percent(0)).toBe('0 %');
  });

  it('tell a ratio only where it means something', () => {
    expect(ratio(412, 9)).toBe('46×');
    expect(ratio(18, 4.2)).toBe('4.3×');
    expect(ratio(5, 0.01)).toBe('–');
    expect(ratio(1, 9)).toBe('–');
  });

  it('show probabilities with three figures', () => {
    expect(probability(0.01234)).toBe('0.0123');
    expect(probability(1.5849e-20)).toBe('1.58e-20');
    expect(probability(0)).toBe('<1e-300');
  });
});

describe('times', () => {
  it('are in the zone that is asked for', () => {
    expect(dayTime(T, 'UTC')).toBe('Tue 17 Nov, 14:05');
    expect(exactClock(T, 'UTC')).toBe('14:05:09.120');
    expect(spanText(T, T + 3_600_000, 'UTC')).toBe('Tue 17 Nov, 14:05 – 15:05');
    expect(spanText(T, T + 86_400_000, 'UTC')).toBe('Tue 17 Nov, 14:05 – Wed 18 Nov, 14:05');
    expect(fromInput(toInput(T, 'UTC'), 'UTC')).toBe(T - 9120);
    expect(fromInput(toInput(T, 'local'), 'local')).toBe(T - 9120);
    expect(fromInput('', 'UTC')).toBeUndefined();
  });

  it('have lengths in at most two units', () => {
    expect(duration(12)).toBe('12 ms');
    expect(duration(4100)).toBe('4.1 s');
    expect(duration(74_000)).toBe('1 min 14 s');
    expect(duration(90_061_000)).toBe('1 d 1 h');
    expect(duration(-4200)).toBe('-4.2 s');
    expect(ago(T - 20 * 60_000, T)).toBe('20 min ago');
    expect(ago(T - 1000, T)).toBe('just now');
  });
});
