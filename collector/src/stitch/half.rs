//! What one endpoint of a session sent, as far as records told.
//!
//! Owns the merging of one direction; must not know the other one. Small, because hundreds of thousands wait in memory.

use tracker::Micros;

use crate::netflow::flow::flag::{ACK, FIN, PSH, RST, SYN};
use crate::netflow::{FlowEnd, FlowRecord, Traffic};

/// Places per direction whose counts are kept apart, beyond the first.
const MAX_VIEWS: usize = 16;

/// Where in an exporter a direction was seen; records of another place are another view of the same packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) exporter: u32,
    pub(crate) input: u32,
    pub(crate) output: u32,
    pub(crate) vlan: u16,
}

/// One direction of a record: where, what, and whether it is the record's own direction.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part<'a> {
    pub(crate) flow: &'a FlowRecord,
    pub(crate) place: Place,
    pub(crate) traffic: &'a Traffic,
    pub(crate) forward: bool,
}

impl Part<'_> {
    /// Autonomous systems of the sender and the receiver.
    fn systems(&self) -> (Option<u32>, Option<u32>) {
        if self.forward { (self.flow.src_as, self.flow.dst_as) } else { (self.flow.dst_as, self.flow.src_as) }
    }

    fn icmp(&self) -> Option<(u8, u8)> {
        self.flow.icmp.filter(|_| self.forward)
    }

    fn syns(&self) -> u32 {
        if is_only_syn(self.traffic.flags) { u32::try_from(self.traffic.packets).unwrap_or(u32::MAX) } else { 0 }
    }
}

#[derive(Debug, Clone, Copy)]
struct View {
    place: Place,
    packets: u64,
    bytes: u64,
}

/// What was counted at further places.
#[derive(Debug, Clone, Default)]
struct Views(Vec<View>);

/// What one endpoint sent.
#[derive(Debug, Clone)]
pub(crate) struct Half {
    /// Counts at the place that reported it first.
    packets: u64,
    bytes: u64,
    pub(crate) first: Micros,
    pub(crate) last: Micros,
    more: Option<Box<Views>>,
    exporter: u32,
    input: u32,
    output: u32,
    /// SYNs counted from records that hold nothing but SYNs.
    pub(crate) syns: u32,
    pub(crate) src_as: Option<u32>,
    pub(crate) dst_as: Option<u32>,
    pub(crate) flags: Option<u16>,
    pub(crate) initial_flags: Option<u16>,
    vlan: u16,
    pub(crate) icmp: Option<(u8, u8)>,
    /// Whether the first place told the interface that packets came in by, and the one that they left by.
    has_input: bool,
    has_output: bool,
    /// The exporter saw the end.
    pub(crate) detected: bool,
}

impl Half {
    pub(crate) fn new(part: Part<'_>) -> Self {
        let Part { flow, place, traffic, forward } = part;
        let (src_as, dst_as) = part.systems();
        let (input, output) = (flow.input_interface.is_some(), flow.output_interface.is_some());
        let (has_input, has_output) = if forward { (input, output) } else { (output, input) };
        Self {
            packets: traffic.packets,
            bytes: traffic.bytes,
            first: flow.start,
            last: flow.end,
            more: None,
            exporter: place.exporter,
            input: place.input,
            output: place.output,
            syns: part.syns(),
            src_as,
            dst_as,
            flags: traffic.flags,
            initial_flags: traffic.initial_flags,
            vlan: place.vlan,
            icmp: part.icmp(),
            has_input,
            has_output,
            detected: flow.ended == FlowEnd::Detected,
        }
    }

    /// Adds a record.
    pub(crate) fn merge(&mut self, part: Part<'_>) {
        let Part { flow, place, traffic, .. } = part;
        self.flags = match (self.flags, traffic.flags) {
            (Some(mine), Some(theirs)) => Some(mine | theirs),
            (mine, theirs) => mine.or(theirs),
        };
        if flow.start < self.first {
            self.initial_flags = traffic.initial_flags.or(self.initial_flags);
        }
        self.first = self.first.min(flow.start);
        self.last = self.last.max(flow.end);
        // Another place's view of the same SYNs is no further SYN.
        let syns = part.syns();
        self.syns = if self.place() == place { self.syns.saturating_add(syns) } else { self.syns.max(syns) };
        self.count(place, traffic);
        self.icmp = self.icmp.or(part.icmp());
        let (src_as, dst_as) = part.systems();
        self.src_as = self.src_as.or(src_as);
        self.dst_as = self.dst_as.or(dst_as);
        self.detected |= flow.ended == FlowEnd::Detected;
    }

    fn count(&mut self, place: Place, traffic: &Traffic) {
        let (packets, bytes) = if self.place() == place {
            (&mut self.packets, &mut self.bytes)
        } else {
            let views = &mut self.more.get_or_insert_default().0;
            let at = views.iter().position(|view| view.place == place).unwrap_or_else(|| {
                views.push(View { place, packets: 0, bytes: 0 });
                views.len() - 1
            });
            // The one place too many has not been counted anywhere.
            views.truncate(MAX_VIEWS);
            let Some(view) = views.get_mut(at) else { return };
            (&mut view.packets, &mut view.bytes)
        };
        *packets = packets.saturating_add(traffic.packets);
        *bytes = bytes.saturating_add(traffic.bytes);
    }

    /// The place that reported it first.
    fn place(&self) -> Place {
        Place { exporter: self.exporter, input: self.input, output: self.output, vlan: self.vlan }
    }

    fn further(&self) -> &[View] {
        self.more.as_ref().map_or(&[], |views| &views.0)
    }

    /// Every place that it was seen at.
    pub(crate) fn places(&self) -> impl Iterator<Item = Place> + '_ {
        std::iter::once(self.place()).chain(self.further().iter().map(|view| view.place))
    }

    /// Packets and octets as seen from the place that saw most.
    pub(crate) fn totals(&self) -> (u64, u64) {
        self.further().iter().map(|view| (view.packets, view.bytes)).fold((self.packets, self.bytes), Ord::max)
    }

    /// Index of the interface that packets of this direction came in by.
    pub(crate) fn input_interface(&self) -> Option<u32> {
        self.has_input.then_some(self.input)
    }

    /// Index of the interface that they left by.
    pub(crate) fn output_interface(&self) -> Option<u32> {
        self.has_output.then_some(self.output)
    }

    pub(crate) fn has(&self, bits: u16) -> bool {
        self.flags.is_some_and(|flags| flags & bits == bits)
    }
}

/// SYN without ACK, FIN or PSH: nothing but attempts.
pub(crate) fn is_only_syn(flags: Option<u16>) -> bool {
    flags.is_some_and(|flags| flags & (SYN | ACK | FIN | RST | PSH) == SYN)
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use tracker::record::ExportType;

    use super::*;
    use crate::netflow::ExporterKey;

    #[test]
    fn places_beyond_the_limit_are_not_counted_and_take_no_room() {
        let exporter = ExporterKey { address: IpAddr::from([10, 0, 0, 1]), port: 0 };
        let flow = FlowRecord::empty(exporter, 0, ExportType::Ipfix, 0);
        let place = |input| Place { exporter: 0, input, output: 0, vlan: 0 };
        let traffic = |packets| Traffic { packets, bytes: packets * 100, ..Traffic::default() };
        let once = traffic(1);
        let mut half = Half::new(Part { flow: &flow, place: place(0), traffic: &once, forward: true });
        let mut merge = |input, packets| {
            half.merge(Part { flow: &flow, place: place(input), traffic: &traffic(packets), forward: true });
        };
        (0..100).for_each(|input| merge(input, u64::from(input)));
        merge(3, 13);
        assert_eq!(half.places().count(), 1 + MAX_VIEWS);
        assert_eq!(half.totals(), (16, 1_600));
    }
}
