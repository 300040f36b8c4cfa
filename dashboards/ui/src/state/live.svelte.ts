// News from the server: a counter of results that are not on the screen yet, and whether the line is up.
import { apiUrl } from '../api/client';
import type { Perspective } from '../api/types';
import { scope } from './scope.svelte';

const RETRY_MS = 15_000;

class Live {
  /** `connecting` only until the first answer; a line that broke is `down`. */
  line: 'connecting' | 'up' | 'down' = $state('connecting');
  /** Anomalies since the last refresh, in the perspective shown. */
  fresh = $state(0);
  /** Grows when the list of exporters changed. */
  exporters = $state(0);
  /** Moment of the last event of any kind. */
  heard = $state(0);
  #source: EventSource | undefined;
  #later: ReturnType<typeof setTimeout> | undefined;

  start() {
    if (this.#source) return;
    // The browser reconnects by itself and sends Last-Event-ID, so nothing is missed in between.
    const source = new EventSource(apiUrl('events'));
    this.#source = source;
    source.onopen = () => {
      this.line = 'up';
    };
    source.onerror = () => {
      this.line = 'down';
      // A refusal (too many listeners, a proxy's error page) ends an event source for good; try again later.
      if (source.readyState === EventSource.CLOSED) this.#later = setTimeout(() => this.#again(), RETRY_MS);
    };
    source.addEventListener('anomaly', (event) => {
      this.heard = Date.now();
      if (matches(event.data, scope.perspective)) this.fresh += 1;
    });
    source.addEventListener('bucket', () => {
      this.heard = Date.now();
    });
    source.addEventListener('exporters', () => {
      this.heard = Date.now();
      this.exporters += 1;
    });
  }

  #again() {
    this.stop();
    this.start();
  }

  stop() {
    clearTimeout(this.#later);
    this.#source?.close();
    this.#source = undefined;
    this.line = 'connecting';
  }

  /** Takes the news in. */
  show() {
    this.fresh = 0;
    scope.refresh();
  }
}

function matches(data: string, perspective: Perspective | undefined): boolean {
  if (!perspective) return true;
  try {
    const told = (JSON.parse(data) as { perspective?: string }).perspective;
    return told === undefined || told === perspective;
  } catch {
    return true;
  }
}

export const live = new Live();
