// The address as state: which page it names, and plain query parameters.
import type { Perspective } from '../api/types';

export const PAGES = ['explorer', 'series', 'sessions', 'jobs', 'exporters', 'guide'] as const;
export type PageName = (typeof PAGES)[number];

export type Params = Readonly<Record<string, string>>;
export type Patch = Readonly<Record<string, string | number | null | undefined>>;

/** Parameters that go along from page to page. */
export const STICKY = ['from', 'to', 'perspective'] as const;

/** Folder that the UI lives under: the directory of the document's base address, with a slash at its end. */
export function basePath(baseUri: string): string {
  return new URL('.', baseUri).pathname;
}

/** Page named by a path below the base, or nothing when there is no such page. */
export function pageOf(pathname: string, base: string): PageName | undefined {
  if (!pathname.startsWith(base)) return undefined;
  const name = pathname.slice(base.length).replace(/\/+$/, '');
  if (name === '' || name === 'index.html') return 'explorer';
  return PAGES.find((page) => page === name && page !== 'explorer');
}

export function parseParams(search: string): Params {
  const params: Record<string, string> = {};
  for (const [key, value] of new URLSearchParams(search)) if (value !== '') params[key] = value;
  return params;
}

const NAMES: readonly Perspective[] = ['edge', 'inbound', 'outbound', 'private'];

/** The perspective that the address narrows to, if it names one. */
export function perspectiveOf(params: Params): Perspective | undefined {
  return NAMES.find((name) => name === params.perspective);
}

/** Parameters with a patch applied: empty, null and undefined values take a key away. */
export function patchParams(params: Params, patch: Patch): Params {
  const next: Record<string, string> = { ...params };
  for (const [key, value] of Object.entries(patch)) {
    if (value === null || value === undefined || value === '') delete next[key];
    else next[key] = String(value);
  }
  return next;
}

export function pick(params: Params, keys: readonly string[]): Params {
  return Object.fromEntries(Object.entries(params).filter(([key]) => keys.includes(key)));
}

/** Query string with "?", or nothing. Characters that are plain in a query (":", "/", ",") stay readable. */
export function toSearch(params: Params): string {
  const text = Object.entries(params)
    .map(([key, value]) => `${encodeURIComponent(key)}=${encode(value)}`)
    .join('&');
  return text ? `?${text}` : '';
}

function encode(value: string): string {
  return encodeURIComponent(value).replace(/%(3A|2F|2C|40)/g, (escaped) => decodeURIComponent(escaped));
}

/** Relative address of a page: pages are one level below the base, so it is right on all of them. */
export function hrefOf(page: PageName, params: Params = {}): string {
  return `./${page === 'explorer' ? '' : page}${toSearch(params)}`;
}
