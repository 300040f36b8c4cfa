// Filters as text: what the address holds as one filter of the server's language, and addresses and ports in it.
import type { Params } from './url';

/** Parameters of the address that narrow what is shown, beside range and perspective. */
export const FILTER_FIELDS = ['filter', 'server', 'port', 'client'] as const;

const IPV4 = /^\d{1,3}(\.\d{1,3}){3}(\/\d{1,2})?$/;
const IPV6 = /^[0-9a-f:]*:[0-9a-f:.]*(\/\d{1,3})?$/i;

export function isAddress(text: string): boolean {
  if (IPV4.test(text))
    return (
      text
        .split('/')[0]
        ?.split('.')
        .every((part) => Number(part) <= 255) ?? false
    );
  return text.split(':').length > 2 && IPV6.test(text);
}

export function isPort(text: string): boolean {
  return /^\d{1,5}$/.test(text) && Number(text) <= 65535;
}

/** Both filters. Text with an "or" in it gets brackets. */
export function both(a: string, b: string): string {
  if (!a || !b) return a || b;
  const inside = (text: string) => (/(\s|\))or(\s|\()|\|\|/i.test(text) ? `(${text})` : text);
  return `${inside(a)} and ${inside(b)}`;
}

/** All that the address narrows by, as one filter. */
export function filterOf(params: Params): string {
  const fields = (['server', 'port', 'client'] as const).flatMap((field) =>
    params[field] ? [`${field} ${params[field]}`] : [],
  );
  return [...fields, params.filter ?? ''].reduce(both, '');
}

/** The filter as the address holds it: a lone server, port or client as such, so that lanes and lists show it chosen. */
export function filterParams(text: string): Record<(typeof FILTER_FIELDS)[number], string | null> {
  const none = { filter: null, server: null, port: null, client: null };
  const parts = text.split(' and ').map((part) => /^(server|port|client) ([0-9a-f.:]+)$/.exec(part.trim()));
  const names = parts.map((part) => part?.[1]);
  if (text && parts.every(Boolean) && new Set(names).size === names.length)
    return { ...none, ...Object.fromEntries(parts.map((part) => [part?.[1], part?.[2]])) };
  return { ...none, filter: text || null };
}

/** Address and port as one word; IPv6 in brackets. */
export function endpoint(address: string, port: string | number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
