// Tests of the filter grammar.
import { describe, expect, it } from 'vitest';
import { filterText, isAddress, isPort, parseFilter } from './filter';

describe('parseFilter', () => {
  it.each([
    ['10.2.0.7', { server: '10.2.0.7' }],
    ['10.2.0.7:443', { server: '10.2.0.7', port: '443' }],
    ['[2001:db8::1]:443', { server: '2001:db8::1', port: '443' }],
    ['2001:db8::1', { server: '2001:db8::1' }],
    [':22', { port: '22' }],
    ['22', { port: '22' }],
    ['client:10.1.0.9 :53', { client: '10.1.0.9', port: '53' }],
    ['client 10.1.0.9', { client: '10.1.0.9' }],
    ['server=10.2.0.0/16, port: 80', { server: '10.2.0.0/16', port: '80' }],
    ['server:10.2.0.7:443', { server: '10.2.0.7', port: '443' }],
    ['', {}],
  ])('reads %j', (text, filter) => {
    expect(parseFilter(text)).toEqual({ filter });
  });

  it.each(['host.example', '10.2.0.300', ':70000', 'client:https'])('names what it does not understand: %j', (text) => {
    expect(parseFilter(text).unknown).toBe(text);
  });

  it('writes what it reads', () => {
    for (const text of ['10.2.0.7:443', '[2001:db8::1]:443 client:10.1.0.9', ':22', '10.2.0.7']) {
      expect(filterText(parseFilter(text).filter)).toBe(text);
    }
  });
});

it('knows addresses and ports', () => {
  expect(isAddress('::1')).toBe(true);
  expect(isAddress('10.0.0.0/8')).toBe(true);
  expect(isAddress('12:30')).toBe(false);
  expect(isPort('65535')).toBe(true);
  expect(isPort('65536')).toBe(false);
});
