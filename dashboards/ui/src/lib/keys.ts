// Keyboard shortcuts: single keys outside of fields, "g" and a letter to go to a page.
import type { Perspective } from '../api/types';
import type { PageName } from './url';

export interface KeyActions {
  help: () => void;
  filter: () => void;
  perspective: (name: Perspective) => void;
  shift: (direction: -1 | 1) => void;
  theme: () => void;
  go: (page: PageName) => void;
}

const ORDER: readonly Perspective[] = ['edge', 'inbound', 'outbound', 'private'];

export const GO_KEYS: Readonly<Record<string, PageName>> = {
  e: 'explorer',
  s: 'series',
  t: 'sessions',
  j: 'jobs',
  x: 'exporters',
  h: 'guide',
};

/** What each key does, for the help dialog and the guide. */
export const KEY_HELP: readonly { keys: string[]; does: string }[] = [
  { keys: ['?'], does: 'Show or hide this help' },
  { keys: ['/'], does: 'Go to the filter' },
  { keys: ['g', 'e'], does: 'Explorer' },
  { keys: ['g', 's'], does: 'Series' },
  { keys: ['g', 't'], does: 'Sessions' },
  { keys: ['g', 'j'], does: 'Jobs' },
  { keys: ['g', 'x'], does: 'Exporters' },
  { keys: ['g', 'h'], does: 'Guide' },
  { keys: ['1', '–', '4'], does: 'Perspective: edge, inbound, outbound, private; again for all' },
  { keys: ['['], does: 'Shift the time range back' },
  { keys: [']'], does: 'Shift the time range forward' },
  { keys: ['t'], does: 'Light or dark' },
  {
    keys: ['←', '→', '↑', '↓'],
    does: 'In a swim lane: move; Enter selects, Shift+arrows extend, n and p jump to the next anomaly',
  },
];

/** Key of a shortcut as a pure function of what was typed before. */
export function actionOf(
  key: string,
  before: string,
): { name: keyof KeyActions; argument?: Perspective | PageName | -1 | 1 } | undefined {
  if (before === 'g') {
    const page = GO_KEYS[key];
    return page && { name: 'go', argument: page };
  }
  if (key === '?') return { name: 'help' };
  if (key === '/') return { name: 'filter' };
  if (key === '[') return { name: 'shift', argument: -1 };
  if (key === ']') return { name: 'shift', argument: 1 };
  if (key === 't') return { name: 'theme' };
  const perspective = /^[1-4]$/.test(key) ? ORDER[Number(key) - 1] : undefined;
  return perspective && { name: 'perspective', argument: perspective };
}

/** Listens on the window; returns the function that stops it. */
export function onKey(actions: KeyActions): () => void {
  let before = '';
  let typedAt = 0;
  const listen = (event: KeyboardEvent) => {
    const target = event.target as HTMLElement | null;
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (target?.closest('input, textarea, select, [contenteditable]')) return;
    if (document.querySelector('dialog[open]') && event.key !== '?') return;
    const prefix = event.timeStamp - typedAt < 1500 ? before : '';
    before = event.key;
    typedAt = event.timeStamp;
    const action = actionOf(event.key, prefix);
    if (!action) return;
    event.preventDefault();
    before = '';
    (actions[action.name] as (argument?: unknown) => void)(action.argument);
  };
  addEventListener('keydown', listen);
  return () => removeEventListener('keydown', listen);
}
