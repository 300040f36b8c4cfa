// Tests of calendars.ts.
import { expect, test } from 'vitest';
import { effect, forWhom, idOf, inOrder, proposed, stageOf } from './calendars';

const event = (description: string, start_time: number, end_time: number) => ({ description, start_time, end_time });

test('what goes on comes first, then what is near, then what is over', () => {
  const events = [
    event('long over', 1, 2),
    event('later', 30, 40),
    event('on', 5, 15),
    event('just over', 4, 10),
    event('soon', 11, 20),
  ];
  expect(inOrder(events, 10).map(({ description }) => description)).toEqual([
    'on',
    'soon',
    'later',
    'just over',
    'long over',
  ]);
  expect(stageOf(event('', 10, 20), 10)).toBe('on');
  expect(stageOf(event('', 5, 10), 10)).toBe('over');
});

test('an event leaves out results and learning unless told otherwise', () => {
  expect(effect(event('', 0, 1))).toBe('No results, nothing learnt');
  expect(effect({ ...event('', 0, 1), skip_model_update: false })).toBe('No results');
  expect(effect({ ...event('', 0, 1), skip_result: false })).toBe('Nothing learnt');
  expect(forWhom({ job_ids: [] })).toBe('every job');
  expect(forWhom({ job_ids: ['a', 'tcp'] })).toBe('a, tcp');
});

test('a name becomes an id, and the next hour is proposed', () => {
  expect(idOf(' Core switch: upgrade! ')).toBe('core-switch-upgrade');
  expect(proposed(3_600_001)).toEqual({ from: 7_200_000, to: 14_400_000 });
});
