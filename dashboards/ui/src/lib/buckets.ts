// Buckets of several perspectives as one series of points.
import type { Bucket, SeriesPoint } from '../api/types';

/** Sums per bucket start, in order of time. */
export function sumBuckets(items: readonly Bucket[]): SeriesPoint[] {
  const sums = new Map<number, { attempts: number; actual: number; score: number }>();
  for (const { timestamp, event_count, failed_count, score } of items) {
    const sum = sums.get(timestamp) ?? { attempts: 0, actual: 0, score: 0 };
    sums.set(timestamp, {
      attempts: sum.attempts + event_count,
      actual: sum.actual + failed_count,
      score: Math.max(sum.score, score),
    });
  }
  return [...sums]
    .sort(([a], [b]) => a - b)
    .map(([t, sum]) => ({ t, ...sum, typical: null, lower: null, upper: null, multi: false }));
}
