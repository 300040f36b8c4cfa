// The time zone of what is shown: this browser's own, or UTC.

export type Zone = 'local' | 'UTC';

/** Says the zone without the locale's data, which Intl loads first; not in every browser yet. */
declare const Temporal: { Now: { timeZoneId(): string } } | undefined;

function ownZone(): string | undefined {
  return typeof Temporal === 'object' ? Temporal.Now.timeZoneId() : Intl.DateTimeFormat().resolvedOptions().timeZone;
}

/** The IANA name of the zone shown, for the server's sentences; none where the browser does not know its own. */
export function zoneName(zone: Zone): string | undefined {
  const name = zone === 'UTC' ? zone : ownZone();
  return /^[A-Z]/.test(name ?? '') && name !== 'Etc/Unknown' ? name : undefined;
}
