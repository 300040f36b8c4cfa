// Impacts (-log10 of a probability) as one to five steps for a bar.

const LIMITS = [2, 4, 7, 12];

/** 0 for none, else 1 (below 2) to 5 (12 and above). */
export function impactSteps(impact: number): number {
  if (impact <= 0) return 0;
  const step = LIMITS.findIndex((limit) => impact < limit);
  return step < 0 ? 5 : step + 1;
}
