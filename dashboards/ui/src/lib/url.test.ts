// Tests of url.ts.
import { describe, expect, it } from 'vitest';
import { basePath, hrefOf, pageOf, parseParams, patchParams, pick, toSearch } from './url';

describe('base and pages', () => {
  it('takes the folder of the document as the base', () => {
    expect(basePath('http://host/')).toBe('/');
    expect(basePath('http://host/series?x=1')).toBe('/');
    expect(basePath('https://host/net/halfopen/jobs')).toBe('/net/halfopen/');
  });

  it('finds the page below the base', () => {
    expect(pageOf('/', '/')).toBe('explorer');
    expect(pageOf('/series', '/')).toBe('series');
    expect(pageOf('/net/halfopen/jobs', '/net/halfopen/')).toBe('jobs');
    expect(pageOf('/net/halfopen/', '/net/halfopen/')).toBe('explorer');
    expect(pageOf('/elsewhere', '/')).toBeUndefined();
    expect(pageOf('/explorer', '/')).toBeUndefined();
    expect(pageOf('/series', '/net/')).toBeUndefined();
  });
});

describe('parameters', () => {
  it('come back as they were written', () => {
    const params = { server: '2001:db8::1', port: '443', from: 'now-24h', note: 'a&b=c d' };
    expect(parseParams(toSearch(params))).toEqual(params);
    expect(toSearch({ server: '[2001:db8::1]' })).toBe('?server=%5B2001:db8::1%5D');
    expect(toSearch({})).toBe('');
  });

  it('lose what a patch empties and keep the rest', () => {
    expect(patchParams({ a: '1', b: '2', c: '3' }, { a: null, b: '', c: undefined, d: 4 })).toEqual({ d: '4' });
    expect(pick({ from: 'x', server: 'y' }, ['from', 'to'])).toEqual({ from: 'x' });
  });

  it('make relative addresses', () => {
    expect(hrefOf('explorer')).toBe('./');
    expect(hrefOf('series', { port: '443' })).toBe('./series?port=443');
  });
});
