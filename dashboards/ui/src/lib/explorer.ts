// What the Explorer asks for: in one place, because its first requests start before its script is there (start.ts).
import type { Perspective } from '../api/types';
import { filterOf } from './filter';
import type { Span } from './range';
import type { Params, Patch } from './url';

/** Range and perspective of every request. */
export interface Scoped {
  from: number;
  to: number;
  perspective: Perspective | undefined;
}

/** And the zone in which sentences tell times. */
export interface Told extends Scoped {
  timezone: string | undefined;
}

export const LANES = ['perspective', 'server', 'client', 'port', 'outcome', 'exporter'] as const;

/** The part of the range that is selected in the lanes. */
export function focusOf(params: Params): Span | undefined {
  const from = Math.round(Number(params.focus_from));
  const to = Math.round(Number(params.focus_to));
  return to > from ? { from, to } : undefined;
}

export function lanesBy(params: Params): (typeof LANES)[number] {
  return LANES.find((by) => by === params.by) ?? 'server';
}

export function summaryQuery(params: Params, scoped: Told): Patch {
  return { ...scoped, filter: filterOf(params) };
}

export function anomaliesQuery(params: Params, scoped: Told): Patch {
  const focus = focusOf(params);
  return {
    from: focus?.from ?? scoped.from,
    to: focus?.to ?? scoped.to,
    perspective: params.lane_perspective ?? scoped.perspective,
    timezone: scoped.timezone,
    filter: filterOf(params),
    min_score: params.min_score,
    sort: params.sort === 'time' ? 'time' : 'score',
    limit: params.group === 'bucket' ? 50 : 250,
  };
}

/** The series of the worst anomaly of the range. */
export function worstQuery(params: Params, scoped: Scoped): Patch {
  return { ...scoped, filter: filterOf(params) };
}

export function influencersQuery(params: Params, scoped: Scoped): Patch {
  const focus = focusOf(params);
  return { ...scoped, from: focus?.from ?? scoped.from, to: focus?.to ?? scoped.to, filter: params.filter };
}

export function lanesQuery(
  params: Params,
  scoped: Scoped,
  cells: number,
  by: 'overall' | (typeof LANES)[number],
): Patch {
  const query = { ...scoped, cells, filter: params.filter, by };
  // Where few cells fit lanes stand one below the other, and what comes after them is to be found.
  return by === 'overall' ? query : { ...query, limit: cells < 48 ? 5 : 10 };
}
