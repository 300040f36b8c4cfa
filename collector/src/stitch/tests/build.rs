//! Makes flow records for tests.

use tracker::Micros;
use tracker::record::{Endpoint, ExportType};

use crate::netflow::flow::flag::{ACK, FIN, PSH, RST, SYN, URG};
use crate::netflow::{ExporterKey, FirewallEvent, FlowEnd, FlowRecord, Traffic};

/// Start of every session made here.
pub(in crate::stitch) const NOW: Micros = 1_700_000_000_000_000;
/// A second.
pub(in crate::stitch) const S: Micros = 1_000_000;

pub(in crate::stitch) fn bits(letters: &str) -> u16 {
    letters
        .chars()
        .map(|letter| match letter {
            'S' => SYN,
            'A' => ACK,
            'F' => FIN,
            'R' => RST,
            'P' => PSH,
            _ => URG,
        })
        .fold(0, |all, bit| all | bit)
}

fn endpoint(ip: &str, port: u16) -> Endpoint {
    Endpoint { ip: ip.parse().unwrap(), port }
}

/// A record of 10.0.0.1:40000 to 10.0.0.2:443 with these flags, one packet, exported a second after its end.
pub(in crate::stitch) fn tcp(flags: &str) -> FlowRecord {
    FlowRecord {
        exporter: ExporterKey { address: "192.0.2.1".parse().unwrap(), port: 0 },
        domain: 0,
        export_type: ExportType::Ipfix,
        exported: NOW + S,
        start: NOW,
        end: NOW,
        proto: 6,
        src: endpoint("10.0.0.1", 40_000),
        dst: endpoint("10.0.0.2", 443),
        icmp: None,
        forward: Traffic { packets: 1, bytes: 60, flags: Some(bits(flags)), initial_flags: None },
        reverse: None,
        source_initiates: None,
        ended: FlowEnd::Unknown,
        firewall: None,
        firewall_reason: None,
        nsel: false,
        sampling: 1,
        input_interface: Some(1),
        output_interface: Some(2),
        vlan: None,
        vrf: None,
        tunnel: None,
        nat_src: None,
        nat_dst: None,
        new_connections: None,
        src_as: Some(64_500),
        dst_as: Some(64_501),
        time_repaired: false,
    }
}

/// Cisco ASA: event, extended event, octets of both sides.
pub(in crate::stitch) fn asa(event: u8, reason: u16, sent: u64, received: u64) -> FlowRecord {
    let mut flow = tcp("").traffic(0, sent);
    flow.forward.flags = None;
    flow.reverse = Some(Traffic { bytes: received, ..Traffic::default() });
    flow.firewall = Some(match event {
        1 => FirewallEvent::Created,
        2 => FirewallEvent::Deleted,
        3 => FirewallEvent::Denied,
        _ => FirewallEvent::Updated,
    });
    flow.firewall_reason = Some(reason);
    flow.nsel = true;
    flow.source_initiates = Some(true);
    flow
}

impl FlowRecord {
    pub(in crate::stitch) fn traffic(mut self, packets: u64, bytes: u64) -> Self {
        self.forward.packets = packets;
        self.forward.bytes = bytes;
        self
    }

    /// The other direction, half a second later.
    pub(in crate::stitch) fn answer(mut self) -> Self {
        std::mem::swap(&mut self.src, &mut self.dst);
        std::mem::swap(&mut self.input_interface, &mut self.output_interface);
        std::mem::swap(&mut self.src_as, &mut self.dst_as);
        self.start += S / 2;
        self.end += S / 2;
        self
    }

    /// So much later, and so long.
    pub(in crate::stitch) fn at(mut self, after: Micros, length: Micros) -> Self {
        self.start = NOW + after;
        self.end = self.start + length;
        self.exported = self.end + S;
        self
    }

    pub(in crate::stitch) fn from(mut self, exporter: &str) -> Self {
        self.exporter.address = exporter.parse().unwrap();
        self
    }

    pub(in crate::stitch) fn port(mut self, port: u16) -> Self {
        self.src.port = port;
        self
    }

    pub(in crate::stitch) fn because(mut self, ended: FlowEnd) -> Self {
        self.ended = ended;
        self
    }

    pub(in crate::stitch) fn udp(mut self) -> Self {
        self.proto = 17;
        self.forward.flags = None;
        self
    }
}
