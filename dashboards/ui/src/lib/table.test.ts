// Tests of table.ts.
import { describe, expect, it } from 'vitest';
import { addressKey, clicked, parseSort } from './sessions';
import { fileName, sortBy, toCsv } from './table';

describe('toCsv', () => {
  it('quotes what needs it, and leaves empty what is not there', () => {
    expect(
      toCsv([
        { a: 'x,y', b: 'say "no"' },
        { a: null, c: 3 },
      ]),
    ).toBe('a,b,c\r\n"x,y","say ""no""",\r\n,,3\r\n');
  });

  it('writes times as RFC 3339 and keeps formulas from running', () => {
    expect(toCsv([{ timestamp: 0, note: '=1+1', n: -3 }])).toBe(
      "timestamp,note,n\r\n1970-01-01T00:00:00.000Z,'=1+1,-3\r\n",
    );
  });
});

describe('sortBy', () => {
  it('keeps equal rows in order and puts empty values last', () => {
    const rows = [
      { k: 'a', v: 2 },
      { k: 'b', v: null },
      { k: 'c', v: 1 },
      { k: 'd', v: 2 },
    ];
    expect(sortBy(rows, (r) => r.v, 'asc').map((r) => r.k)).toEqual(['c', 'a', 'd', 'b']);
    expect(sortBy(rows, (r) => r.v, 'desc').map((r) => r.k)).toEqual(['a', 'd', 'c', 'b']);
  });
});

describe('sorting of sessions', () => {
  it('reads and turns the sort of the address', () => {
    expect(parseSort(undefined)).toEqual({ column: 'end', direction: 'desc' });
    expect(parseSort('bytes-asc')).toEqual({ column: 'bytes', direction: 'asc' });
    expect(parseSort('nonsense-asc')).toEqual({ column: 'end', direction: 'desc' });
    expect(clicked(parseSort('bytes-desc'), 'bytes')).toEqual({ column: 'bytes', direction: 'asc' });
    expect(clicked(parseSort('bytes-asc'), 'packets')).toEqual({ column: 'packets', direction: 'desc' });
  });

  it('sorts addresses by number', () => {
    expect(['10.0.0.10', '10.0.0.9', '::1'].sort((a, b) => (addressKey(a) < addressKey(b) ? -1 : 1))).toEqual([
      '10.0.0.9',
      '10.0.0.10',
      '::1',
    ]);
  });
});

it('names files by what and when', () => {
  expect(fileName('sessions', 0, 3_600_000, 'csv')).toBe('halfopen-sessions-19700101-0000-19700101-0100.csv');
});
