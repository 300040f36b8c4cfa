// Where we are: page and query parameters as reactive state, and moves between them through the history.
import {
  basePath,
  hrefOf,
  type PageName,
  type Params,
  type Patch,
  pageOf,
  parseParams,
  patchParams,
  pick,
  STICKY,
} from '../lib/url';

const base = basePath(document.baseURI);

class Router {
  page: PageName | undefined = $state();
  params: Params = $state.raw({});

  constructor() {
    this.#read();
    // "guide/" is the guide as well, and links within a page need its plain address.
    if (this.page && location.pathname.length > base.length && location.pathname.endsWith('/')) {
      history.replaceState(null, '', `${location.pathname.replace(/\/+$/, '')}${location.search}${location.hash}`);
    }
    addEventListener('popstate', () => this.#read());
    document.addEventListener('click', (event) => this.#click(event));
  }

  #read() {
    this.page = pageOf(location.pathname, base);
    this.params = parseParams(location.search);
  }

  /** Changes parameters in place; a new history entry unless `replace`. */
  set(patch: Patch, replace = false) {
    if (this.page) this.go(this.page, patchParams(this.params, patch), replace);
  }

  go(page: PageName, params: Params, replace = false) {
    const url = new URL(hrefOf(page, params), new URL(base, location.href));
    if (url.href === location.href) return;
    if (replace) history.replaceState(null, '', url);
    else history.pushState(null, '', url);
    const moved = page !== this.page;
    this.#read();
    if (moved) scrollTo(0, 0);
  }

  /** Address of a page with the parameters that go along, and more. On the Series page the perspective names the series. */
  href(page: PageName, extra: Patch = {}): string {
    const kept = pick(this.params, STICKY);
    return hrefOf(page, patchParams(kept, { ...(this.page === 'series' && { perspective: null }), ...extra }));
  }

  #click(event: MouseEvent) {
    if (
      event.defaultPrevented ||
      event.button !== 0 ||
      event.metaKey ||
      event.ctrlKey ||
      event.shiftKey ||
      event.altKey
    )
      return;
    const link = (event.target as Element | null)?.closest?.('a');
    if (!link?.href || link.target || link.hasAttribute('download')) return;
    const url = new URL(link.href);
    const page = url.origin === location.origin ? pageOf(url.pathname, base) : undefined;
    if (!page || (url.hash && url.pathname === location.pathname)) return;
    event.preventDefault();
    this.go(page, parseParams(url.search));
  }
}

export const router = new Router();
