// The explanation of an anomaly with its times as the page shows times: the server writes them in the zone of detection.
import type { Anomaly } from '../api/types';
import { clock, day, weekday, type Zone } from './format';

const USUAL = /; usual for \w+ \d\d:\d\d: /;
const SINCE = /; (high|low) since [\w: -]+$/;
const WEEK_MS = 6 * 86_400_000;

/** A sentence of another form stays as it is. */
export function explained(
  a: Pick<Anomaly, 'explanation' | 'timestamp' | 'bucket_span' | 'details'>,
  zone: Zone,
): string {
  const start = a.timestamp - (a.details.length - 1) * a.bucket_span * 1000;
  const far = a.timestamp - start > WEEK_MS;
  const on = day(start, zone) === day(a.timestamp, zone) ? '' : `${far ? day(start, zone) : weekday(start, zone)} `;
  return a.explanation
    .replace(USUAL, `; usual for ${weekday(a.timestamp, zone)} ${clock(a.timestamp, zone)}: `)
    .replace(SINCE, (_, side) => `; ${side} since ${on}${clock(start, zone)}`);
}
