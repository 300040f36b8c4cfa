// Tests of lanes.ts.
import { describe, expect, it } from 'vitest';
import { between, cellsFor, covered, fillLane, move, nextScored, ticks } from './lanes';

const STEP = 900_000;
const cells = fillLane(
  {
    cells: [
      { t: STEP * 2, score: 80, count: 3 },
      { t: STEP * 5, score: 12, count: 1 },
    ],
  },
  { from: 0, to: STEP * 6 - 1, step: STEP },
);

describe('fillLane', () => {
  it('has a cell for every step, those without a score as well', () => {
    expect(cells).toHaveLength(6);
    expect(cells.map(({ score }) => score)).toEqual([0, 0, 80, 0, 0, 12]);
    expect(cells[2]).toMatchObject({ from: STEP * 2, to: STEP * 3, count: 3 });
    expect(cells[5]?.to).toBe(STEP * 6 - 1);
  });

  it('leaves out what is below the least score wanted', () => {
    const some = [80, 25, 24.9].map((score, index) => ({ t: STEP * index, score, count: 1 }));
    const drawn = fillLane({ cells: some }, { from: 0, to: STEP * 3, step: STEP }, 25);
    expect(drawn.map(({ score }) => score)).toEqual([80, 25, 0]);
  });
});

it('covers whole cells', () => {
  expect(covered({ from: 10, to: 35, step: 10 })).toEqual({ from: 10, to: 40 });
});

it('asks for as many cells as fit', () => {
  expect(cellsFor(1224)).toBe(96);
  expect(cellsFor(500)).toBe(48);
  expect(cellsFor(366)).toBe(36);
  expect(cellsFor(10)).toBe(24);
});

describe('move', () => {
  it('stays inside the grid', () => {
    expect(move({ row: 0, column: 0 }, 'ArrowLeft', 3, 6)).toEqual({ row: 0, column: 0 });
    expect(move({ row: 0, column: 5 }, 'ArrowRight', 3, 6)).toEqual({ row: 0, column: 5 });
    expect(move({ row: 2, column: 1 }, 'ArrowDown', 3, 6)).toEqual({ row: 2, column: 1 });
    expect(move({ row: 2, column: 1 }, 'PageDown', 3, 6)).toEqual({ row: 2, column: 5 });
    expect(move({ row: 2, column: 3 }, 'Home', 3, 6)).toEqual({ row: 2, column: 0 });
    expect(move({ row: 2, column: 3 }, 'Home', 3, 6, true)).toEqual({ row: 0, column: 0 });
    expect(move({ row: 0, column: 3 }, 'End', 3, 6, true)).toEqual({ row: 2, column: 5 });
  });

  it('leaves other keys alone', () => {
    expect(move({ row: 0, column: 0 }, 'x', 3, 6)).toBeUndefined();
  });
});

it('jumps from anomaly to anomaly', () => {
  expect(nextScored(cells, 0, 1)).toBe(2);
  expect(nextScored(cells, 2, 1)).toBe(5);
  expect(nextScored(cells, 5, 1)).toBeUndefined();
  expect(nextScored(cells, 5, -1)).toBe(2);
});

it('selects from one cell to another in either order', () => {
  const [a, b] = [cells[1], cells[4]];
  if (!a || !b) throw new Error('no cells');
  expect(between(b, a)).toEqual({ from: STEP, to: STEP * 5 });
});

it('puts ticks on round times of the zone', () => {
  const hour = 3_600_000;
  expect(ticks(0, 24 * hour, 12, 0)).toHaveLength(13);
  expect(ticks(hour / 2, 6 * hour, 12, 0)[0]).toBe(hour / 2);
  expect(ticks(0, 48 * hour, 3, hour)).toEqual([23 * hour, 47 * hour]);
});
