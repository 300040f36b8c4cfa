// Sorting of sessions that are on the screen, by the columns of their table.
import type { Session } from '../api/types';
import { type Direction, sortBy, type Value } from './table';

const KEYS = {
  end: (s: Session): Value => s.end,
  client: (s: Session): Value => addressKey(s.client_ip),
  server: (s: Session): Value => `${addressKey(s.server_ip)}:${String(s.server_port).padStart(5, '0')}`,
  packets: (s: Session): Value => s.client_packets + s.server_packets,
  bytes: (s: Session): Value => s.client_bytes + s.server_bytes,
  outcome: (s: Session): Value => `${s.outcome_class} ${s.outcome}`,
  duration: (s: Session): Value => s.end - s.start,
} as const;

export type SortColumn = keyof typeof KEYS;

export interface Sort {
  column: SortColumn;
  direction: Direction;
}

/** Text that sorts addresses by their numbers: IPv4 parts padded, IPv6 after it. */
export function addressKey(address: string): string {
  if (address.includes(':')) return `~${address}`;
  return address
    .split('.')
    .map((part) => part.padStart(3, '0'))
    .join('.');
}

/** "bytes-desc" from the address; newest first when there is none. */
export function parseSort(text: string | undefined): Sort {
  const [column, direction] = (text ?? '').split('-');
  if (column && column in KEYS)
    return { column: column as SortColumn, direction: direction === 'asc' ? 'asc' : 'desc' };
  return { column: 'end', direction: 'desc' };
}

export function sortSessions(items: readonly Session[], { column, direction }: Sort): Session[] {
  return sortBy(items, KEYS[column], direction);
}

/** The sort after a click on a column: the other way round when it is the current one. */
export function clicked(sort: Sort, column: SortColumn): Sort {
  if (sort.column !== column) return { column, direction: 'desc' };
  return { column, direction: sort.direction === 'desc' ? 'asc' : 'desc' };
}
