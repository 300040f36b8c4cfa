// Geometry of the small charts: lines with gaps, bands, and round numbers for the value axis.

export interface Point {
  t: number;
  value: number | null;
}

/** Path through the points; a missing value breaks the line, and a lone value becomes a dot. */
export function linePath(points: readonly Point[], x: (t: number) => number, y: (value: number) => number): string {
  let path = '';
  let drawing = false;
  points.forEach(({ t, value }, index) => {
    if (value === null) {
      drawing = false;
      return;
    }
    const place = `${x(t).toFixed(1)} ${y(value).toFixed(1)}`;
    path += `${drawing ? 'L' : 'M'}${place}`;
    if (!drawing && (points[index + 1]?.value ?? null) === null) path += 'h0.01';
    drawing = true;
  });
  return path;
}

/** Area between two bounds, in pieces where either is missing. */
export function bandPath(
  points: readonly { t: number; lower: number | null; upper: number | null }[],
  x: (t: number) => number,
  y: (value: number) => number,
): string {
  const pieces: { t: number; lower: number; upper: number }[][] = [];
  let open = false;
  for (const { t, lower, upper } of points) {
    if (lower === null || upper === null) {
      open = false;
      continue;
    }
    if (!open) pieces.push([]);
    pieces.at(-1)?.push({ t, lower, upper });
    open = true;
  }
  return pieces
    .map((piece) => {
      const there = piece.map(({ t, upper }) => `${x(t).toFixed(1)} ${y(upper).toFixed(1)}`);
      const back = piece.map(({ t, lower }) => `${x(t).toFixed(1)} ${y(lower).toFixed(1)}`).reverse();
      return `M${[...there, ...back].join('L')}Z`;
    })
    .join('');
}

/** About four round values from 0 to the largest. */
export function valueTicks(most: number): number[] {
  const rough = Math.max(most, 1e-9) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((m) => m * power >= rough) ?? 10) * power;
  const ticks: number[] = [];
  for (let i = 0; i * step <= most * 1.0001; i += 1) ticks.push(i * step);
  return ticks;
}
