// Calendars of planned events: which come, go on or are over, what an event does, and the times that a form proposes.
import type { Calendar, PlannedEvent } from '../api/types';

export type Stage = 'on' | 'ahead' | 'over';

export function stageOf({ start_time, end_time }: PlannedEvent, now: number): Stage {
  if (end_time <= now) return 'over';
  return start_time <= now ? 'on' : 'ahead';
}

const ORDER: readonly Stage[] = ['on', 'ahead', 'over'];

/** What goes on first, then what comes, the nearest first, then what is over, the latest first. */
export function inOrder(events: readonly PlannedEvent[], now: number): PlannedEvent[] {
  return [...events].sort((a, b) => {
    const [left, right] = [stageOf(a, now), stageOf(b, now)];
    if (left !== right) return ORDER.indexOf(left) - ORDER.indexOf(right);
    return left === 'over' ? b.end_time - a.end_time : a.start_time - b.start_time;
  });
}

/** What jobs leave out during an event; both unless told otherwise. */
export function effect({ skip_result = true, skip_model_update = true }: PlannedEvent): string {
  if (skip_result && skip_model_update) return 'No results, nothing learnt';
  if (skip_result) return 'No results';
  return skip_model_update ? 'Nothing learnt' : 'None: results and learning go on';
}

export function forWhom({ job_ids = [] }: Calendar): string {
  return job_ids.length === 0 || job_ids.includes('_all') ? 'every job' : job_ids.join(', ');
}

/** A calendar id out of its name: what the server takes. */
export function idOf(name: string): string {
  return name
    .toLowerCase()
    .replace(/[^a-z0-9_-]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 64);
}

/** The next full hour, and two hours from there. */
export function proposed(now: number): { from: number; to: number } {
  const hour = 3_600_000;
  const from = Math.ceil(now / hour) * hour;
  return { from, to: from + 2 * hour };
}
