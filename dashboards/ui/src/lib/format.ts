// Numbers, sizes, durations and times as text. Always the same digits for the same value; the time zone is an argument.

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const oneDigit = new Intl.NumberFormat('en', { maximumFractionDigits: 1 });
const twoDigits = new Intl.NumberFormat('en', { maximumFractionDigits: 2 });

export const NONE = '–';

export function integer(value: number | null | undefined): string {
  return value === null || value === undefined ? NONE : whole.format(value);
}

/** Counts that may be fractions (expected values): two digits below 1, one below 10, whole above. */
export function quantity(value: number | null | undefined): string {
  if (value === null || value === undefined) return NONE;
  const size = Math.abs(value);
  return (size < 1 ? twoDigits : size < 10 ? oneDigit : whole).format(value);
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
      return `${(Math.abs(scaled) < 10 ? oneDigit : whole).format(scaled)} ${unit}`;
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
  return `${(unit > 0 && scaled < 10 ? oneDigit : whole).format(scaled)} ${units[unit]}`;
}

export function percent(share: number | null | undefined): string {
  if (share === null || share === undefined) return NONE;
  const value = share * 100;
  if (value > 0 && value < 1) return '<1 %';
  if (value > 99 && value < 100) return '>99 %';
  return `${whole.format(value)} %`;
}

/** How many times the typical value: "38×", or nothing when a ratio would say nothing. */
export function ratio(actual: number, typical: number): string {
  if (!(typical > 0.05) || actual < typical) return NONE;
  const times = actual / typical;
  return `${(times < 10 ? oneDigit : whole).format(times)}×`;
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
  if (ms < 10_000) return `${oneDigit.format(ms / 1000)} s`;
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

export type Zone = 'local' | 'UTC';

/** The IANA name of the zone shown, for the server's sentences; none where the browser does not know its own. */
export function zoneName(zone: Zone): string | undefined {
  const name = zone === 'UTC' ? zone : Intl.DateTimeFormat().resolvedOptions().timeZone;
  return /^[A-Z]/.test(name ?? '') && name !== 'Etc/Unknown' ? name : undefined;
}

const formats = new Map<string, Intl.DateTimeFormat>();

function format(zone: Zone, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${zone}${JSON.stringify(options)}`;
  let made = formats.get(key);
  if (!made) {
    made = new Intl.DateTimeFormat('en-GB', {
      ...options,
      hourCycle: 'h23',
      ...(zone === 'UTC' && { timeZone: 'UTC' }),
    });
    formats.set(key, made);
  }
  return made;
}

/** "Tue 17 Nov, 14:00". */
export function dayTime(time: number, zone: Zone): string {
  return format(zone, { weekday: 'short', day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' })
    .format(time)
    .replace(/^(\w+), /, '$1 ');
}

/** "14:00". */
export function clock(time: number, zone: Zone): string {
  return format(zone, { hour: '2-digit', minute: '2-digit' }).format(time);
}

/** "14:00:05.120". */
export function exactClock(time: number, zone: Zone): string {
  return format(zone, { hour: '2-digit', minute: '2-digit', second: '2-digit', fractionalSecondDigits: 3 }).format(
    time,
  );
}

/** "Tuesday". */
export function weekday(time: number, zone: Zone): string {
  return format(zone, { weekday: 'long' }).format(time);
}

/** "17 Nov". */
export function day(time: number, zone: Zone): string {
  return format(zone, { day: 'numeric', month: 'short' }).format(time);
}

/** "Tue 17 Nov, 14:00 – 15:30"; the day again only when it differs. */
export function spanText(from: number, to: number, zone: Zone): string {
  const sameDay = day(from, zone) === day(to, zone);
  return `${dayTime(from, zone)} – ${sameDay ? clock(to, zone) : dayTime(to, zone)}`;
}

/** Value of a datetime-local input, in the zone shown. */
export function toInput(time: number, zone: Zone): string {
  const shifted = zone === 'UTC' ? time : time - new Date(time).getTimezoneOffset() * 60_000;
  return new Date(shifted).toISOString().slice(0, 16);
}

export function fromInput(text: string, zone: Zone): number | undefined {
  const time = Date.parse(zone === 'UTC' ? `${text}Z` : text);
  return Number.isNaN(time) ? undefined : time;
}
