// The context chart: the whole range as one thin line; dragging in it chooses what the main chart shows.
import type uPlot from 'uplot';
import type { SeriesPoint } from '../api/types';
import type { Span } from '../lib/range';
import { type Frame, fromZero, gestures, RIGHT, timeAxis, timeScale, valueAxis } from './common';
import type { Palette } from './palette';

export function contextOptions(
  colours: Palette,
  uplot: typeof uPlot,
  frame: Frame,
  onzoom: (span: Span) => void,
): Omit<uPlot.Options, 'width' | 'height'> {
  const time = timeScale(frame, uplot);
  return {
    ...gestures(onzoom),
    ...time,
    scales: { ...time.scales, y: { range: fromZero } },
    padding: [4, RIGHT, 0, 0],
    legend: { show: false },
    series: [{}, { stroke: colours.series, width: 1, fill: colours.band, points: { show: false } }],
    axes: [timeAxis(colours, frame), valueAxis(colours, frame, { values: () => [], grid: { show: false } })],
  };
}

export function contextData(points: readonly SeriesPoint[]): uPlot.AlignedData {
  return [points.map((p) => p.t / 1000), points.map((p) => p.actual)];
}
