// Tables as files: CSV (RFC 4180) and JSON from the rows on the screen, and sorting by a column.

export type Value = string | number | boolean | null | undefined;
export type Row = Readonly<Record<string, Value>>;

const TIMES: ReadonlySet<string> = new Set(['timestamp', 'start', 'end', 'first_seen', 'last_seen', 'last_bucket']);

function field(value: Value): string {
  if (value === null || value === undefined) return '';
  let text = String(value);
  // A spreadsheet would run these as formulas.
  if (typeof value === 'string' && /^[=+@\t\r-]/.test(text)) text = `'${text}`;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Times, which the API gives as milliseconds, as RFC 3339 text. */
function readable(column: string, value: Value): Value {
  return typeof value === 'number' && TIMES.has(column) ? new Date(value).toISOString() : value;
}

/** CSV with a header line; columns in the order in which the rows first name them. */
export function toCsv(rows: readonly Row[]): string {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const lines = [
    columns.map(field).join(','),
    ...rows.map((row) => columns.map((c) => field(readable(c, row[c]))).join(',')),
  ];
  return `${lines.join('\r\n')}\r\n`;
}

export type Direction = 'asc' | 'desc';

/** A sorted copy; empty values last in either direction, equal ones in their old order. */
export function sortBy<T>(rows: readonly T[], key: (row: T) => Value, direction: Direction): T[] {
  const sign = direction === 'asc' ? 1 : -1;
  return rows
    .map((row, index) => ({ row, index, value: key(row) }))
    .sort((a, b) => {
      if (a.value === b.value) return a.index - b.index;
      if (a.value === null || a.value === undefined) return 1;
      if (b.value === null || b.value === undefined) return -1;
      return a.value < b.value ? -sign : sign;
    })
    .map(({ row }) => row);
}

/** Name for an exported file: what it is, and of when. */
export function fileName(what: string, from: number, to: number, extension: string): string {
  const stamp = (time: number) => new Date(time).toISOString().slice(0, 16).replace(/[-:]/g, '').replace('T', '-');
  return `halfopen-${what}-${stamp(from)}-${stamp(to)}.${extension}`;
}
