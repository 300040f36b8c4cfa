// What every time-bound page looks at: range and perspective from the address, and the moment "now" stands for.
import type { Perspective } from '../api/types';
import { absolute, DEFAULT_RANGE, resolve, type Span, shift, type TimeRange, zoomOut } from '../lib/range';
import { perspectiveOf } from '../lib/url';
import { router } from './router.svelte';

export const PERSPECTIVES: readonly { name: Perspective; label: string; hint: string }[] = [
  { name: 'edge', label: 'Edge', hint: 'public client, public server' },
  { name: 'inbound', label: 'Inbound', hint: 'public client, private server' },
  { name: 'outbound', label: 'Outbound', hint: 'private client, public server' },
  { name: 'private', label: 'Private', hint: 'private client, private server' },
];

class Scope {
  /** The moment of the last refresh: relative ranges end here, so that nothing moves by itself. */
  now = $state(globalThis.ahead?.now ?? Date.now());
  /** Grows with each refresh; requests depend on it. */
  version = $state(0);

  range: TimeRange = $derived({
    from: router.params.from ?? DEFAULT_RANGE.from,
    to: router.params.to ?? DEFAULT_RANGE.to,
  });
  /** The range in milliseconds, or the default when the address holds nonsense. */
  span: Span = $derived(resolve(this.range, this.now) ?? (resolve(DEFAULT_RANGE, this.now) as Span));
  valid: boolean = $derived(resolve(this.range, this.now) !== undefined);
  perspective: Perspective | undefined = $derived(perspectiveOf(router.params));
  /** Parameters of every request. */
  query = $derived({ from: this.span.from, to: this.span.to, perspective: this.perspective });

  refresh() {
    this.now = Date.now();
    this.version += 1;
  }

  setRange(range: TimeRange) {
    this.now = Date.now();
    router.set({ from: range.from, to: range.to, focus_from: null, focus_to: null, zoom_from: null, zoom_to: null });
  }

  zoomTo(span: Span) {
    this.setRange(absolute(span));
  }

  shift(direction: -1 | 1) {
    this.setRange(shift(this.range, direction, Date.now()));
  }

  zoomOut() {
    this.setRange(zoomOut(this.range, Date.now()));
  }

  /** Switches to a perspective, or back to all when it is the current one. */
  toggle(name: Perspective) {
    router.set({ perspective: this.perspective === name ? null : name });
  }
}

export const scope = new Scope();
