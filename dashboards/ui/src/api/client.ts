// Requests to the API: addresses below the document's base, problem documents as errors, query parameters without empties.
import { apiUrl, ask, taken } from '../lib/ahead';
import type { Patch } from '../lib/url';

export { apiUrl };

/** An RFC 9457 problem, or a failure on the way that looks like one. */
export class Problem extends Error {
  constructor(
    readonly title: string,
    readonly detail: string,
    readonly status: number,
    readonly requestId: string | null,
  ) {
    super(`${title}: ${detail}`);
  }
}

/** Whatever was thrown, as something to show. */
export function problemFrom(error: unknown): Problem {
  return error instanceof Problem ? error : new Problem('That did not work', String(error), 0, null);
}

/** The same with scheme and host, for people to copy. */
export function fullUrl(path: string): string {
  return new URL(apiUrl(path), location.href).href;
}

async function problemOf(response: Response): Promise<Problem> {
  let body: { title?: string; detail?: string; request_id?: string } = {};
  try {
    body = await response.json();
  } catch {
    // A proxy's error page, say; the status line then has to do.
  }
  return new Problem(
    body.title ?? `The server answered ${response.status} ${response.statusText}`.trim(),
    body.detail ?? 'There are no details.',
    response.status,
    body.request_id ?? response.headers.get('x-request-id'),
  );
}

/** One GET. Throws `Problem`, or an abort error when the signal fires. */
export async function get<T>(path: string, query: Patch = {}, signal?: AbortSignal): Promise<T> {
  const url = apiUrl(path, query);
  const early = taken(url);
  let response: Response;
  try {
    response = await (early?.response ?? ask(url, signal));
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new Problem(
      'The server did not answer',
      'It may be restarting, or the network between may be down.',
      0,
      null,
    );
  }
  if (!response.ok) throw await problemOf(response);
  return (await (early?.json ?? response.json())) as T;
}

/** A request that changes something. Throws `Problem`. */
export async function send<T>(
  method: 'POST' | 'DELETE' | 'PUT',
  path: string,
  body?: unknown,
  query: Patch = {},
): Promise<T> {
  let response: Response;
  try {
    response = await fetch(apiUrl(path, query), {
      method,
      headers: { accept: 'application/json', ...(body !== undefined && { 'content-type': 'application/json' }) },
      body: body === undefined ? null : typeof body === 'string' ? body : JSON.stringify(body),
    });
  } catch {
    throw new Problem(
      'The server did not answer',
      'It may be restarting, or the network between may be down.',
      0,
      null,
    );
  }
  if (!response.ok) throw await problemOf(response);
  return (response.status === 204 ? undefined : await response.json()) as T;
}
