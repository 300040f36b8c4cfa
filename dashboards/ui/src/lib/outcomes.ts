// Outcomes in words: what each stored name means to the person who reads it. The server decides which one applies.

export type OutcomeClass = 'established' | 'failed' | 'probe' | 'indeterminate';

export interface OutcomeInfo {
  name: string;
  label: string;
  meaning: string;
  look: string;
}

export const CLASSES: readonly OutcomeClass[] = ['failed', 'established', 'probe', 'indeterminate'];

const failed: OutcomeInfo[] = [
  {
    name: 'no_answer',
    label: 'No answer',
    meaning: 'The client’s SYNs stayed without any answer.',
    look: 'Server down, route missing, or a firewall that drops silently.',
  },
  {
    name: 'refused',
    label: 'Refused',
    meaning: 'The SYN was answered by a reset.',
    look: 'Service not listening, backlog full, or a firewall that rejects.',
  },
  {
    name: 'unreachable',
    label: 'Unreachable',
    meaning: 'An ICMP destination-unreachable error answered the SYN.',
    look: 'Routing, or a host that is gone from its segment.',
  },
  {
    name: 'admin_blocked',
    label: 'Blocked',
    meaning: 'A firewall said no: administratively prohibited, or a denial event.',
    look: 'Policy: a rule change, or traffic that should not exist.',
  },
  {
    name: 'ttl_exceeded',
    label: 'TTL exceeded',
    meaning: 'An ICMP time-exceeded error answered the SYN.',
    look: 'A routing loop.',
  },
  {
    name: 'aborted_orig',
    label: 'Client gave up',
    meaning: 'The client reset or closed before any answer came.',
    look: 'A short client time-out, happy eyeballs, or a slow path.',
  },
  {
    name: 'half_open',
    label: 'Half open',
    meaning: 'The server answered SYN+ACK and the client’s final ACK never came.',
    look: 'Spoofed sources (SYN flood), or a one-way path.',
  },
  {
    name: 'half_open_reset_orig',
    label: 'Half open, client reset',
    meaning: 'The client reset after the SYN+ACK, before its final ACK.',
    look: 'SYN scan of an open port, or a client that gave up.',
  },
  {
    name: 'half_open_reset_resp',
    label: 'Half open, server reset',
    meaning: 'The server reset after its own SYN+ACK.',
    look: 'Overloaded server or a middle box.',
  },
  {
    name: 'udp_no_reply',
    label: 'No UDP reply',
    meaning: 'UDP without any reply.',
    look: 'Stored and shown; not part of the TCP jobs.',
  },
  {
    name: 'icmp_no_reply',
    label: 'No ICMP reply',
    meaning: 'An ICMP request without any reply.',
    look: 'Stored and shown; not part of the TCP jobs.',
  },
];

const established: OutcomeInfo[] = [
  { name: 'closed', label: 'Closed', meaning: 'Handshake complete, closed by both sides.', look: 'Normal.' },
  {
    name: 'half_closed_orig',
    label: 'Client closed',
    meaning: 'Established; only the client had closed.',
    look: 'Normal.',
  },
  {
    name: 'half_closed_resp',
    label: 'Server closed',
    meaning: 'Established; only the server had closed.',
    look: 'Normal.',
  },
  { name: 'reset_orig', label: 'Client reset', meaning: 'Established, then reset by the client.', look: 'Common.' },
  {
    name: 'reset_resp',
    label: 'Server reset',
    meaning: 'Established, then reset by the server.',
    look: 'Accept-then-reset, or a crash.',
  },
  { name: 'open', label: 'Open', meaning: 'Established and still open at the record’s end.', look: 'Normal.' },
];

const indeterminate: OutcomeInfo[] = [
  { name: 'midstream', label: 'Midstream', meaning: 'The record begins in the middle of a session.', look: '' },
  { name: 'one_sided_orig', label: 'Client side only', meaning: 'Only the client’s packets were seen.', look: '' },
  { name: 'one_sided_resp', label: 'Server side only', meaning: 'Only the server’s packets were seen.', look: '' },
  { name: 'backscatter', label: 'Backscatter', meaning: 'Answers to a question never seen here.', look: '' },
  { name: 'bad_checksum', label: 'Bad checksum', meaning: 'Nothing but packets with a bad checksum.', look: '' },
  { name: 'evicted', label: 'Evicted', meaning: 'Dropped from a full table before its end was known.', look: '' },
  { name: 'fragment_only', label: 'Fragments only', meaning: 'Only later fragments were seen.', look: '' },
  {
    name: 'indeterminate',
    label: 'Undecided',
    meaning: 'The evidence is absent or sampled (flow records without usable TCP flags).',
    look: '',
  },
];

const PROBES = ['null', 'fin', 'xmas', 'ack', 'synfin', 'maimon'];
const probe: OutcomeInfo[] = PROBES.flatMap((kind) => [
  {
    name: `scan_${kind}`,
    label: `${kind.toUpperCase()} probe`,
    meaning: 'The first packet was no connection attempt but a probe.',
    look: 'A port scan.',
  },
  {
    name: `scan_${kind}_rejected`,
    label: `${kind.toUpperCase()} probe, rejected`,
    meaning: 'A probe, answered by a reset.',
    look: 'A port scan.',
  },
]);

export const OUTCOMES: Readonly<Record<OutcomeClass, readonly OutcomeInfo[]>> = {
  failed,
  established,
  probe,
  indeterminate,
};

const byName = new Map<string, OutcomeInfo & { class: OutcomeClass }>(
  CLASSES.flatMap((name) => OUTCOMES[name].map((info) => [info.name, { ...info, class: name }])),
);

/** Label of a stored outcome; a name this version does not know is shown as it is. */
export function outcomeLabel(name: string): string {
  return byName.get(name)?.label ?? name.replaceAll('_', ' ');
}

export function outcomeMeaning(name: string): string {
  return byName.get(name)?.meaning ?? '';
}

export function outcomeClass(name: string): OutcomeClass {
  return byName.get(name)?.class ?? 'indeterminate';
}
