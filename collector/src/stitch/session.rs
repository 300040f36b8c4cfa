//! One session in the making: what its records said so far.
//!
//! Owns merging of records; must not know time-outs or outcomes.

use tracker::Micros;
use tracker::record::ExportType;

use super::half::{Half, Part, Place, is_only_syn};
use super::held::Slot;
use super::key::{Direction, IcmpRole, TupleKey, icmp_role};
use crate::netflow::flow::flag::{ACK, FIN, RST, SYN};
use crate::netflow::{FirewallEvent, FlowEnd, FlowRecord};

/// A refused attempt that is repeated this soon is the same attempt (stacks that retry after RST).
pub(super) const RETRY_AFTER_RESET: Micros = 3_000_000;

/// What few sessions have.
#[derive(Debug, Clone, Default)]
struct Rare {
    /// Indexes of the exporters that reported it after the first.
    exporters: Vec<u32>,
    vrf: Option<u32>,
    tunnel: Option<u32>,
    firewall_reason: Option<u16>,
}

/// One session in the making. A test holds its size: what every session has takes four lines of the cache.
#[allow(clippy::struct_excessive_bools)] // independent facts, each named by a record
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) key: TupleKey,
    pub(crate) halves: [Option<Half>; 2],
    /// When it is handed out, on the clock of arrival.
    pub(crate) deadline: Micros,
    rare: Option<Box<Rare>>,
    /// Index of the exporter that reported it first.
    pub(crate) first_exporter: u32,
    /// The least sampled view.
    pub(crate) sampling: u32,
    /// Next session with the same key.
    pub(super) next: Option<Slot>,
    pub(crate) vlan: Option<u16>,
    pub(crate) export_type: ExportType,
    /// Whether the higher endpoint initiated, where the exporter says so.
    high_initiates: Option<bool>,
    /// A record covered both directions, used or not; whether its forward side was the higher endpoint's.
    high_is_source: Option<bool>,
    pub(crate) firewall: Option<FirewallEvent>,
    pub(crate) nsel: bool,
    /// The last record said that the flow goes on.
    pub(crate) goes_on: bool,
    /// The last record said that the flow is over, if only for lack of packets.
    pub(crate) over: bool,
    /// Several connections in one record.
    pub(crate) aggregate: bool,
}

impl Session {
    /// A session that a record opens; nothing of the record is in it yet.
    pub(crate) fn new(key: TupleKey, flow: &FlowRecord, exporter: u32) -> Self {
        Self {
            key,
            halves: [None, None],
            deadline: Micros::MIN,
            rare: None,
            first_exporter: exporter,
            sampling: flow.sampling,
            next: None,
            vlan: flow.vlan,
            export_type: flow.export_type,
            high_initiates: None,
            high_is_source: None,
            firewall: None,
            nsel: false,
            goes_on: false,
            over: false,
            aggregate: false,
        }
    }

    /// Reads a little everywhere, so that the processor fetches all of it while others are looked at.
    pub(super) fn touch(&self) {
        let ends = self.halves.each_ref().map(|half| half.as_ref().map(|half| (half.first, half.detected)));
        std::hint::black_box((self.key.proto, self.deadline, self.aggregate, ends));
    }

    /// First packet.
    pub(crate) fn first(&self) -> Micros {
        self.halves.iter().flatten().map(|half| half.first).min().unwrap_or(Micros::MAX)
    }

    /// Last packet.
    pub(crate) fn last(&self) -> Micros {
        self.halves.iter().flatten().map(|half| half.last).max().unwrap_or(Micros::MIN)
    }

    /// Direction of the initiator, where the exporter says so.
    pub(crate) fn initiator(&self) -> Option<Direction> {
        self.high_initiates.map(Direction::from)
    }

    /// A record covered both directions, used or not: the direction of its forward side.
    pub(crate) fn biflow_source(&self) -> Option<Direction> {
        self.high_is_source.map(Direction::from)
    }

    /// Tunnel or segment id.
    pub(crate) fn tunnel(&self) -> Option<u32> {
        self.rare.as_ref().and_then(|rare| rare.tunnel)
    }

    /// Extended firewall event.
    pub(crate) fn firewall_reason(&self) -> Option<u16> {
        self.rare.as_ref().and_then(|rare| rare.firewall_reason)
    }

    /// Indexes of the exporters that reported it, the first reporter first.
    pub(crate) fn exporters(&self) -> impl Iterator<Item = u32> + '_ {
        let others = self.rare.as_ref().map_or(&[][..], |rare| &rare.exporters);
        std::iter::once(self.first_exporter).chain(others.iter().copied())
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
            self.rare.get_or_insert_default().exporters.push(exporter);
        }
        if flow.vrf.is_some() || flow.tunnel.is_some() {
            let rare = self.rare.get_or_insert_default();
            rare.vrf = rare.vrf.or(flow.vrf);
            rare.tunnel = rare.tunnel.or(flow.tunnel);
        }
        self.vlan = self.vlan.or(flow.vlan);
        self.sampling = self.sampling.min(flow.sampling);
        self.nsel |= flow.nsel;
        self.goes_on = flow.ended == FlowEnd::Active || flow.firewall == Some(FirewallEvent::Updated);
        self.over = matches!(flow.ended, FlowEnd::Idle | FlowEnd::Detected | FlowEnd::Forced);
        self.aggregate |= flow.new_connections.is_some_and(|count| count > 1);
        if let Some(event) = flow.firewall
            && self.firewall != Some(FirewallEvent::Deleted)
        {
            self.firewall = Some(event);
            if flow.firewall_reason.is_some() {
                self.rare.get_or_insert_default().firewall_reason = flow.firewall_reason;
            }
        }
        if let Some(initiates) = flow.source_initiates {
            self.high_initiates = Some((direction == 1) == initiates);
        }
        self.add(direction, Part { flow, place, traffic: &flow.forward, forward: true });
        if let Some(reverse) = &flow.reverse {
            self.high_is_source = Some(direction == 1);
            let swapped = Place { input: place.output, output: place.input, ..place };
            if reverse.packets > 0 || reverse.bytes > 0 || reverse.flags.is_some_and(|flags| flags != 0) {
                self.add(1 - direction, Part { flow, place: swapped, traffic: reverse, forward: false });
            }
        }
    }

    fn add(&mut self, direction: Direction, part: Part<'_>) {
        match &mut self.halves[direction] {
            Some(half) => half.merge(part),
            empty => *empty = Some(Half::new(part)),
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
        flow.start - self.last() > if established { 0 } else { RETRY_AFTER_RESET }
    }

    /// Whether a record of the same exporter can be of this session as far as VLAN and VRF go. Another VLAN is fine for
    /// the direction that has not been seen yet (routed between VLANs), and for another exporter.
    pub(crate) fn same_network(&self, flow: &FlowRecord, direction: Direction, exporter: u32) -> bool {
        let differ = |mine: Option<u32>, theirs: Option<u32>| mine.zip(theirs).is_some_and(|(a, b)| a != b);
        let other_vlan = differ(self.vlan.map(u32::from), flow.vlan.map(u32::from));
        let other_vrf = differ(self.rare.as_ref().and_then(|rare| rare.vrf), flow.vrf);
        if !self.reported_by(exporter) || !(other_vlan || other_vrf) {
            return true;
        }
        match &self.halves[direction] {
            None => true,
            Some(half) => {
                let vlan = flow.vlan.unwrap_or(0);
                half.places().any(|place| place.exporter == exporter && place.vlan == vlan)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_takes_four_lines_of_the_cache() {
        assert_eq!(size_of::<Option<Session>>(), 256);
    }
}
