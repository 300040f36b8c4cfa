//! From the values of one record to a [`FlowRecord`].
//!
//! Owns which of several fields wins, and time forms; must not know bytes, templates or sessions.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use tracker::Micros;
use tracker::record::{Endpoint, ExportType};

use super::flow::{ExporterKey, FirewallEvent, FlowEnd, FlowRecord, Traffic};
use super::plan::{Slot, Values};
use super::time::{SECOND, believable, from_ntp_or_plain, from_uptime};

const ICMP: u8 = 1;
const ICMP6: u8 = 58;

/// What the message around a record tells of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MessageContext {
    pub(crate) exporter: ExporterKey,
    pub(crate) domain: u32,
    /// 5, 7, 9 or 10.
    pub(crate) version: u16,
    pub(crate) sequence: u32,
    pub(crate) exported: Micros,
    /// `sysUpTime` at export, v5 to v9.
    pub(crate) uptime: Option<u32>,
    /// Start of the exporter (IE 160), where options data told.
    pub(crate) boot: Option<Micros>,
    /// Sampling field of a v5 header.
    pub(crate) v5_sampling: Option<u16>,
    /// Sampling that holds for records that name no sampler.
    pub(crate) sampling: u32,
}

impl MessageContext {
    /// Whether the record came in IPFIX.
    pub(crate) fn export_type(&self) -> ExportType {
        if self.version == 10 { ExportType::Ipfix } else { ExportType::Netflow }
    }
}

fn port(values: &Values, slot: Slot) -> Option<u16> {
    values.get(slot).map(|port| port as u16)
}

fn address(values: &Values, four: Slot, six: Slot) -> Option<IpAddr> {
    let v4 = values.get(four).map(|bits| Ipv4Addr::from_bits(bits as u32));
    let v6 = values.wide(six).map(|bits| IpAddr::V6(Ipv6Addr::from_bits(bits)).to_canonical());
    match (v4, v6) {
        // Templates with both families fill the other one with zeros.
        (Some(v4), Some(v6)) if v4.is_unspecified() => Some(v6),
        (Some(v4), _) => Some(IpAddr::V4(v4)),
        (None, v6) => v6,
    }
}

/// The flow record, `None` when the record has no two addresses. `sampling` resolves a sampler's id to its interval.
pub(crate) fn flow_record(
    values: &Values,
    context: &MessageContext,
    sampling: impl Fn(u64) -> Option<u32>,
) -> Option<FlowRecord> {
    let src = address(values, Slot::Src4, Slot::Src6)?;
    let dst = address(values, Slot::Dst4, Slot::Dst6)?;
    let icmp = icmp_type_code(values);
    let ports = (port(values, Slot::SrcPort).unwrap_or(0), port(values, Slot::DstPort).unwrap_or(0));
    let flags_known = values.has(Slot::Flags) || values.has(Slot::InitialFlags);
    let proto = match values.get(Slot::Proto) {
        Some(proto) => proto as u8,
        None if flags_known => 6,
        None if icmp.is_some() => {
            if src.is_ipv4() {
                ICMP
            } else {
                ICMP6
            }
        }
        None => 0,
    };
    let is_icmp = matches!(proto, ICMP | ICMP6);
    // v5 and many v9 exporters put type * 256 + code into the destination port.
    let icmp = is_icmp.then(|| icmp.unwrap_or(((ports.1 >> 8) as u8, ports.1 as u8)));
    let (start, end, time_repaired) = times(values, context);
    let (src_port, dst_port) = if is_icmp { (0, 0) } else { ports };
    let firewall = firewall_event(values);
    Some(FlowRecord {
        exporter: context.exporter,
        domain: context.domain,
        export_type: context.export_type(),
        exported: context.exported,
        start,
        end,
        proto,
        src: Endpoint { ip: src, port: src_port },
        dst: Endpoint { ip: dst, port: dst_port },
        icmp,
        forward: forward(values),
        reverse: reverse(values),
        source_initiates: initiates(values),
        ended: flow_end(values),
        firewall,
        firewall_reason: values.get(Slot::FwExtEvent).map(|reason| reason as u16),
        nsel: values.has(Slot::FwExtEvent) && firewall.is_some(),
        sampling: interval(values, context, sampling),
        input_interface: values.get(Slot::IngressIf).map(|index| index as u32),
        output_interface: values.get(Slot::EgressIf).map(|index| index as u32),
        vlan: values.get(Slot::Vlan).map(|id| id as u16 & 0x0fff).filter(|&id| id != 0),
        vrf: values.get(Slot::Vrf).map(|id| id as u32).filter(|&id| id != 0),
        tunnel: values.get(Slot::Tunnel).map(|id| (id & 0xffff_ffff) as u32).filter(|&id| id != 0),
        nat_src: translated(values, Slot::NatSrc4, Slot::NatSrc6, Slot::NatSrcPort),
        nat_dst: translated(values, Slot::NatDst4, Slot::NatDst6, Slot::NatDstPort),
        new_connections: values.get(Slot::NewConnections),
        src_as: values.get(Slot::SrcAs).map(|asn| asn as u32).filter(|&asn| asn != 0),
        dst_as: values.get(Slot::DstAs).map(|asn| asn as u32).filter(|&asn| asn != 0),
        time_repaired,
    })
}

fn icmp_type_code(values: &Values) -> Option<(u8, u8)> {
    if let Some(both) = values.get(Slot::IcmpTypeCode) {
        return Some(((both >> 8) as u8, both as u8));
    }
    let kind = values.get(Slot::IcmpType)?;
    Some((kind as u8, values.get(Slot::IcmpCode).unwrap_or(0) as u8))
}

fn translated(values: &Values, four: Slot, six: Slot, number: Slot) -> Option<Endpoint> {
    let ip = address(values, four, six).filter(|ip| !ip.is_unspecified())?;
    Some(Endpoint { ip, port: port(values, number).unwrap_or(0) })
}

/// The first of these slots that the record has.
fn first(values: &Values, slots: &[Slot]) -> Option<u64> {
    slots.iter().find_map(|&slot| values.get(slot))
}

fn forward(values: &Values) -> Traffic {
    use Slot::{InitiatorOctets, InitiatorPackets, OctetTotal, Octets, OutOctets, OutPackets, PacketTotal, Packets};
    let union = values.get(Slot::UnionFlags).map(|flags| flags as u16);
    let initial = values.get(Slot::InitialFlags).map(|flags| flags as u16);
    let flags = match (values.get(Slot::Flags).map(|flags| flags as u16), initial, union) {
        (Some(flags), initial, union) => Some(flags | initial.unwrap_or(0) | union.unwrap_or(0)),
        (None, None, None) => None,
        (None, initial, union) => Some(initial.unwrap_or(0) | union.unwrap_or(0)),
    };
    Traffic {
        packets: first(values, &[Packets, PacketTotal, InitiatorPackets, OutPackets]).unwrap_or(0),
        bytes: first(values, &[Octets, OctetTotal, InitiatorOctets, OutOctets]).unwrap_or(0),
        flags: flags.map(|flags| flags & 0x01ff),
        initial_flags: initial,
    }
}

fn reverse(values: &Values) -> Option<Traffic> {
    use Slot::{ResponderOctets, ResponderPackets, RevOctets, RevPackets};
    let union = values.get(Slot::RevUnionFlags).map(|flags| flags as u16);
    let initial = values.get(Slot::RevInitialFlags).map(|flags| flags as u16);
    let plain = values.get(Slot::RevFlags).map(|flags| flags as u16);
    let octets = first(values, &[RevOctets, ResponderOctets]);
    let packets = first(values, &[RevPackets, ResponderPackets]);
    if octets.is_none() && packets.is_none() && plain.is_none() && union.is_none() && initial.is_none() {
        return None;
    }
    let any_flags = plain.is_some() || union.is_some() || initial.is_some();
    let flags = plain.unwrap_or(0) | union.unwrap_or(0) | initial.unwrap_or(0);
    Some(Traffic {
        packets: packets.unwrap_or(0),
        bytes: octets.unwrap_or(0),
        flags: any_flags.then_some(flags & 0x01ff),
        initial_flags: initial,
    })
}

/// `biflowDirection` (RFC 5103 section 6.3), or fields that exist only from the initiator's point of view.
fn initiates(values: &Values) -> Option<bool> {
    match values.get(Slot::Biflow) {
        Some(1) => return Some(true),
        Some(2) => return Some(false),
        _ => {}
    }
    let initiator = values.has(Slot::InitiatorOctets) || values.has(Slot::ResponderOctets);
    initiator.then_some(true)
}

fn flow_end(values: &Values) -> FlowEnd {
    match values.get(Slot::EndReason) {
        Some(1) => FlowEnd::Idle,
        Some(2) => FlowEnd::Active,
        Some(3) => FlowEnd::Detected,
        Some(4 | 5) => FlowEnd::Forced,
        _ => FlowEnd::Unknown,
    }
}

fn firewall_event(values: &Values) -> Option<FirewallEvent> {
    match first(values, &[Slot::FirewallEvent, Slot::FwEvent])? {
        1 => Some(FirewallEvent::Created),
        2 => Some(FirewallEvent::Deleted),
        3 => Some(FirewallEvent::Denied),
        4 => Some(FirewallEvent::Alert),
        5 => Some(FirewallEvent::Updated),
        _ => None,
    }
}

fn interval(values: &Values, context: &MessageContext, sampler: impl Fn(u64) -> Option<u32>) -> u32 {
    if let Some(interval) = values.get(Slot::SamplingInterval).filter(|&n| n > 0) {
        return interval as u32;
    }
    if let Some(packets) = values.get(Slot::SamplingPackets).filter(|&n| n > 0) {
        return ratio(packets, values.get(Slot::SamplingSpace).unwrap_or(0));
    }
    values.get(Slot::SamplerId).and_then(sampler).unwrap_or(context.sampling)
}

/// `samplingPacketInterval` packets are taken, `samplingPacketSpace` are left out (RFC 5477 section 8.2).
pub(crate) fn ratio(taken: u64, skipped: u64) -> u32 {
    let taken = taken.max(1);
    (taken.saturating_add(skipped).div_ceil(taken)).min(u64::from(u32::MAX)) as u32
}

/// First and last packet, and whether they had to be made up.
fn times(values: &Values, context: &MessageContext) -> (Micros, Micros, bool) {
    let exported = context.exported;
    let duration = values
        .get(Slot::DurationMicros)
        .or_else(|| values.get(Slot::DurationMillis).map(|ms| ms.saturating_mul(1000)))
        .map(|micros| micros.min(i64::MAX as u64 / 4) as i64);
    let start = absolute(values, context, true);
    let end = absolute(values, context, false);
    let event = event_time(values, exported);
    let (start, end) = match (start, end, event) {
        (Some(start), Some(end), _) => (start, end),
        (Some(start), None, event) => {
            let end = duration.map(|duration| start.saturating_add(duration)).or(event).unwrap_or(start);
            (start, end)
        }
        (None, Some(end), _) => (duration.map_or(end, |duration| end.saturating_sub(duration)), end),
        (None, None, Some(event)) => (duration.map_or(event, |duration| event.saturating_sub(duration)), event),
        (None, None, None) => (exported.saturating_sub(duration.unwrap_or(0)), exported),
    };
    let length = end.saturating_sub(start).max(0);
    match (believable(start, exported), believable(end, exported)) {
        (true, true) => (start.min(end), end.max(start), false),
        (false, true) => (end, end, true),
        (true, false) => (start, start, true),
        (false, false) => {
            let length = if length > super::time::DAY { 0 } else { length };
            (exported - length, exported, true)
        }
    }
}

fn absolute(values: &Values, context: &MessageContext, start: bool) -> Option<Micros> {
    use Slot as S;
    let exported = context.exported;
    let pick = |first, last| values.get(if start { first } else { last });
    let scaled = |number: u64, by: Micros| i64::try_from(number).unwrap_or(i64::MAX).saturating_mul(by);
    if let Some(ms) = pick(S::StartMillis, S::EndMillis).filter(|&ms| ms > 0) {
        return Some(scaled(ms, 1000));
    }
    if let Some(stamp) = pick(S::StartNanos, S::EndNanos).filter(|&stamp| stamp > 0) {
        return Some(from_ntp_or_plain(stamp, 1000, exported));
    }
    if let Some(stamp) = pick(S::StartMicros, S::EndMicros).filter(|&stamp| stamp > 0) {
        return Some(from_ntp_or_plain(stamp, 1, exported));
    }
    if let Some(before) = pick(S::StartDelta, S::EndDelta) {
        return Some(exported.saturating_sub(scaled(before, 1)));
    }
    if let Some(seconds) = pick(S::StartSeconds, S::EndSeconds).filter(|&seconds| seconds > 0) {
        return Some(scaled(seconds, SECOND));
    }
    let uptime = pick(S::StartUptime, S::EndUptime)?;
    if let Some(at_export) = context.uptime {
        return Some(from_uptime(uptime as u32, at_export, exported));
    }
    let boot = values.get(S::BootMillis).map(|ms| scaled(ms, 1000)).or(context.boot);
    // IPFIX without a boot time: the last packet counts as just exported.
    let before_export = || {
        let last = values.get(S::EndUptime).unwrap_or(uptime);
        exported.saturating_sub(scaled(u64::from((last as u32).wrapping_sub(uptime as u32)), 1000))
    };
    Some(boot.map_or_else(before_export, |boot| boot.saturating_add(scaled(uptime, 1000))))
}

fn event_time(values: &Values, exported: Micros) -> Option<Micros> {
    let millis = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX).saturating_mul(1000);
    values
        .get(Slot::EventMillis)
        .map(millis)
        .or_else(|| values.get(Slot::EventMicros).map(|stamp| from_ntp_or_plain(stamp, 1, exported)))
        .or_else(|| values.get(Slot::EventNanos).map(|stamp| from_ntp_or_plain(stamp, 1000, exported)))
        .or_else(|| values.get(Slot::EventSeconds).map(|s| millis(s.saturating_mul(1000))))
}
