// Severities of a score: names in order, and the shape that stands for each beside its colour.
import type { Severity } from '../api/types';

export const SEVERITIES: readonly Severity[] = ['critical', 'major', 'minor', 'warning', 'low'];

/** Lowest score of each severity. The API sends the severity of a record; this is for cells, which carry a score alone. */
export const THRESHOLDS: Readonly<Record<Severity, number>> = {
  critical: 75,
  major: 50,
  minor: 25,
  warning: 3,
  low: 0,
};

export function severityOf(score: number): Severity {
  return SEVERITIES.find((severity) => score >= THRESHOLDS[severity]) ?? 'low';
}

/** A score in whole numbers, cut and not rounded: 24.6 is a warning, and 25 would be none. */
export function scoreText(score: number): string {
  return String(Math.floor(score));
}

/** Dots that stand for a severity; critical is a filled shape with its number instead. */
export function dotsOf(severity: Severity): number {
  return { low: 0, warning: 1, minor: 2, major: 3, critical: 0 }[severity];
}
