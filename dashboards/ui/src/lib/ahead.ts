// What the document's first script (start.ts) hands to the application: the moment "now" stands for, and answers that were
// asked for before the application's script was there.
import { basePath, type Patch, patchParams, toSearch } from './url';

export interface Answer {
  response: Promise<Response>;
  /** What a good answer holds. */
  json: Promise<unknown>;
  /** The same once it is there, for those who do not wait. */
  body?: unknown;
}

export interface Ahead {
  now: number;
  answers: Map<string, Answer>;
}

declare global {
  var ahead: Ahead | undefined;
}

const base = basePath(document.baseURI);

/** Address of an API path such as "series", with query parameters. */
export function apiUrl(path: string, query: Patch = {}): string {
  return `${base}api/v1/${path}${toSearch(patchParams({}, query))}`;
}

export function ask(url: string, signal?: AbortSignal): Promise<Response> {
  return fetch(url, { headers: { accept: 'application/json' }, signal: signal ?? null });
}

/** The answer that was asked for ahead; whoever takes it first has it alone. */
export function taken(url: string): Answer | undefined {
  const answer = globalThis.ahead?.answers.get(url);
  globalThis.ahead?.answers.delete(url);
  return answer;
}

/** What was asked for ahead and is there already. */
export function arrived<T>(path: string, query: Patch): T | undefined {
  return globalThis.ahead?.answers.get(apiUrl(path, query))?.body as T | undefined;
}

/** Resolves when all that was asked for ahead has come or failed, and after so many milliseconds at the latest. */
export async function arrivals(patience: number): Promise<void> {
  const answers = [...(globalThis.ahead?.answers.values() ?? [])].map(({ json }) => json);
  await Promise.race([Promise.allSettled(answers), new Promise((resolve) => setTimeout(resolve, patience))]);
}
