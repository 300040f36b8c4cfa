// Tests of zone.ts.
import { describe, expect, it, vi } from 'vitest';
import { zoneName } from './zone';

describe('zones', () => {
  it('are asked for by a name that the server knows', () => {
    expect(zoneName('UTC')).toBe('UTC');
    const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
    expect(zoneName('local')).toBe(own);
    vi.spyOn(Intl, 'DateTimeFormat').mockReturnValue({
      resolvedOptions: () => ({ timeZone: '+01:00' }),
    } as Intl.DateTimeFormat);
    expect(zoneName('local')).toBeUndefined();
    vi.restoreAllMocks();
  });
});
