// A filter as fields of a request, for lists that take fields alone: single values joined by "and".

const FIELDS = new Set(['host', 'client', 'server', 'port', 'proto', 'outcome', 'class', 'perspective']);

/** Fields and values of the filter, or nothing when it says more than fields can. */
export function simpleFields(filter: string): Record<string, string> | undefined {
  const fields: Record<string, string> = {};
  if (!filter) return fields;
  for (const part of filter.split(' and ')) {
    const match = /^([a-z_]+) ([^\s,()"]+)$/.exec(part.trim());
    const [, name = '', value = ''] = match ?? [];
    if (!FIELDS.has(name) || name in fields || (name === 'port' && value.includes('-'))) return undefined;
    fields[name] = value;
  }
  return fields;
}
