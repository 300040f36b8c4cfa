// A list that comes page by page by cursor: the first page as a resource, more on request, everything for an export.
import { get, type Problem } from '../api/client';
import type { Page } from '../api/types';
import type { Patch } from '../lib/url';
import { Resource } from './resource.svelte';

/** More than this no export holds in a browser; the API streams without a limit. */
const EXPORT_MOST = 100_000;

export class Paged<T, P extends Page<T> = Page<T>> {
  readonly #first: Resource<P>;
  /** Pages after the first, with the first that they follow: another first page makes them void at once. */
  #rest: { after: P; items: readonly T[]; cursor: string | null } | undefined = $state.raw();
  #query: Patch = {};
  fetching = $state(false);
  /** The last request for more failed. */
  failed = $state(false);

  first: P | undefined = $derived.by(() => this.#first.data);
  error: Problem | undefined = $derived.by(() => this.#first.error);
  #valid = $derived(this.#rest && this.#rest.after === this.first ? this.#rest : undefined);
  items: readonly T[] = $derived([...(this.first?.items ?? []), ...(this.#valid?.items ?? [])]);
  cursor: string | null = $derived(this.#valid ? this.#valid.cursor : (this.first?.next_cursor ?? null));

  constructor(
    readonly path: string,
    first?: P,
  ) {
    this.#first = new Resource(first);
  }

  load(query: Patch) {
    this.#query = query;
    this.failed = false;
    return this.#first.load((signal) => get<P>(this.path, query, signal));
  }

  async more() {
    const after = this.first;
    if (!after || !this.cursor || this.fetching) return;
    this.fetching = true;
    try {
      const page = await get<P>(this.path, { ...this.#query, cursor: this.cursor });
      const before = this.#valid?.items ?? [];
      if (after === this.first) this.#rest = { after, items: [...before, ...page.items], cursor: page.next_cursor };
      this.failed = false;
    } catch {
      this.failed = true;
    }
    this.fetching = false;
  }

  /** All that the query finds, not only what is on the screen. */
  async everything(): Promise<T[]> {
    const query = this.#query;
    const all: T[] = [];
    let cursor: string | null = null;
    do {
      const page: P = await get<P>(this.path, { ...query, limit: 1000, cursor });
      all.push(...page.items);
      cursor = page.next_cursor;
    } while (cursor && all.length < EXPORT_MOST);
    return all;
  }
}
