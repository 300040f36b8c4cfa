// Swim lane geometry: how many cells fit, where a cell lies in time, keyboard moves, and selections.
import type { Lane, LaneCell, SwimLanes } from '../api/types';
import type { Span } from './range';

const LABEL_WIDTH = 168;
/** Below this width the labels stand above their lanes. */
const NARROW = 660;

/** Room for labels beside the lanes of a page's column, pixels. */
export function labelRoom(column: number): number {
  return column > NARROW ? LABEL_WIDTH : 0;
}

/** Width of a page's column in a window, as the stylesheets lay it out; a scroll bar more or less changes no cell count. */
export function columnWidth(window: number): number {
  const gutter = window <= 700 ? 12 : 24;
  return Math.min(window, 1680) - 2 * gutter;
}

/** What a column leaves for the cells of lanes. */
export function laneWidth(column: number): number {
  return column - labelRoom(column);
}

/** Cells to ask for, so that one is at least `min` pixels wide: a divisor-friendly number, to keep the steps whole. */
export function cellsFor(width: number, min = 9): number {
  const fits = Math.floor(width / min);
  return [96, 72, 48, 36, 24].find((count) => count <= fits) ?? 24;
}

export interface Cell {
  index: number;
  from: number;
  to: number;
  score: number;
  count: number;
}

/** All cells of a lane in order of time; those the answer left out have score 0, as those of less than `least`. */
export function fillLane(
  lane: Pick<Lane, 'cells'>,
  { from, to, step }: Pick<SwimLanes, 'from' | 'to' | 'step'>,
  least = 0,
): Cell[] {
  const count = Math.max(0, Math.ceil((to - from) / step));
  const found = new Map<number, LaneCell>();
  for (const cell of lane.cells) if (cell.score >= least) found.set(Math.floor((cell.t - from) / step), cell);
  return Array.from({ length: count }, (_, index) => ({
    index,
    from: from + index * step,
    to: Math.min(to, from + (index + 1) * step),
    score: found.get(index)?.score ?? 0,
    count: found.get(index)?.count ?? 0,
  }));
}

/** The time that the cells cover: whole cells, so it may end after the range. */
export function covered({ from, to, step }: { from: number; to: number; step: number }): Span {
  return { from, to: from + Math.ceil((to - from) / step) * step };
}

export interface Place {
  row: number;
  column: number;
}

/** Where a key leads from a place in a grid; nothing for keys that are not moves. */
export function move(place: Place, key: string, rows: number, columns: number, ctrl = false): Place | undefined {
  const clamp = (value: number, count: number) => Math.max(0, Math.min(count - 1, value));
  switch (key) {
    case 'ArrowLeft':
      return { ...place, column: clamp(place.column - 1, columns) };
    case 'ArrowRight':
      return { ...place, column: clamp(place.column + 1, columns) };
    case 'ArrowUp':
      return { ...place, row: clamp(place.row - 1, rows) };
    case 'ArrowDown':
      return { ...place, row: clamp(place.row + 1, rows) };
    case 'Home':
      return { row: ctrl ? 0 : place.row, column: 0 };
    case 'End':
      return { row: ctrl ? rows - 1 : place.row, column: columns - 1 };
    case 'PageUp':
      return { ...place, column: clamp(place.column - 12, columns) };
    case 'PageDown':
      return { ...place, column: clamp(place.column + 12, columns) };
    default:
      return undefined;
  }
}

/** Next cell with a score to the right (or left) of a place, for jumping from anomaly to anomaly. */
export function nextScored(cells: readonly Cell[], from: number, direction: 1 | -1): number | undefined {
  for (let i = from + direction; i >= 0 && i < cells.length; i += direction) if ((cells[i]?.score ?? 0) >= 3) return i;
  return undefined;
}

/** The time from one cell to another, in either order. */
export function between(a: Cell, b: Cell): Span {
  return { from: Math.min(a.from, b.from), to: Math.max(a.to, b.to) };
}

/** Times for the labels under the lanes: round steps of local or UTC time, at most `most` of them. */
export function ticks(from: number, to: number, most: number, offsetMs: number): number[] {
  const minute = 60_000;
  const steps = [1, 5, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 10_080, 20_160].map((m) => m * minute);
  const step = steps.find((s) => (to - from) / s <= most) ?? 43_200 * minute;
  const first = Math.ceil((from + offsetMs) / step) * step - offsetMs;
  const times: number[] = [];
  for (let t = first; t <= to; t += step) times.push(t);
  return times;
}
