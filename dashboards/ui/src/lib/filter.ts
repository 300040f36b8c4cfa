// The filter box: what a person types ("10.2.0.7:443", "client 10.1.0.9", ":22") as fields of a query, and back.

export interface Filter {
  server?: string;
  port?: string;
  client?: string;
}

export const FILTER_FIELDS = ['server', 'port', 'client'] as const;

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

/** Fields named by the text, or the word that was not understood. */
export function parseFilter(text: string): { filter: Filter; unknown?: string } {
  const filter: Filter = {};
  const words = text
    .replace(/\b(server|port|client)\s*[:=]?\s+/gi, '$1:')
    .trim()
    .split(/[\s,]+/)
    .filter(Boolean);
  for (const word of words) {
    if (!parseWord(word, filter)) return { filter, unknown: word };
  }
  return { filter };
}

function parseWord(word: string, filter: Filter): boolean {
  const named = /^(server|port|client)[:=](.+)$/i.exec(word);
  if (named) {
    const field = named[1]?.toLowerCase() as keyof Filter;
    const value = named[2] ?? '';
    if (field === 'port' ? !isPort(value) : !isAddress(value))
      return field === 'server' && parseEndpoint(value, filter);
    filter[field] = value;
    return true;
  }
  return parseEndpoint(word, filter);
}

/** "10.2.0.7", "10.2.0.7:443", "[2001:db8::1]:443", ":443" or "443". */
function parseEndpoint(word: string, filter: Filter): boolean {
  if (isAddress(word)) {
    filter.server = word;
    return true;
  }
  const match = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(word);
  const address = match?.[1] ?? match?.[2] ?? '';
  const port = match?.[3] ?? '';
  if (isPort(word)) {
    filter.port = word;
    return true;
  }
  if (!match || !isPort(port) || (address !== '' && !isAddress(address))) return false;
  if (address !== '') filter.server = address;
  filter.port = port;
  return true;
}

export function filterText(filter: Filter): string {
  const words: string[] = [];
  if (filter.server && filter.port) words.push(endpoint(filter.server, filter.port));
  else if (filter.server) words.push(filter.server);
  else if (filter.port) words.push(`:${filter.port}`);
  if (filter.client) words.push(`client:${filter.client}`);
  return words.join(' ');
}

/** Address and port as one word; IPv6 in brackets. */
export function endpoint(address: string, port: string | number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
