// Anomalies of one series as one line: the first of the list speaks for it, the others are a choice beside it.
import type { Anomaly } from '../api/types';

export interface AnomalyGroup {
  /** The first in the order of the list: the worst, or the newest. */
  first: Anomaly;
  /** All of them, in order of time. */
  all: readonly Anomaly[];
}

/** One group per series, in the order in which the series come up. */
export function bySeries(items: readonly Anomaly[]): AnomalyGroup[] {
  const groups = new Map<string, Anomaly[]>();
  for (const item of items) {
    const group = groups.get(item.series);
    if (group) group.push(item);
    else groups.set(item.series, [item]);
  }
  return [...groups.values()].map((group) => ({
    first: group[0] as Anomaly,
    all: group.toSorted((a, b) => a.timestamp - b.timestamp),
  }));
}

/** Each anomaly by itself. */
export function single(items: readonly Anomaly[]): AnomalyGroup[] {
  return items.map((item) => ({ first: item, all: [item] }));
}

/** Whether a group spans several buckets that follow each other without a hole. */
export function unbroken(all: readonly Anomaly[]): boolean {
  return all.every((item, i) => i === 0 || item.timestamp - (all[i - 1]?.timestamp ?? 0) <= item.bucket_span * 1000);
}
