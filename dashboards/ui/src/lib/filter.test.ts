// Tests of filters as text.
import { describe, expect, it } from 'vitest';
import { both, filterOf, filterParams, isAddress, isPort } from './filter';

describe('filters of the address', () => {
  it('are one text', () => {
    expect(filterOf({})).toBe('');
    expect(filterOf({ server: '10.2.0.7', port: '443' })).toBe('server 10.2.0.7 and port 443');
    expect(filterOf({ client: '10.1.0.9', filter: 'port 1 or port 2' })).toBe('client 10.1.0.9 and (port 1 or port 2)');
  });

  it('keep lone fields apart', () => {
    const none = { filter: null, server: null, port: null, client: null };
    expect(filterParams('')).toEqual(none);
    expect(filterParams('server 10.2.0.7 and port 443')).toEqual({ ...none, server: '10.2.0.7', port: '443' });
    expect(filterParams('port 1 and port 2')).toEqual({ ...none, filter: 'port 1 and port 2' });
    expect(filterParams('server 10.2.0.0/16')).toEqual({ ...none, filter: 'server 10.2.0.0/16' });
    expect(filterParams('port 443,80')).toEqual({ ...none, filter: 'port 443,80' });
    expect(filterParams('not port 443')).toEqual({ ...none, filter: 'not port 443' });
  });

  it('are joined with brackets where they need them', () => {
    expect(both('', 'tcp')).toBe('tcp');
    expect(both('port 1 or port 2', 'not (a or b)')).toBe('(port 1 or port 2) and (not (a or b))');
    expect(both('exporter or1', 'tcp')).toBe('exporter or1 and tcp');
  });
});

it('knows addresses and ports', () => {
  expect(isAddress('::1')).toBe(true);
  expect(isAddress('10.0.0.0/8')).toBe(true);
  expect(isAddress('12:30')).toBe(false);
  expect(isPort('65535')).toBe(true);
  expect(isPort('65536')).toBe(false);
});
