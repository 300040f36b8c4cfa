// One answer of the API as reactive state: the last good data stays while the next is on its way or has failed.
import { untrack } from 'svelte';
import { Problem } from '../api/client';

class Busy {
  /** Requests on their way, on the whole page. */
  count = $state(0);

  /** Untracked: an effect that starts a request must not depend on how many there are. */
  change(by: 1 | -1) {
    untrack(() => {
      this.count += by;
    });
  }
}

export const busy = new Busy();

export class Resource<T> {
  data: T | undefined = $state.raw();
  error: Problem | undefined = $state.raw();
  loading = $state(false);
  #abort: AbortController | undefined;

  /** With what is known before anything is asked, if there is such. */
  constructor(first?: T) {
    this.data = first;
  }

  /** Starts a request and drops the one before. Resolves when it is done, whichever way. */
  async load(fetcher: (signal: AbortSignal) => Promise<T>): Promise<void> {
    this.#abort?.abort();
    const abort = new AbortController();
    this.#abort = abort;
    this.loading = true;
    busy.change(1);
    try {
      const data = await fetcher(abort.signal);
      if (abort.signal.aborted) return;
      this.data = data;
      this.error = undefined;
    } catch (error) {
      if (abort.signal.aborted) return;
      this.error =
        error instanceof Problem ? error : new Problem('The answer could not be read', String(error), 0, null);
    } finally {
      busy.change(-1);
    }
    this.loading = false;
  }

  /** Forgets the data, for when what is asked for is another thing altogether. */
  clear() {
    this.#abort?.abort();
    this.data = undefined;
    this.error = undefined;
    this.loading = false;
  }
}
