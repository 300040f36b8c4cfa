// Views that the reader has named: addresses of this dashboard, kept in local storage of this browser.
const KEY = 'halfopen.views';
const MOST = 50;

export interface View {
  name: string;
  /** Relative address, as `router.href` makes them. */
  href: string;
}

function isView(value: unknown): value is View {
  const view = value as View | null;
  return typeof view?.name === 'string' && typeof view.href === 'string' && view.href.startsWith('./');
}

function stored(): View[] {
  try {
    const list: unknown = JSON.parse(localStorage.getItem(KEY) ?? '[]');
    return Array.isArray(list) ? list.filter(isView).slice(0, MOST) : [];
  } catch {
    return [];
  }
}

class Views {
  list: readonly View[] = $state.raw(stored());

  /** Keeps a view; one of the same name makes room. */
  save(name: string, href: string) {
    this.#set([{ name, href }, ...this.list.filter((view) => view.name !== name)].slice(0, MOST));
  }

  remove(name: string) {
    this.#set(this.list.filter((view) => view.name !== name));
  }

  #set(list: readonly View[]) {
    this.list = list;
    try {
      localStorage.setItem(KEY, JSON.stringify(list));
    } catch {
      // Storage may be blocked; the views then last as long as the page.
    }
  }
}

export const views = new Views();
