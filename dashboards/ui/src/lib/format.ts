// Numbers, sizes, durations and times as text. Always the same digits for the same value; the time zone is an argument.
// Written out rather than asked of Intl, whose first use takes a browser 20 ms in which the first page stands still.
import type { Zone } from './zone';

export const NONE = '–';

/** With at most so many digits after the point, and none that say nothing; thousands are set apart. */
function rounded(value: number, digits: number): string {
  const [units = '', part] = String(Math.round(Math.abs(value) * 10 ** digits) / 10 ** digits).split('.');
  const size = units.replace(/\B(?=(\d{3})+$)/g, ',') + (part ? `.${part}` : '');
  return value < 0 && size !== '0' ? `-${size}` : size;
}

const whole = (value: number) => rounded(value, 0);
const oneDigit = (value: number) => rounded(value, 1);
const twoDigits = (value: number) => rounded(value, 2);

export function integer(value: number | null | undefined): string {
  return value === null || value === undefined ? NONE : whole(value);
}

/** Counts that may be fractions (expected values): two digits below 1, one below 10, whole above. */
export function quantity(value: number | null | undefined): string {
  if (value === null || value === undefined) return NONE;
  const size = Math.abs(value);
  return (size < 1 ? twoDigits : size < 10 ? oneDigit : whole)(value);
}

const STEPS = [
  [1e12, 'T'],
  [1e9, 'G'],
  [1e6, 'M'],
  [1e4, 'k'],
] as const;

/** "1.2 M", "34 k", "9,812". */
export function compact(value: number | null | undefined): string {
  if (value === null || value === undefined) return NONE;
  for (const [size, unit] of STEPS) {
    if (Math.abs(value) >= size) {
      const scaled = value / (unit === 'k' ? 1e3 : size);
      return `${(Math.abs(scaled) < 10 ? oneDigit : whole)(scaled)} ${unit}`;
    }
  }
  return quantity(value);
}

export function bytes(value: number | null | undefined): string {
  if (value === null || value === undefined) return NONE;
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let scaled = value;
  let unit = 0;
  while (scaled >= 1000 && unit < units.length - 1) {
    scaled /= 1000;
    unit += 1;
  }
  return `${(unit > 0 && scaled < 10 ? oneDigit : whole)(scaled)} ${units[unit]}`;
}

export function percent(share: number | null | undefined): string {
  if (share === null || share === undefined) return NONE;
  const value = share * 100;
  if (value > 0 && value < 1) return '<1 %';
  if (value > 99 && value < 100) return '>99 %';
  return `${whole(value)} %`;
}

/** How many times the typical value: "38×", or nothing when a ratio would say nothing. */
export function ratio(actual: number, typical: number): string {
  if (!(typical > 0.05) || actual < typical) return NONE;
  const times = actual / typical;
  return `${(times < 10 ? oneDigit : whole)(times)}×`;
}

/** Three significant figures; powers of ten for the very small. */
export function probability(value: number): string {
  if (value === 0) return '<1e-300';
  return value < 0.001 ? value.toExponential(2).replace('e-', 'e-') : String(Number(value.toPrecision(3)));
}

/** A length of time in its two largest units. */
export function duration(ms: number): string {
  if (ms < 0) return `-${duration(-ms)}`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 10_000) return `${oneDigit(ms / 1000)} s`;
  const seconds = Math.round(ms / 1000);
  const parts: [number, string][] = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [seconds % 60, 's'],
  ];
  const first = parts.findIndex(([count]) => count > 0);
  return parts
    .slice(first, first + 2)
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(' ');
}

/** "3 min ago", "just now". One unit is enough for an age. */
export function ago(time: number, now: number): string {
  const ms = now - time;
  if (ms < 45_000) return 'just now';
  return `${duration(ms).split(' ').slice(0, 2).join(' ')} ago`;
}

const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** The time as one whose UTC fields read as the clocks of the zone do. */
function shown(time: number, zone: Zone): Date {
  return new Date(zone === 'UTC' ? time : time - new Date(time).getTimezoneOffset() * 60_000);
}

/** "Tue 17 Nov, 14:00". */
export function dayTime(time: number, zone: Zone): string {
  return `${weekday(time, zone).slice(0, 3)} ${day(time, zone)}, ${clock(time, zone)}`;
}

/** "14:00". */
export function clock(time: number, zone: Zone): string {
  return exactClock(time, zone).slice(0, 5);
}

/** "14:00:05.120". */
export function exactClock(time: number, zone: Zone): string {
  return shown(time, zone).toISOString().slice(-13, -1);
}

/** "Tuesday". */
export function weekday(time: number, zone: Zone): string {
  return DAYS[shown(time, zone).getUTCDay()] ?? '';
}

/** "17 Nov". */
export function day(time: number, zone: Zone): string {
  const date = shown(time, zone);
  return `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]}`;
}

/** "Tue 17 Nov, 14:00 – 15:30"; the day again only when it differs. */
export function spanText(from: number, to: number, zone: Zone): string {
  const sameDay = day(from, zone) === day(to, zone);
  return `${dayTime(from, zone)} – ${sameDay ? clock(to, zone) : dayTime(to, zone)}`;
}

/** Value of a datetime-local input, in the zone shown. */
export function toInput(time: number, zone: Zone): string {
  return shown(time, zone).toISOString().slice(0, 16);
}

export function fromInput(text: string, zone: Zone): number | undefined {
  const time = Date.parse(zone === 'UTC' ? `${text}Z` : text);
  return Number.isNaN(time) ? undefined : time;
}
