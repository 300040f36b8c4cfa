// The main chart of a series: what happened, what the model expected (band and line), anomalies by severity and kind.
import type uPlot from 'uplot';
import type { SeriesPoint } from '../api/types';
import { dayTime, quantity } from '../lib/format';
import type { Span } from '../lib/range';
import { scoreText, severityOf } from '../lib/severity';
import { type Frame, fromZero, gestures, RIGHT, timeAxis, timeScale, tip, valueAxis } from './common';
import type { Palette } from './palette';

export function seriesData(points: readonly SeriesPoint[]): uPlot.AlignedData {
  return [
    points.map((p) => p.t / 1000),
    points.map((p) => p.upper),
    points.map((p) => p.lower),
    points.map((p) => p.typical),
    points.map((p) => p.actual),
  ];
}

export interface SeriesPlotInput {
  points: readonly SeriesPoint[];
  frame: Frame;
  /** Bucket to mark, its start in ms. */
  selected?: number | undefined;
  bucketMs: number;
  /** Where the forecast begins, ms. */
  ahead?: number | undefined;
  /** Times to mark with a flag. */
  notes?: readonly { timestamp: number; annotation: string }[];
  onzoom?: (span: Span) => void;
  onpick?: (time: number) => void;
}

export function seriesOptions(
  colours: Palette,
  uplot: typeof uPlot,
  input: SeriesPlotInput,
): Omit<uPlot.Options, 'width' | 'height'> {
  const { points, frame } = input;
  const actions = gestures(input.onzoom, input.onpick);
  const line = { points: { show: false } };
  return {
    ...actions,
    ...withTime(frame, uplot),
    padding: [8, RIGHT, 0, 0],
    legend: { show: false },
    series: [
      {},
      { ...line, stroke: 'transparent' },
      { ...line, stroke: 'transparent' },
      { ...line, stroke: colours['band-line'], width: 1, dash: [4, 3] },
      { ...line, stroke: colours.series, width: 1.5 },
    ],
    bands: [{ series: [1, 2], fill: colours.band }],
    axes: [timeAxis(colours, frame), valueAxis(colours, frame)],
    plugins: [tip((index) => describe(points[index], frame))],
    hooks: {
      ...actions.hooks,
      drawClear: [(plot) => drawBucket(plot, colours, input), (plot) => drawAhead(plot, colours, input)],
      draw: [(plot) => drawNotes(plot, colours, input.notes ?? []), (plot) => drawMarks(plot, colours, points)],
    },
  };
}

function withTime(frame: Frame, uplot: typeof uPlot) {
  const time = timeScale(frame, uplot);
  return { ...time, scales: { ...time.scales, y: { range: fromZero } } };
}

function describe(point: SeriesPoint | undefined, frame: Frame): string[] | undefined {
  if (!point) return undefined;
  const lines = [dayTime(point.t, frame.zone)];
  if (point.actual === null && point.typical === null) return [...lines, 'nothing was observed'];
  if (point.actual === null)
    return [...lines, `expected ${quantity(point.typical)} (${quantity(point.lower)}–${quantity(point.upper)})`];
  lines.push(`failed ${quantity(point.actual)}${point.attempts === null ? '' : ` of ${quantity(point.attempts)}`}`);
  if (point.typical !== null)
    lines.push(`usual ${quantity(point.typical)} (${quantity(point.lower)}–${quantity(point.upper)})`);
  if (point.score >= 3)
    lines.push(`${severityOf(point.score)}, score ${scoreText(point.score)}${point.multi ? ', several buckets' : ''}`);
  return lines;
}

function drawBucket(plot: uPlot, colours: Palette, { selected, bucketMs }: SeriesPlotInput) {
  if (selected === undefined) return;
  const left = plot.valToPos(selected / 1000, 'x', true);
  const right = plot.valToPos((selected + bucketMs) / 1000, 'x', true);
  plot.ctx.save();
  plot.ctx.globalAlpha = 0.18;
  plot.ctx.fillStyle = colours.accent;
  plot.ctx.fillRect(left, plot.bbox.top, Math.max(3, right - left), plot.bbox.height);
  plot.ctx.restore();
}

/** What is to come stands on another ground, with its name. */
function drawAhead(plot: uPlot, colours: Palette, { ahead }: SeriesPlotInput) {
  if (ahead === undefined) return;
  const { ctx, bbox } = plot;
  const left = Math.max(bbox.left, plot.valToPos(ahead / 1000, 'x', true));
  const right = bbox.left + bbox.width;
  if (left >= right) return;
  ctx.save();
  ctx.globalAlpha = 0.6;
  ctx.fillStyle = colours['bg-sunken'];
  ctx.fillRect(left, bbox.top, right - left, bbox.height);
  ctx.globalAlpha = 1;
  ctx.fillStyle = colours['text-2'];
  ctx.font = colours.font;
  ctx.textBaseline = 'top';
  ctx.fillText('forecast', left + 6 * devicePixelRatio, bbox.top + 4 * devicePixelRatio);
  ctx.restore();
}

/** A dashed line with a flag at each noted time that is in view. */
function drawNotes(plot: uPlot, colours: Palette, notes: readonly { timestamp: number }[]) {
  const { ctx, bbox } = plot;
  const ratio = devicePixelRatio;
  ctx.save();
  ctx.strokeStyle = colours.accent;
  ctx.fillStyle = colours.accent;
  ctx.lineWidth = ratio;
  for (const { timestamp } of notes) {
    const x = plot.valToPos(timestamp / 1000, 'x', true);
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.setLineDash([3 * ratio, 3 * ratio]);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x + 8 * ratio, bbox.top + 3 * ratio);
    ctx.lineTo(x, bbox.top + 6 * ratio);
    ctx.fill();
  }
  ctx.restore();
}

/** A disc for an anomaly of one bucket, a cross for one of several; larger and ringed the more severe. */
function drawMarks(plot: uPlot, colours: Palette, points: readonly SeriesPoint[]) {
  const { ctx } = plot;
  const ratio = devicePixelRatio;
  ctx.save();
  ctx.beginPath();
  ctx.rect(plot.bbox.left, plot.bbox.top - 8 * ratio, plot.bbox.width + 8 * ratio, plot.bbox.height + 16 * ratio);
  ctx.clip();
  for (const point of points) {
    if (point.score < 3 || point.actual === null) continue;
    const severity = severityOf(point.score);
    const size = { low: 3, warning: 3, minor: 3.5, major: 4.5, critical: 5.5 }[severity] * ratio;
    const x = plot.valToPos(point.t / 1000, 'x', true);
    const y = plot.valToPos(point.actual, 'y', true);
    ctx.fillStyle = colours[severity];
    ctx.strokeStyle = point.multi ? colours[severity] : colours.bg;
    ctx.lineWidth = (point.multi ? 2.5 : 1) * ratio;
    ctx.beginPath();
    if (point.multi) {
      ctx.moveTo(x - size, y);
      ctx.lineTo(x + size, y);
      ctx.moveTo(x, y - size);
      ctx.lineTo(x, y + size);
    } else {
      ctx.arc(x, y, size, 0, 2 * Math.PI);
      ctx.fill();
    }
    ctx.stroke();
  }
  ctx.restore();
}
