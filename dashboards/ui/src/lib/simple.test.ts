// Tests of filters that fields can say.
import { expect, it } from 'vitest';
import { simpleFields } from './simple';

it('takes single values joined by and', () => {
  expect(simpleFields('')).toEqual({});
  expect(simpleFields('server 10.2.0.0/16 and port 443')).toEqual({ server: '10.2.0.0/16', port: '443' });
});

it('gives up on more', () => {
  for (const text of [
    'port 80,443',
    'port 1-5',
    'not port 1',
    'port 1 or port 2',
    'client_port 5',
    'port 1 and port 2',
  ])
    expect(simpleFields(text)).toBeUndefined();
});
