// What all charts share: axes, time labels, grid, cursor and the tip that follows it.
import type uPlot from 'uplot';
import { compact, day, clock as hours } from '../lib/format';
import type { Span } from '../lib/range';
import type { Zone } from '../lib/zone';
import type { Palette } from './palette';

export interface Frame {
  span: Span;
  zone: Zone;
  /** Width of the value axis, pixels; equal in charts that stand above each other. */
  axis: number;
}

/** Room at the right of a chart, pixels, for half a time label and the mark of the last bucket. */
export const RIGHT = 18;

/** Labels of a time axis: hours, with the date where a day begins or for steps of a day. */
export function timeLabels(splits: readonly number[], increment: number, zone: Zone): string[] {
  let shown = '';
  return splits.map((seconds) => {
    const time = seconds * 1000;
    const date = day(time, zone);
    const midnight = hours(time, zone) === '00:00';
    if (increment >= 86_400 || midnight || (shown === '' && splits.length < 4)) {
      shown = date;
      return date;
    }
    return hours(time, zone);
  });
}

export function timeScale({ span, zone }: Frame, uplot: typeof uPlot) {
  return {
    scales: { x: { time: true, range: (): [number, number] => [span.from / 1000, span.to / 1000] } },
    ...(zone === 'UTC' && { tzDate: (seconds: number) => uplot.tzDate(new Date(seconds * 1000), 'Etc/UTC') }),
  };
}

export function timeAxis(colours: Palette, { zone }: Frame): uPlot.Axis {
  return {
    stroke: colours['text-2'],
    font: colours.font,
    size: 24,
    gap: 4,
    space: 72,
    grid: { stroke: colours.line, width: 1 },
    ticks: { show: false },
    values: (_, splits, __, ___, increment) => timeLabels(splits, increment, zone),
  };
}

export function valueAxis(colours: Palette, { axis }: Frame, more: Partial<uPlot.Axis> = {}): uPlot.Axis {
  return {
    stroke: colours['text-2'],
    font: colours.font,
    size: axis,
    gap: 6,
    space: 32,
    grid: { stroke: colours.line, width: 1 },
    ticks: { show: false },
    values: (_, splits) => splits.map((value) => compact(value)),
    ...more,
  };
}

/** A scale that begins at nought and leaves some air above. */
export function fromZero(_: uPlot, __: number, max: number): [number, number] {
  return [0, Math.max(4, (max || 0) * 1.08)];
}

/** Text beside the cursor; `lines` gives it for an index. */
export function tip(lines: (index: number) => string[] | undefined): uPlot.Plugin {
  const box = document.createElement('div');
  box.className = 'tip';
  box.hidden = true;
  return {
    hooks: {
      init: (plot) => plot.over.append(box),
      setCursor: (plot) => {
        const index = plot.cursor.idx;
        const text = index === null || index === undefined || (plot.cursor.left ?? -1) < 0 ? undefined : lines(index);
        box.hidden = !text;
        if (!text) return;
        box.textContent = text.join('\n');
        const left = plot.cursor.left ?? 0;
        const room = plot.over.clientWidth - box.offsetWidth - 12;
        box.style.left = `${left > room ? Math.max(0, left - box.offsetWidth - 12) : left + 12}px`;
      },
    },
  };
}

/** Drag to zoom, click to pick. Both come as callbacks with times in milliseconds. uPlot swallows the click that ends a drag. */
export function gestures(
  onzoom: ((span: Span) => void) | undefined,
  onpick?: (time: number) => void,
): Pick<uPlot.Options, 'cursor'> & { hooks: uPlot.Hooks.Arrays } {
  const timeAt = (plot: uPlot, left: number) => plot.posToVal(left, 'x') * 1000;
  return {
    cursor: { drag: { x: Boolean(onzoom), y: false, setScale: false, dist: 6 }, y: false, points: { size: 7 } },
    hooks: {
      init: [
        (plot) => {
          if (!onpick) return;
          plot.over.style.cursor = 'pointer';
          plot.over.addEventListener('click', (event) => onpick(timeAt(plot, event.offsetX)));
        },
      ],
      setSelect: [
        (plot) => {
          const { left, width } = plot.select;
          if (onzoom && width >= 6) onzoom({ from: timeAt(plot, left), to: timeAt(plot, left + width) });
        },
      ],
    },
  };
}
