// The second chart of a series: how many sessions were attempted, and what share of them failed.
import type uPlot from 'uplot';
import type { SeriesPoint } from '../api/types';
import { dayTime, percent, quantity } from '../lib/format';
import { type Frame, fromZero, timeAxis, timeScale, tip, valueAxis } from './common';
import type { Palette } from './palette';

function share(point: SeriesPoint): number | null {
  return point.attempts && point.actual !== null ? Math.min(1, point.actual / point.attempts) : null;
}

export function ratioData(points: readonly SeriesPoint[]): uPlot.AlignedData {
  return [points.map((p) => p.t / 1000), points.map((p) => p.attempts), points.map(share)];
}

export function ratioOptions(
  colours: Palette,
  uplot: typeof uPlot,
  points: readonly SeriesPoint[],
  frame: Frame,
): Omit<uPlot.Options, 'width' | 'height'> {
  const time = timeScale(frame, uplot);
  return {
    ...time,
    scales: { ...time.scales, y: { range: fromZero }, share: { range: [0, 1] } },
    padding: [8, 0, 0, 0],
    legend: { show: false },
    cursor: { drag: { x: false, y: false }, y: false, points: { size: 7 } },
    series: [
      {},
      { stroke: colours.attempts, width: 1.5, points: { show: false } },
      { scale: 'share', stroke: colours.major, width: 1.5, dash: [5, 3], points: { show: false } },
    ],
    axes: [
      timeAxis(colours, frame),
      valueAxis(colours, frame),
      valueAxis(colours, frame, {
        scale: 'share',
        side: 1,
        size: 44,
        grid: { show: false },
        values: (_, splits) => splits.map((value) => percent(value)),
      }),
    ],
    plugins: [
      tip((index) => {
        const point = points[index];
        if (!point) return undefined;
        return [
          dayTime(point.t, frame.zone),
          `attempts ${quantity(point.attempts)}`,
          `failed ${percent(share(point))}`,
        ];
      }),
    ],
  };
}
