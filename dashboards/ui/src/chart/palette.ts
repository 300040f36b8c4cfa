// Colours for the canvas, resolved from the design tokens as they are in the current theme.

const NAMES = [
  'text',
  'text-2',
  'line',
  'bg',
  'bg-sunken',
  'accent',
  'series',
  'band',
  'band-line',
  'attempts',
  'warning',
  'minor',
  'major',
  'critical',
  'low',
] as const;

export type Palette = Readonly<Record<(typeof NAMES)[number], string>> & { readonly font: string };

export function palette(near: HTMLElement): Palette {
  const probe = document.createElement('span');
  near.append(probe);
  const colours = Object.fromEntries(
    NAMES.map((name) => {
      probe.style.color = `var(--${name})`;
      return [name, getComputedStyle(probe).color];
    }),
  );
  const font = `11px ${getComputedStyle(near).fontFamily}`;
  probe.remove();
  return { ...colours, font } as Palette;
}
