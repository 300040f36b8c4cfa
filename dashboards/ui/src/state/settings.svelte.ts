// Choices of this browser: theme and time zone of what is shown. Kept in local storage, for they say nothing about the data.
import { type Zone, zoneName } from '../lib/zone';

export type Theme = 'system' | 'light' | 'dark';

function stored(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function store(key: string, value: string) {
  try {
    localStorage.setItem(key, value);
  } catch {
    // Storage may be blocked; the choice then lasts as long as the page.
  }
}

class Settings {
  theme: Theme = $state('system');
  zone: Zone = $state('local');
  /** The zone by name, for requests whose answers tell times in words. */
  timezone = $derived(zoneName(this.zone));
  #systemDark = $state(false);
  dark: boolean = $derived(this.theme === 'system' ? this.#systemDark : this.theme === 'dark');

  constructor() {
    const theme = stored('halfopen.theme');
    if (theme === 'light' || theme === 'dark') this.theme = theme;
    if (stored('halfopen.zone') === 'UTC') this.zone = 'UTC';
    const query = matchMedia('(prefers-color-scheme: dark)');
    this.#systemDark = query.matches;
    query.addEventListener('change', (event) => {
      this.#systemDark = event.matches;
    });
  }

  setTheme(theme: Theme) {
    this.theme = theme;
    store('halfopen.theme', theme);
    if (theme === 'system') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
  }

  /** Light to dark and back, from whatever is shown now. */
  toggleTheme() {
    this.setTheme(this.dark ? 'light' : 'dark');
  }

  setZone(zone: Zone) {
    this.zone = zone;
    store('halfopen.zone', zone);
  }
}

export const settings = new Settings();
