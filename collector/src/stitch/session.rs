//! One session in the making: what its records said so far.
//!
//! Owns merging of records; must not know time-outs or outcomes.

use tracker::Micros;
use tracker::record::ExportType;

use super::held::Slot;
use super::key::{Direction, IcmpRole, TupleKey, icmp_role};
use crate::netflow::flow::flag::{ACK, FIN, RST, SYN};
use crate::netflow::{FirewallEvent, FlowEnd, FlowRecord, Traffic};

/// A refused attempt that is repeated this soon is the same attempt (stacks that retry after RST).
const RETRY_AFTER_RESET: Micros = 3_000_000;

/// Places per direction whose counts are kept apart.
const MAX_VIEWS: usize = 16;

/// Where in an exporter a direction was seen; records of another place are another view of the same packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) exporter: u32,
    pub(crate) input: u32,
    pub(crate) output: u32,
    pub(crate) vlan: u16,
}

#[derive(Debug, Clone, Copy)]
struct View {
    place: Place,
    packets: u64,
    bytes: u64,
}

/// What one endpoint sent.
#[derive(Debug, Clone)]
pub(crate) struct Half {
    first_view: View,
    more_views: Vec<View>,
    pub(crate) flags: Option<u16>,
    pub(crate) initial_flags: Option<u16>,
    pub(crate) first: Micros,
    pub(crate) last: Micros,
    /// SYNs counted from records that hold nothing but SYNs.
    pub(crate) syns: u64,
    pub(crate) icmp: Option<(u8, u8)>,
    pub(crate) input_interface: Option<u32>,
    pub(crate) output_interface: Option<u32>,
    pub(crate) src_as: Option<u32>,
    pub(crate) dst_as: Option<u32>,
    /// The exporter saw the end.
    pub(crate) detected: bool,
}

impl Half {
    /// Packets and octets as seen from the place that saw most.
    pub(crate) fn totals(&self) -> (u64, u64) {
        let best = self.more_views.iter().fold(self.first_view, |best, view| {
            if (view.packets, view.bytes) > (best.packets, best.bytes) { *view } else { best }
        });
        (best.packets, best.bytes)
    }

    pub(crate) fn has(&self, bits: u16) -> bool {
        self.flags.is_some_and(|flags| flags & bits == bits)
    }

    fn count(&mut self, place: Place, traffic: &Traffic) {
        let known = std::iter::once(&mut self.first_view).chain(&mut self.more_views).find(|view| view.place == place);
        if let Some(view) = known {
            view.packets = view.packets.saturating_add(traffic.packets);
            view.bytes = view.bytes.saturating_add(traffic.bytes);
        } else if self.more_views.len() < MAX_VIEWS {
            self.more_views.push(View { place, packets: traffic.packets, bytes: traffic.bytes });
        }
    }
}

/// One session in the making.
#[allow(clippy::struct_excessive_bools)] // independent facts, each named by a record
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) key: TupleKey,
    pub(crate) halves: [Option<Half>; 2],
    pub(crate) first: Micros,
    pub(crate) last: Micros,
    /// When it is handed out, on the clock of arrival.
    pub(crate) deadline: Micros,
    /// Index of the exporter that reported it first, and of the others.
    first_exporter: u32,
    more_exporters: Vec<u32>,
    pub(crate) export_type: ExportType,
    pub(crate) domain: u32,
    pub(crate) vlan: Option<u16>,
    pub(crate) vrf: Option<u32>,
    pub(crate) tunnel: Option<u32>,
    /// The least sampled view.
    pub(crate) sampling: u32,
    /// Direction of the initiator, where the exporter says so.
    pub(crate) initiator: Option<Direction>,
    /// A record covered both directions, used or not; the direction of its forward side.
    pub(crate) biflow_source: Option<Direction>,
    pub(crate) firewall: Option<FirewallEvent>,
    pub(crate) firewall_reason: Option<u16>,
    pub(crate) nsel: bool,
    /// The last record said that the flow goes on.
    pub(crate) goes_on: bool,
    /// The last record said that the flow is over, if only for lack of packets.
    pub(crate) over: bool,
    /// Several connections in one record.
    pub(crate) aggregate: bool,
    /// Next session with the same key.
    pub(super) next: Option<Slot>,
}

impl Session {
    pub(crate) fn new(key: TupleKey, flow: &FlowRecord, exporter: u32) -> Self {
        Self {
            key,
            halves: [None, None],
            first: flow.start,
            last: flow.end,
            deadline: Micros::MIN,
            first_exporter: exporter,
            more_exporters: Vec::new(),
            export_type: flow.export_type,
            domain: flow.domain,
            vlan: flow.vlan,
            vrf: flow.vrf,
            tunnel: flow.tunnel,
            sampling: flow.sampling,
            initiator: None,
            biflow_source: None,
            firewall: None,
            firewall_reason: None,
            nsel: false,
            goes_on: false,
            over: false,
            aggregate: false,
            next: None,
        }
    }

    /// Indexes of the exporters that reported it, the first reporter first.
    pub(crate) fn exporters(&self) -> impl Iterator<Item = u32> + '_ {
        std::iter::once(self.first_exporter).chain(self.more_exporters.iter().copied())
    }

    fn reported_by(&self, exporter: u32) -> bool {
        self.exporters().any(|own| own == exporter)
    }

    /// Adds a record whose forward traffic goes in `direction`.
    pub(crate) fn merge(&mut self, flow: &FlowRecord, direction: Direction, exporter: u32) {
        let place = Place {
            exporter,
            input: flow.input_interface.unwrap_or(0),
            output: flow.output_interface.unwrap_or(0),
            vlan: flow.vlan.unwrap_or(0),
        };
        if !self.reported_by(exporter) {
            self.more_exporters.push(exporter);
        }
        self.first = self.first.min(flow.start);
        self.last = self.last.max(flow.end);
        self.vlan = self.vlan.or(flow.vlan);
        self.vrf = self.vrf.or(flow.vrf);
        self.tunnel = self.tunnel.or(flow.tunnel);
        self.sampling = self.sampling.min(flow.sampling);
        self.nsel |= flow.nsel;
        self.goes_on = flow.ended == FlowEnd::Active || flow.firewall == Some(FirewallEvent::Updated);
        self.over = matches!(flow.ended, FlowEnd::Idle | FlowEnd::Detected | FlowEnd::Forced);
        self.aggregate |= flow.new_connections.is_some_and(|count| count > 1);
        if let Some(event) = flow.firewall
            && self.firewall != Some(FirewallEvent::Deleted)
        {
            self.firewall = Some(event);
            self.firewall_reason = flow.firewall_reason.or(self.firewall_reason);
        }
        match flow.source_initiates {
            Some(true) => self.initiator = Some(direction),
            Some(false) => self.initiator = Some(1 - direction),
            None => {}
        }
        self.half(flow, direction, place, &flow.forward, true);
        if let Some(reverse) = &flow.reverse {
            self.biflow_source = Some(direction);
            let swapped = Place { input: place.output, output: place.input, ..place };
            if reverse.packets > 0 || reverse.bytes > 0 || reverse.flags.is_some_and(|flags| flags != 0) {
                self.half(flow, 1 - direction, swapped, reverse, false);
            }
        }
    }

    fn half(&mut self, flow: &FlowRecord, direction: Direction, place: Place, traffic: &Traffic, forward: bool) {
        let syns = if is_only_syn(traffic.flags) { traffic.packets } else { 0 };
        let detected = flow.ended == FlowEnd::Detected;
        match &mut self.halves[direction] {
            Some(half) => {
                // Another place's view of the same SYNs is no further SYN.
                let new_view = half.first_view.place != place;
                half.count(place, traffic);
                half.flags = match (half.flags, traffic.flags) {
                    (Some(mine), Some(theirs)) => Some(mine | theirs),
                    (mine, theirs) => mine.or(theirs),
                };
                if flow.start < half.first {
                    half.initial_flags = traffic.initial_flags.or(half.initial_flags);
                }
                half.first = half.first.min(flow.start);
                half.last = half.last.max(flow.end);
                half.syns = if new_view { half.syns.max(syns) } else { half.syns.saturating_add(syns) };
                half.icmp = half.icmp.or(flow.icmp.filter(|_| forward));
                half.src_as = half.src_as.or(if forward { flow.src_as } else { flow.dst_as });
                half.dst_as = half.dst_as.or(if forward { flow.dst_as } else { flow.src_as });
                half.detected |= detected;
            }
            empty => {
                let (input, output) = (flow.input_interface, flow.output_interface);
                *empty = Some(Half {
                    first_view: View { place, packets: traffic.packets, bytes: traffic.bytes },
                    more_views: Vec::new(),
                    flags: traffic.flags,
                    initial_flags: traffic.initial_flags,
                    first: flow.start,
                    last: flow.end,
                    syns,
                    icmp: flow.icmp.filter(|_| forward),
                    input_interface: if forward { input } else { output },
                    output_interface: if forward { output } else { input },
                    src_as: if forward { flow.src_as } else { flow.dst_as },
                    dst_as: if forward { flow.dst_as } else { flow.src_as },
                    detected,
                });
            }
        }
    }

    /// Whether a TCP session has come to its end: FIN from both sides, or RST.
    pub(crate) fn terminated(&self) -> bool {
        let halves = || self.halves.iter().flatten();
        halves().any(|half| half.has(RST)) || (halves().count() == 2 && halves().all(|half| half.has(FIN)))
    }

    /// Whether nothing but unanswered SYNs was seen.
    pub(crate) fn only_attempts(&self) -> bool {
        let mut halves = self.halves.iter().flatten();
        matches!((halves.next(), halves.next()), (Some(half), None) if is_only_syn(half.flags))
    }

    /// Whether a record with a SYN opens another session than this one, which has the same 5-tuple.
    pub(crate) fn precedes(&self, flow: &FlowRecord, direction: Direction, exporter: u32) -> bool {
        // The direction that has not been seen yet completes the session.
        let Some(half) = &self.halves[direction] else { return false };
        let another_view = !self.reported_by(exporter) && half.totals().0 == flow.forward.packets;
        let fresh_syn = flow.forward.flags.is_some_and(|flags| flags & SYN != 0) && flow.start > half.last;
        if another_view || !fresh_syn || !self.terminated() {
            return false;
        }
        let established = self.halves.iter().flatten().any(|half| half.has(SYN | ACK));
        flow.start - self.last > if established { 0 } else { RETRY_AFTER_RESET }
    }

    /// Whether a record of the same exporter can be of this session as far as VLAN and VRF go. Another VLAN is fine for
    /// the direction that has not been seen yet (routed between VLANs), and for another exporter.
    pub(crate) fn same_network(&self, flow: &FlowRecord, direction: Direction, exporter: u32) -> bool {
        let differ = |mine: Option<u32>, theirs: Option<u32>| mine.zip(theirs).is_some_and(|(a, b)| a != b);
        let other_vlan = differ(self.vlan.map(u32::from), flow.vlan.map(u32::from));
        let other_vrf = differ(self.vrf, flow.vrf);
        if !self.reported_by(exporter) || !(other_vlan || other_vrf) {
            return true;
        }
        match &self.halves[direction] {
            None => true,
            Some(half) => {
                let vlan = flow.vlan.unwrap_or(0);
                let seen = std::iter::once(&half.first_view).chain(&half.more_views);
                seen.into_iter().any(|view| view.place.exporter == exporter && view.place.vlan == vlan)
            }
        }
    }

    /// The direction of an ICMP request, where one was seen.
    pub(crate) fn icmp_requester(&self) -> Option<Direction> {
        let role = |half: &Half| half.icmp.map(|(kind, _)| icmp_role(self.key.proto, kind));
        (0..2).find_map(|direction| match self.halves[direction].as_ref().and_then(role)? {
            IcmpRole::Request => Some(direction),
            IcmpRole::Reply => Some(1 - direction),
            IcmpRole::Notice => None,
        })
    }
}

/// SYN without ACK, FIN or PSH: nothing but attempts.
pub(crate) fn is_only_syn(flags: Option<u16>) -> bool {
    flags.is_some_and(|flags| flags & (SYN | ACK | FIN | RST | crate::netflow::flow::flag::PSH) == SYN)
}
