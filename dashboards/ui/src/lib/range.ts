// Time ranges: relative ("now-24h") and absolute bounds, their meaning in milliseconds, shifting and zooming.

export interface TimeRange {
  from: string;
  to: string;
}

export interface Span {
  from: number;
  to: number;
}

export const DEFAULT_RANGE: TimeRange = { from: 'now-24h', to: 'now' };

export const PRESETS: readonly { label: string; range: TimeRange }[] = [
  { label: 'Last hour', range: { from: 'now-1h', to: 'now' } },
  { label: 'Last 6 hours', range: { from: 'now-6h', to: 'now' } },
  { label: 'Last 24 hours', range: { from: 'now-24h', to: 'now' } },
  { label: 'Last 2 days', range: { from: 'now-2d', to: 'now' } },
  { label: 'Last 7 days', range: { from: 'now-7d', to: 'now' } },
  { label: 'Last 14 days', range: { from: 'now-14d', to: 'now' } },
  { label: 'Last 30 days', range: { from: 'now-30d', to: 'now' } },
];

const UNITS: Readonly<Record<string, number>> = { s: 1e3, m: 6e4, h: 36e5, d: 864e5, w: 6048e5 };
const RELATIVE = /^now(?:-(\d{1,6})([smhdw]))?$/;

/** Milliseconds of one bound: "now", "now-24h", epoch milliseconds or an RFC 3339 time. Nothing when it is none of these. */
export function parseBound(text: string, now: number): number | undefined {
  const trimmed = text.trim();
  const relative = RELATIVE.exec(trimmed);
  if (relative) return now - Number(relative[1] ?? 0) * (UNITS[relative[2] ?? 's'] ?? 0);
  if (/^\d{10,15}$/.test(trimmed)) return Number(trimmed);
  if (!/^\d{4}-\d{2}-\d{2}/.test(trimmed)) return undefined;
  const time = Date.parse(trimmed);
  return Number.isNaN(time) ? undefined : time;
}

/** The range in milliseconds, or nothing when a bound does not parse or the end is not after the start. */
export function resolve(range: TimeRange, now: number): Span | undefined {
  const from = parseBound(range.from, now);
  const to = parseBound(range.to, now);
  return from !== undefined && to !== undefined && to > from ? { from, to } : undefined;
}

export function isRelative(range: TimeRange): boolean {
  return RELATIVE.test(range.from) && RELATIVE.test(range.to);
}

/** An absolute range, in the form that goes into the address. */
export function absolute(span: Span): TimeRange {
  return { from: String(Math.round(span.from)), to: String(Math.round(span.to)) };
}

/** The range moved by its own length, back (-1) or forward (+1); never past now: there it becomes relative again. */
export function shift(range: TimeRange, direction: -1 | 1, now: number): TimeRange {
  const span = resolve(range, now);
  if (!span) return DEFAULT_RANGE;
  const length = span.to - span.from;
  if (span.to + direction * length > now && direction > 0)
    return trailing(length) ?? absolute({ from: now - length, to: now });
  return absolute({ from: span.from + direction * length, to: span.to + direction * length });
}

/** The same middle, twice the length, not beyond now. */
export function zoomOut(range: TimeRange, now: number): TimeRange {
  const span = resolve(range, now);
  if (!span) return DEFAULT_RANGE;
  const length = span.to - span.from;
  const to = Math.min(now, span.to + length / 2);
  return absolute({ from: to - 2 * length, to });
}

/** "now-<length>" when the length is a whole number of a unit. */
function trailing(length: number): TimeRange | undefined {
  for (const unit of ['d', 'h', 'm', 's']) {
    const ms = UNITS[unit] ?? 0;
    if (length % ms === 0) return { from: `now-${length / ms}${unit}`, to: 'now' };
  }
  return undefined;
}

/** In words for a relative range that counts back from now; nothing for others. */
export function relativeLabel(range: TimeRange): string | undefined {
  const preset = PRESETS.find((p) => p.range.from === range.from && p.range.to === range.to);
  if (preset) return preset.label;
  const match = RELATIVE.exec(range.from);
  if (!match?.[1] || range.to !== 'now') return undefined;
  const names: Record<string, string> = { s: 'second', m: 'minute', h: 'hour', d: 'day', w: 'week' };
  const count = Number(match[1]);
  return `Last ${count} ${names[match[2] ?? 's']}${count === 1 ? '' : 's'}`;
}
