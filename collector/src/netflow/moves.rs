//! Moving one column of values into flow records.
//!
//! Owns the conversion of each target's octets, with loops specialised by width; must not know templates.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use tracker::Micros;
use tracker::record::Endpoint;

use super::flow::{FirewallEvent, FlowEnd, FlowRecord, Traffic};
use super::normalise::MessageContext;
use super::plan::{Rows, Step};
use super::target::Target;
use super::time::{SECOND, from_ntp_or_plain, from_uptime};
use super::wire::unsigned;

/// TCP flags as far as they are kept (RFC 9293 section 3.1, with ECN's nonce bit).
const FLAGS: u64 = 0x01ff;
const VLAN: u64 = 0x0fff;

/// Octets of one field in every row.
struct Column<'a> {
    rows: &'a Rows<'a>,
    at: usize,
    octets: usize,
}

impl Column<'_> {
    #[inline]
    fn each<const N: usize>(&self, flows: &mut [FlowRecord], set: impl Fn(&mut FlowRecord, [u8; N])) {
        let mut rest = self.rows.bytes;
        for flow in flows {
            if let Some(octets) = rest.get(self.at..).and_then(<[u8]>::first_chunk) {
                set(flow, *octets);
            }
            rest = rest.get(self.rows.stride..).unwrap_or_default();
        }
    }

    /// Takes numbers of any width (reduced-size encoding, RFC 7011 section 6.2).
    #[inline]
    fn numbers(&self, flows: &mut [FlowRecord], set: impl Fn(&mut FlowRecord, u64)) {
        match self.octets {
            1 => self.each(flows, |flow, octets| set(flow, u64::from(u8::from_be_bytes(octets)))),
            2 => self.each(flows, |flow, octets| set(flow, u64::from(u16::from_be_bytes(octets)))),
            4 => self.each(flows, |flow, octets| set(flow, u64::from(u32::from_be_bytes(octets)))),
            8 => self.each(flows, |flow, octets| set(flow, u64::from_be_bytes(octets))),
            other => {
                for (flow, row) in flows.iter_mut().zip(self.rows.iter()) {
                    set(flow, unsigned(row.get(self.at..self.at + other).unwrap_or_default()));
                }
            }
        }
    }

    /// Takes addresses that are not all zeros: templates with both families fill the other one with zeros.
    #[inline]
    fn ipv4(&self, flows: &mut [FlowRecord], set: impl Fn(&mut FlowRecord, IpAddr)) {
        self.each(flows, |flow, octets: [u8; 4]| {
            if octets != [0; 4] {
                set(flow, IpAddr::V4(Ipv4Addr::from(octets)));
            }
        });
    }

    /// Like [`ipv4`](Self::ipv4); IPv4-mapped addresses read as IPv4.
    #[inline]
    fn ipv6(&self, flows: &mut [FlowRecord], set: impl Fn(&mut FlowRecord, IpAddr)) {
        self.each(flows, |flow, octets: [u8; 16]| {
            if octets != [0; 16] {
                set(flow, IpAddr::V6(Ipv6Addr::from(octets)).to_canonical());
            }
        });
    }

    #[inline]
    fn forward(&self, flows: &mut [FlowRecord], set: impl Fn(&mut Traffic, u64)) {
        self.numbers(flows, |flow, number| set(&mut flow.forward, number));
    }

    #[inline]
    fn reverse(&self, flows: &mut [FlowRecord], set: impl Fn(&mut Traffic, u64)) {
        self.numbers(flows, |flow, number| {
            if let Some(reverse) = &mut flow.reverse {
                set(reverse, number);
            }
        });
    }

    /// Takes times; what `read` makes of zero or of a number without meaning is left out.
    #[inline]
    fn times(&self, flows: &mut [FlowRecord], start: bool, read: impl Fn(u64) -> Option<Micros>) {
        let take = |number, member: &mut Micros| {
            if let Some(time) = read(number) {
                *member = time;
            }
        };
        if start {
            self.numbers(flows, |flow, number| take(number, &mut flow.start));
        } else {
            self.numbers(flows, |flow, number| take(number, &mut flow.end));
        }
    }
}

/// A plain count of seconds, milliseconds and the like as microseconds.
pub(crate) fn scaled(number: u64, by: Micros) -> Micros {
    i64::try_from(number).unwrap_or(i64::MAX).saturating_mul(by)
}

fn unless_zero(number: u64, read: impl Fn(u64) -> Micros) -> Option<Micros> {
    (number > 0).then(|| read(number))
}

fn add_flags(traffic: &mut Traffic, flags: u64) {
    traffic.flags = Some(traffic.flags.unwrap_or(0) | (flags & FLAGS) as u16);
}

fn initial_flags(traffic: &mut Traffic, flags: u64) {
    traffic.initial_flags = Some(flags as u16);
    add_flags(traffic, flags);
}

fn translated(endpoint: &mut Option<Endpoint>, ip: IpAddr) {
    *endpoint = Some(Endpoint { ip, port: 0 });
}

fn flow_end(number: u64) -> FlowEnd {
    match number {
        1 => FlowEnd::Idle,
        2 => FlowEnd::Active,
        3 => FlowEnd::Detected,
        4 | 5 => FlowEnd::Forced,
        _ => FlowEnd::Unknown,
    }
}

fn firewall_event(number: u64) -> Option<FirewallEvent> {
    match number {
        1 => Some(FirewallEvent::Created),
        2 => Some(FirewallEvent::Deleted),
        3 => Some(FirewallEvent::Denied),
        4 => Some(FirewallEvent::Alert),
        5 => Some(FirewallEvent::Updated),
        _ => None,
    }
}

/// Takes one field of all rows.
pub(crate) fn run(step: &Step, rows: &Rows<'_>, context: &MessageContext, flows: &mut [FlowRecord]) {
    use Target as T;
    let Some((at, octets)) = step.place(rows.anchors) else { return };
    let column = Column { rows, at, octets };
    let exported = context.exported;
    let start = matches!(
        step.target,
        T::StartUptime | T::StartSeconds | T::StartDelta | T::StartMicros | T::StartNanos | T::StartMillis
    );
    match step.target {
        T::Proto => column.numbers(flows, |flow, n| flow.proto = n as u8),
        // Some templates have a port for each transport; those that do not apply are zero.
        T::SrcPort => column.numbers(flows, |flow, n| flow.src.port = if n == 0 { flow.src.port } else { n as u16 }),
        T::DstPort => column.numbers(flows, |flow, n| flow.dst.port = if n == 0 { flow.dst.port } else { n as u16 }),
        T::Src4 => column.ipv4(flows, |flow, ip| flow.src.ip = ip),
        T::Src6 => column.ipv6(flows, |flow, ip| flow.src.ip = ip),
        T::Dst4 => column.ipv4(flows, |flow, ip| flow.dst.ip = ip),
        T::Dst6 => column.ipv6(flows, |flow, ip| flow.dst.ip = ip),
        T::OutOctets | T::InitiatorOctets | T::OctetTotal | T::Octets => column.forward(flows, |t, n| t.bytes = n),
        T::OutPackets | T::InitiatorPackets | T::PacketTotal | T::Packets => {
            column.forward(flows, |traffic, n| traffic.packets = n);
        }
        T::ResponderOctets | T::RevOctets => column.reverse(flows, |traffic, n| traffic.bytes = n),
        T::ResponderPackets | T::RevPackets => column.reverse(flows, |traffic, n| traffic.packets = n),
        T::Flags | T::UnionFlags => column.forward(flows, add_flags),
        T::InitialFlags => column.forward(flows, initial_flags),
        T::RevFlags | T::RevUnionFlags => column.reverse(flows, add_flags),
        T::RevInitialFlags => column.reverse(flows, initial_flags),
        T::StartUptime | T::EndUptime => {
            // IPFIX has no `sysUpTime` at export: see `normalise`.
            if let Some(uptime) = context.uptime {
                column.times(flows, start, |n| Some(from_uptime(n as u32, uptime, exported)));
            }
        }
        T::StartSeconds | T::EndSeconds => column.times(flows, start, |n| unless_zero(n, |n| scaled(n, SECOND))),
        T::StartDelta | T::EndDelta => column.times(flows, start, |n| Some(exported.saturating_sub(scaled(n, 1)))),
        T::StartMicros | T::EndMicros => {
            column.times(flows, start, |n| unless_zero(n, |n| from_ntp_or_plain(n, 1, exported)));
        }
        T::StartNanos | T::EndNanos => {
            column.times(flows, start, |n| unless_zero(n, |n| from_ntp_or_plain(n, 1000, exported)));
        }
        T::StartMillis | T::EndMillis => column.times(flows, start, |n| unless_zero(n, |n| scaled(n, 1000))),
        T::EndReason => column.numbers(flows, |flow, n| flow.ended = flow_end(n)),
        T::Biflow => column.numbers(flows, |flow, n| match n {
            1 => flow.source_initiates = Some(true),
            2 => flow.source_initiates = Some(false),
            _ => {}
        }),
        T::FwEvent | T::FirewallEvent => {
            column.numbers(flows, |flow, n| flow.firewall = firewall_event(n).or(flow.firewall));
        }
        T::FwExtEvent => column.numbers(flows, |flow, n| {
            flow.firewall_reason = Some(n as u16);
            flow.nsel = flow.firewall.is_some();
        }),
        T::IngressIf => column.numbers(flows, |flow, n| flow.input_interface = Some(n as u32)),
        T::EgressIf => column.numbers(flows, |flow, n| flow.output_interface = Some(n as u32)),
        T::Vlan => column.numbers(flows, |flow, n| flow.vlan = Some((n & VLAN) as u16).filter(|&id| id != 0)),
        T::Vrf => column.numbers(flows, |flow, n| flow.vrf = Some(n as u32).filter(|&id| id != 0)),
        T::Tunnel => column.numbers(flows, |flow, n| flow.tunnel = Some(n as u32).filter(|&id| id != 0)),
        T::NewConnections => column.numbers(flows, |flow, n| flow.new_connections = Some(n)),
        T::SrcAs => column.numbers(flows, |flow, n| flow.src_as = Some(n as u32).filter(|&asn| asn != 0)),
        T::DstAs => column.numbers(flows, |flow, n| flow.dst_as = Some(n as u32).filter(|&asn| asn != 0)),
        T::IcmpTypeCode => column.numbers(flows, |flow, n| {
            if n != 0 {
                flow.icmp = Some(((n >> 8) as u8, n as u8));
            }
        }),
        T::IcmpType => column.numbers(flows, |flow, n| {
            if n != 0 {
                flow.icmp = flow.icmp.map(|(_, code)| (n as u8, code));
            }
        }),
        T::IcmpCode => column.numbers(flows, |flow, n| {
            if n != 0 {
                flow.icmp = flow.icmp.map(|(kind, _)| (kind, n as u8));
            }
        }),
        T::NatSrc4 => column.ipv4(flows, |flow, ip| translated(&mut flow.nat_src, ip)),
        T::NatSrc6 => column.ipv6(flows, |flow, ip| translated(&mut flow.nat_src, ip)),
        T::NatDst4 => column.ipv4(flows, |flow, ip| translated(&mut flow.nat_dst, ip)),
        T::NatDst6 => column.ipv6(flows, |flow, ip| translated(&mut flow.nat_dst, ip)),
        T::NatSrcPort => column.numbers(flows, |flow, n| {
            flow.nat_src = flow.nat_src.map(|endpoint| Endpoint { port: n as u16, ..endpoint });
        }),
        T::NatDstPort => column.numbers(flows, |flow, n| {
            flow.nat_dst = flow.nat_dst.map(|endpoint| Endpoint { port: n as u16, ..endpoint });
        }),
        // Late: `normalise` reads them.
        T::DurationMillis
        | T::DurationMicros
        | T::BootMillis
        | T::EventSeconds
        | T::EventMillis
        | T::EventMicros
        | T::EventNanos
        | T::SamplerId
        | T::SamplingInterval
        | T::SamplingPackets
        | T::SamplingSpace => {}
    }
}
