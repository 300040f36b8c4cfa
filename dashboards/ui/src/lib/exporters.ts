// Exporters in words: what their TCP flags are good for, and what is wrong with what they send.
import type { Exporter } from '../api/types';
import { ago, duration, integer, percent } from './format';

const CAPABILITIES: Readonly<Record<string, string>> = {
  full_or: 'Flags of all packets, combined: failures are recognised well.',
  first_packet: 'Flags of the first packet only: refusals show, many others stay undecided.',
  always_zero: 'The flags field is always nought: outcomes cannot be told.',
  absent: 'No flags field: outcomes cannot be told.',
  sampled: 'Packets are sampled: a missing answer means nothing, so outcomes stay undecided.',
  event_based: 'Firewall events: denials and tear-downs are told outright.',
  yaf_initial_union: 'Flags of the first packet and of the rest: failures are recognised well.',
  biflow: 'Both directions in one record: failures are recognised well.',
  unknown: 'Not enough records yet to tell.',
};

const SHORT: Readonly<Record<string, string>> = {
  full_or: 'All packets',
  first_packet: 'First packet only',
  always_zero: 'Always nought',
  absent: 'None',
  sampled: 'Sampled',
  event_based: 'Firewall events',
  yaf_initial_union: 'First and rest',
  biflow: 'Both directions',
  unknown: 'Too early to tell',
};

/** What its TCP flags are, in a table's cell. */
export function capabilityName(capability: string): string {
  return SHORT[capability] ?? capability.replaceAll('_', ' ');
}

const PROTOCOLS: Readonly<Record<string, string>> = {
  netflow: 'NetFlow and IPFIX, UDP',
  netflow5: 'NetFlow v5',
  netflow7: 'NetFlow v7',
  netflow9: 'NetFlow v9',
  ipfix: 'IPFIX',
};

/** Name of a protocol as its specification has it; other words as they are. */
export function protocolName(name: string): string {
  return PROTOCOLS[name] ?? name;
}

export function capabilityMeaning(capability: string): string {
  return CAPABILITIES[capability] ?? '';
}

const SILENT_MS = 5 * 60_000;
const SKEW_MS = 2000;

/** What an engineer should look at, one sentence each; nothing when all is well. */
export function troubles(e: Exporter, now: number): string[] {
  const found: string[] = [];
  if (now - e.last_seen > SILENT_MS) found.push(`Silent: last heard ${ago(e.last_seen, now)}.`);
  if (e.sequence_lost > 0) {
    const share = e.sequence_lost / Math.max(1, e.records + e.sequence_lost);
    if (share >= 0.000_1) found.push(`${integer(e.sequence_lost)} records were lost on the way (${percent(share)}).`);
  }
  if (e.template_collisions > 0) {
    const times = e.template_collisions === 1 ? 'once' : `${integer(e.template_collisions)} times`;
    found.push(`A template changed its shape ${times}: two devices may share one address and domain.`);
  }
  if (e.unknown_template_records > 0 && e.templates === 0) {
    found.push('Records come before their template: shorten the template refresh on the device.');
  }
  const dropped = e.drops.reduce((sum, { count }) => sum + count, 0);
  if (dropped > 0) found.push(`${integer(dropped)} dropped here: see the reasons under Drops.`);
  if (e.clock_skew_ms !== null && Math.abs(e.clock_skew_ms) >= SKEW_MS) {
    const way = e.clock_skew_ms > 0 ? 'ahead' : 'behind';
    found.push(`Its clock is ${duration(Math.abs(e.clock_skew_ms))} ${way}. NTP would help.`);
  }
  const blind = ['always_zero', 'absent', 'sampled', 'first_packet'].includes(e.capability);
  if (blind) found.push(CAPABILITIES[e.capability] ?? '');
  else if (e.coverage !== null && e.coverage < 0.8) {
    found.push(`Only ${percent(e.coverage)} of its TCP records could be decided.`);
  }
  return found;
}
